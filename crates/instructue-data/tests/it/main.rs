//! The tests of `instructue-data` that go through its public interface, in one binary.

mod bad_files;
mod bad_rows;
mod common;
mod complete_journey;
mod folders;
mod foreign_files;
mod gguf_tokenizer;
mod ingest;
mod ingest_order;
mod ingest_property;
mod parquet_kinds;
mod parquet_parts;
mod times;
mod unigram;
