//! The tests of `instructue-features` that go through its public interface, in one binary.

mod complete_journey;
mod gguf_tokenizer;
mod unigram;
