//! The tests of `instructue-pipeline` that go through its public interface, in one binary.

mod answers;
mod bad_input;
mod common;
mod event_cache;
mod hub;
mod one_fold;
mod pretrained;
mod privacy;
mod suite;
mod wide;
