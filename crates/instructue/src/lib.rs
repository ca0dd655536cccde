//! Instruction-aware user embeddings: the facade over the instructue crates.
