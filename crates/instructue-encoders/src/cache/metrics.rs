//! What a cache did, and what it found wrong.

use std::path::PathBuf;

/// Counts since the cache was opened, and its present size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheMetrics {
    /// Texts whose vector was there, or that stood in the same call before.
    pub hits: u64,
    /// Texts that were encoded.
    pub misses: u64,
    /// Entries that left memory because of the bound.
    pub dropped: u64,
    /// Files that were removed because of the bound, of any space.
    pub dropped_files: u64,
    /// Files that were not what they should be, or could not be written.
    pub faults: u64,
    /// Entries in memory.
    pub entries: u64,
    /// Bytes of those.
    pub bytes: u64,
}

impl CacheMetrics {
    /// The share of texts that needed no encoding; `None` before the first.
    pub fn hit_rate(&self) -> Option<f64> {
        let all = self.hits + self.misses;
        (all > 0).then(|| self.hits as f64 / all as f64)
    }
}

/// A file that was not trusted, or could not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheFault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, expected and found.
    pub reason: String,
}
