//! The tests of `instructue-gguf` that go through its public interface, in one binary.

mod common;
mod container;
mod damaged;
mod reference;
mod tokenizer;
