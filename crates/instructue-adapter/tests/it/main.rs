//! The tests of the public interface of `instructue-adapter`, in one binary.

mod adapter;
mod common;
mod golden;
mod summary;
