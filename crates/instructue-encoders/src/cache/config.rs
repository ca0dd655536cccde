//! The settings of a cache: where it keeps vectors, and how many.

use std::path::PathBuf;

/// Where vectors are kept and how many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheConfig {
    /// The folder; `None` keeps vectors in memory only.
    pub dir: Option<PathBuf>,
    /// Bytes that memory and folder may hold, each.
    pub max_bytes: u64,
}

impl Default for CacheConfig {
    /// In memory only, a gibibyte: about 680,000 vectors of width 384.
    fn default() -> Self {
        Self {
            dir: None,
            max_bytes: 1 << 30,
        }
    }
}

impl CacheConfig {
    /// A gibibyte in `dir`.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: Some(dir.into()),
            ..Self::default()
        }
    }
}
