//! The tests of the public interface of `instructue-store`, in one binary.

mod bad_files;
mod bad_rows;
mod common;
mod folders;
mod foreign_files;
mod ingest;
mod ingest_order;
mod ingest_property;
mod parquet_kinds;
mod parquet_parts;
mod times;
mod vectors;
