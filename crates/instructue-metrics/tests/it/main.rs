//! The tests of `instructue-metrics` that go through its public interface, in one binary.

mod golden;
mod measures;
mod properties;
