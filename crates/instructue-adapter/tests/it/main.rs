//! The tests of `instructue-adapter` that go through its public interface, in one binary.

mod adapter;
mod golden;
mod summary;
