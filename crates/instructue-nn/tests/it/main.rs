//! The tests of `instructue-nn` that go through its public interface, in one binary.

mod checkpoint;
mod kernels;
mod layers;
mod merge;
mod precision;
