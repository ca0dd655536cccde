//! The tests of `instructue-encoders` that go through its public interface, in one binary.

mod cache;
mod checkpoint;
mod common;
mod golden;
mod peft;
mod precision;
mod tabular;
mod text;
