//! The tests of `instructue-losses` that go through its public interface, in one binary.

mod common;
mod contrastive;
mod grad_cache;
mod next_token;
mod prototype;
