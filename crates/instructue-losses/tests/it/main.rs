//! The tests of the public interface of `instructue-losses`, in one binary.

mod common;
mod contrastive;
mod grad_cache;
mod next_token;
mod prototype;
