//! Vectors of event texts, kept in memory and on disk.
//!
//! Events repeat massively: with a frozen encoder each distinct text needs to be
//! encoded once, ever. A [`VectorCache`] stands before the encoder:
//! texts go in, vectors come out in the same order, and only what it does not know
//! is encoded.
//!
//! # Whose vectors
//! A cache is opened for one [`CacheSpace`]: an encoder and a tokenizer, by their
//! digests. Each space has a folder of its own, and each file names its space, so
//! one encoder never meets another's vectors.
//!
//! # Files
//! A segment is a file that is written whole beside its place, reaches the disk and
//! is then renamed; it is never changed. Readers thus see no half of one, and any
//! number of processes may share a folder: they write different files, and a text
//! that two of them encoded is there twice. Names begin with the time, so the oldest
//! come first.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | mark and version |
//! | 32 | digest of the space |
//! | 4, 4 | width, number of entries |
//! | 32 + 4 · width each | SHA-256 of the text, vector |
//! | 4 | CRC-32C of all before |
//!
//! Numbers are little-endian. A file that is not exactly this is reported
//! ([`VectorCache::faults`]) and removed; its texts are encoded again.
//!
//! # Bounds
//! Memory and folder hold [`CacheConfig::max_bytes`] each, the folder for all spaces
//! together; the oldest segments are dropped. Many small files, as many short runs
//! leave them, are merged into files of at most a segment's size: the merged file
//! comes whole to its place before those that it holds go, so whatever other
//! processes do meanwhile, each entry is always in some file. While that happens the
//! folder holds up to a segment more.

mod compact;
mod config;
mod digest;
mod directory;
mod encode;
mod metrics;
mod segment;
mod state;
mod store;

pub use config::CacheConfig;
pub use digest::{CacheSpace, Digest, TextKey};
pub use metrics::{CacheFault, CacheMetrics};
pub use store::VectorCache;
