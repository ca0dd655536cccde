//! Encoders, adapters and backbone composed into one model: profile + instruction to vector.
