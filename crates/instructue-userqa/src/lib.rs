//! Rule-based UserQA: verifiable instruction and answer triples from user histories.
mod builder;
mod config;
mod cut;
mod error;
mod files;
mod fit;
mod pool;
mod report;
mod rules;
mod table;
#[cfg(test)]
mod testing;
mod thresholds;
mod triple;
mod verify;
mod words;

pub use builder::{ShardTriples, TripleBuilder};
pub use config::{Split, UserQaConfig, default_held_out, split_of};
pub use error::{Error, Result};
pub use files::{MANIFEST_FILE, Manifest, TRIPLES_FILE, UserQa, build};
pub use pool::Popular;
pub use report::{FamilyCounts, UserQaReport};
pub use rules::{Family, families};
pub use thresholds::Thresholds;
pub use triple::{Facts, Finding, Ranked, Triple, TripleKind, Week};
pub use verify::{Mismatch, verify};
pub use words::MAX_VALUE_CHARS;
