//! The tests of `instructue-userqa` that go through its public interface, in one binary.

mod complete_journey;
mod generated;
