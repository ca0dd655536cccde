//! The tests of the public interface of `instructue-features`, in one binary.

mod complete_journey;
mod gguf_tokenizer;
mod unigram;
mod vectors;
mod word_vectors;
