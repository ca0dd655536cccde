//! The tests of `instructue-model` that go through its public interface, in one binary.

mod answers;
mod bad_models;
mod cached;
mod common;
mod encoder_parity;
mod event_cache;
mod invariants;
mod precision;
mod pretrained;
mod sentence_encoder;
mod source_encoders;
mod source_gradients;
mod tuned;
mod vectors;
