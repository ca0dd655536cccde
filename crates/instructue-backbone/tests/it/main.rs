//! The tests of `instructue-backbone` that go through its public interface, in one binary.

mod cache;
mod common;
mod files;
mod gguf;
mod golden;
mod invariants;
mod parity;
mod peft;
mod precision;
mod rope;
mod special;
