//! What a cache holds in memory: segments by text, up to its bound.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;

use super::digest::TextKey;
use super::metrics::{CacheFault, CacheMetrics};
use super::segment::{Segment, entry_bytes};
use crate::Error;

/// Segments, oldest first; the last one takes new entries.
#[derive(Debug)]
pub(super) struct State {
    width: usize,
    /// Number of the first of `sealed`.
    first: u64,
    sealed: VecDeque<Segment>,
    open: Segment,
    /// Segment number and row.
    index: HashMap<TextKey, (u64, usize)>,
    /// Files that were read, written or refused.
    pub seen: HashSet<OsString>,
    pub faults: Vec<CacheFault>,
    pub metrics: CacheMetrics,
}

impl State {
    pub fn new(width: usize) -> Self {
        Self {
            width,
            first: 0,
            sealed: VecDeque::new(),
            open: Segment::default(),
            index: HashMap::new(),
            seen: HashSet::new(),
            faults: Vec::new(),
            metrics: CacheMetrics::default(),
        }
    }

    /// A text's vector.
    pub fn get(&self, key: &TextKey) -> Option<&[f32]> {
        let (segment, row) = *self.index.get(key)?;
        let from = (segment - self.first) as usize;
        let segment = self.sealed.get(from).unwrap_or(&self.open);
        Some(&segment.values[row * self.width..(row + 1) * self.width])
    }

    /// Adds a text that is not there.
    pub fn insert(&mut self, key: TextKey, vector: &[f32]) {
        let number = self.first + self.sealed.len() as u64;
        self.index.insert(key, (number, self.open.keys.len()));
        self.open.keys.push(key);
        self.open.values.extend(vector);
        self.metrics.entries += 1;
        self.metrics.bytes += entry_bytes(self.width);
    }

    /// The entries that are in no file yet.
    pub fn open(&self) -> &Segment {
        &self.open
    }

    /// Keeps a file's fault for those who ask.
    pub fn fault(&mut self, fault: CacheFault) {
        self.metrics.faults += 1;
        self.faults.push(fault);
    }

    /// Keeps an error that ends nothing.
    pub fn note(&mut self, error: Error) {
        let (path, reason) = match error {
            Error::Cache(error) => (error.path().into(), error.reason()),
            other => (PathBuf::new(), other.to_string()),
        };
        self.fault(CacheFault { path, reason });
    }

    /// Ends the open segment.
    pub fn seal(&mut self) {
        if !self.open.keys.is_empty() {
            self.sealed.push_back(std::mem::take(&mut self.open));
        }
    }

    /// Takes in what another process wrote; what is known already stays.
    pub fn add(&mut self, segment: Segment) {
        // Entries of the open segment keep their numbers only if it stays last.
        debug_assert!(self.open.keys.is_empty());
        for (row, key) in segment.keys.iter().enumerate() {
            if !self.index.contains_key(key) {
                let vector = &segment.values[row * self.width..(row + 1) * self.width];
                self.insert(*key, vector);
            }
        }
        self.seal();
    }

    /// Drops the oldest segments until `max_bytes` hold the rest.
    pub fn bound(&mut self, max_bytes: u64) {
        while self.metrics.bytes > max_bytes {
            let Some(oldest) = self.sealed.pop_front() else {
                return;
            };
            for key in &oldest.keys {
                self.index.remove(key);
            }
            self.first += 1;
            let entries = oldest.keys.len() as u64;
            self.metrics.entries -= entries;
            self.metrics.bytes -= entries * entry_bytes(self.width);
            self.metrics.dropped += entries;
        }
    }
}
