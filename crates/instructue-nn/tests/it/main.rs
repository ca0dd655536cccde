//! The tests of `instructue-nn` that go through its public interface, in one binary.

mod checkpoint;
mod cross_entropy;
mod kernels;
mod layers;
mod merge;
mod precision;
