//! The tests of `instructue-schema` that go through its public interface, in one binary.

mod declarations;
mod limits;
