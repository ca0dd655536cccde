//! What a cache did, and what it found wrong.

use std::iter::Sum;
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
    /// Small files that were merged into larger ones.
    pub merged_files: u64,
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

    /// What happened since `earlier`, at the present size.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            hits: self.hits - earlier.hits,
            misses: self.misses - earlier.misses,
            dropped: self.dropped - earlier.dropped,
            dropped_files: self.dropped_files - earlier.dropped_files,
            merged_files: self.merged_files - earlier.merged_files,
            faults: self.faults - earlier.faults,
            ..*self
        }
    }
}

/// Of several caches together.
impl Sum for CacheMetrics {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            hits: sum.hits + one.hits,
            misses: sum.misses + one.misses,
            dropped: sum.dropped + one.dropped,
            dropped_files: sum.dropped_files + one.dropped_files,
            merged_files: sum.merged_files + one.merged_files,
            faults: sum.faults + one.faults,
            entries: sum.entries + one.entries,
            bytes: sum.bytes + one.bytes,
        })
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
