//! The tests of the public interface of `instructue-userqa`, in one binary.

mod complete_journey;
mod generated;
