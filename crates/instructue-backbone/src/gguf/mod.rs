//! Decoders from GGUF files, the format of llama.cpp: metadata and quantised weights
//! in one file.

mod config;
mod load;
mod names;
mod source;
