//! The cache itself, in front of memory and folder.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::config::CacheConfig;
use super::digest::{CacheSpace, TextKey};
use super::directory::{Directory, Read};
use super::metrics::{CacheFault, CacheMetrics};
use super::segment::file_bytes;
use super::state::State;
use crate::Error;

/// A segment is closed at this size, or at an eighth of the bound.
const SEGMENT_BYTES: u64 = 8 << 20;
/// Fewer entries than this are no cache.
const MIN_ENTRIES: u64 = 8;
/// How often a folder is listed while others merge its files.
const LISTS: usize = 4;

/// Vectors by text. It may be shared by threads: none waits while another encodes.
///
/// ```
/// use instructue_encoders::cache::{CacheConfig, CacheSpace, Digest, TextKey, VectorCache};
/// use instructue_encoders::Error;
///
/// # fn main() -> Result<(), Error> {
/// let space = CacheSpace {
///     encoder: Digest::of("weights"),
///     tokenizer: Digest::of("vocabulary"),
///     width: 1,
/// };
/// let cache = VectorCache::open(&CacheConfig::default(), space)?;
/// let texts = ["tea", "coffee", "tea"];
/// let encode = |missing: &[usize]| {
///     let lengths = missing.iter().map(|&i| texts[i].len() as f32);
///     Ok::<_, Error>(lengths.collect())
/// };
/// let keys = texts.map(TextKey::of_text);
/// assert_eq!(cache.vectors(&keys, encode)?, [3.0, 6.0, 3.0]);
/// assert_eq!(cache.metrics().misses, 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct VectorCache {
    space: CacheSpace,
    max_bytes: u64,
    segment_bytes: u64,
    directory: Option<Directory>,
    state: Mutex<State>,
}

impl VectorCache {
    /// Opens a cache and reads what is there for this space.
    ///
    /// # Errors
    /// [`Error::Config`] when not even eight vectors fit the bound, or vectors have
    /// no width; [`Error::Cache`] when the folder cannot be used.
    pub fn open(config: &CacheConfig, space: CacheSpace) -> Result<Self, Error> {
        if space.width == 0 || space.width > 1 << 20 {
            let expected = "from 1 to 1048576";
            return Err(Error::config("CacheSpace", "width", space.width, expected));
        }
        // A segment each, as small as segments get.
        let least = MIN_ENTRIES * file_bytes(space.width, 1);
        if config.max_bytes < least {
            let expected = format!("at least {least} for vectors of width {}", space.width);
            let found = config.max_bytes;
            return Err(Error::config("CacheConfig", "max_bytes", found, expected));
        }
        let directory = match &config.dir {
            Some(dir) => Some(Directory::open(dir, &space)?),
            None => None,
        };
        let cache = Self {
            space,
            max_bytes: config.max_bytes,
            segment_bytes: SEGMENT_BYTES.min(config.max_bytes / MIN_ENTRIES),
            directory,
            state: Mutex::new(State::new(space.width)),
        };
        let mut state = cache.state();
        cache.bound(&mut state)?;
        cache.read_new(&mut state)?;
        cache.compact(&mut state)?;
        drop(state);
        Ok(cache)
    }

    /// Encoder, tokenizer and width.
    pub fn space(&self) -> &CacheSpace {
        &self.space
    }

    /// The vectors of texts, `[keys, width]`, in their order.
    ///
    /// `encode` gets the places of texts whose vectors are not known, each distinct
    /// text once, and returns their vectors, `[places, width]`; it is not called if
    /// there are none. Two threads that miss the same text at once both encode it,
    /// and the vector that came first stays. Entries reach the disk when a segment
    /// is full, by [`flush`](Self::flush), and when the cache is dropped.
    ///
    /// A segment that cannot be written stays in memory and is among the
    /// [`faults`](Self::faults): a full disk does not end a run.
    ///
    /// # Errors
    /// Those of `encode`, and [`Error::Vectors`] when it returns another number of
    /// values or one that is not finite. Nothing wrong is kept.
    pub fn vectors<E: From<Error>>(
        &self,
        keys: &[TextKey],
        encode: impl FnOnce(&[usize]) -> Result<Vec<f32>, E>,
    ) -> Result<Vec<f32>, E> {
        let width = self.space.width;
        let mut out = vec![0.0; keys.len() * width];
        let mut places = Vec::new();
        // Of each unknown text its number among them; of each place without a
        // vector the same.
        let mut unknown: HashMap<TextKey, usize> = HashMap::new();
        let mut waiting = Vec::new();
        let mut state = self.state();
        for ((place, key), row) in keys.iter().enumerate().zip(out.chunks_exact_mut(width)) {
            match state.get(key) {
                Some(vector) => row.copy_from_slice(vector),
                None => {
                    let number = *unknown.entry(*key).or_insert_with(|| {
                        places.push(place);
                        places.len() - 1
                    });
                    waiting.push((place, number));
                }
            }
        }
        state.metrics.hits += (keys.len() - places.len()) as u64;
        state.metrics.misses += places.len() as u64;
        drop(state);
        if places.is_empty() {
            return Ok(out);
        }

        let mut values = encode(&places)?;
        self.check(&values, &places)?;
        let mut state = self.state();
        for (&place, vector) in places.iter().zip(values.chunks_exact_mut(width)) {
            match state.get(&keys[place]) {
                Some(first) => vector.copy_from_slice(first),
                None => {
                    state.insert(keys[place], vector);
                    let entries = state.open().keys.len() as u64 + 1;
                    if file_bytes(width, entries) > self.segment_bytes
                        && let Err(error) = self.close_segment(&mut state)
                    {
                        state.note(error);
                    }
                }
            }
        }
        drop(state);
        for (place, number) in waiting {
            out[place * width..(place + 1) * width]
                .copy_from_slice(&values[number * width..(number + 1) * width]);
        }
        Ok(out)
    }

    /// Writes what is in no file yet, takes in what other processes wrote, and merges
    /// small files where there are many.
    ///
    /// # Errors
    /// [`Error::Cache`] when the folder cannot be read or written.
    pub fn flush(&self) -> Result<(), Error> {
        let mut state = self.state();
        if self.directory.is_some() {
            self.close_segment(&mut state)?;
            self.read_new(&mut state)?;
            self.compact(&mut state)?;
        }
        Ok(())
    }

    /// [`flush`](Self::flush) for whom a folder that cannot be used ends nothing: the
    /// error is among the [`faults`](Self::faults).
    pub fn keep(&self) {
        if let Err(error) = self.flush() {
            self.state().note(error);
        }
    }

    /// Counts and size.
    pub fn metrics(&self) -> CacheMetrics {
        self.state().metrics
    }

    /// The files that were not trusted, or not written, since the cache was opened.
    pub fn faults(&self) -> Vec<CacheFault> {
        self.state().faults.clone()
    }

    fn check(&self, values: &[f32], places: &[usize]) -> Result<(), Error> {
        let expected = places.len() * self.space.width;
        if values.len() != expected {
            return Err(Error::Vectors {
                expected: format!("{expected} values for {} texts", places.len()),
                found: values.len().to_string(),
            });
        }
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::Vectors {
                expected: "finite values".into(),
                found: format!("{} in text {}", values[at], places[at / self.space.width]),
            }),
        }
    }

    /// Nothing that holds the lock can leave a state that is wrong, so a thread
    /// that panicked elsewhere does not matter.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_segment(&self, state: &mut State) -> Result<(), Error> {
        if state.open().keys.is_empty() {
            return Ok(());
        }
        let written = self.directory.as_ref().map(|to| to.write(state.open()));
        state.seal();
        state.bound(self.max_bytes);
        if let Some(name) = written.transpose()? {
            state.seen.insert(name);
        }
        self.bound(state)
    }

    fn bound(&self, state: &mut State) -> Result<(), Error> {
        state.bound(self.max_bytes);
        if let Some(directory) = &self.directory {
            state.metrics.dropped_files += directory.bound(self.max_bytes)?;
        }
        Ok(())
    }

    /// Reads segments that were not read before.
    fn read_new(&self, state: &mut State) -> Result<(), Error> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        // What is gone may stand in a merged file that came after the list.
        for _ in 0..LISTS {
            let mut gone = false;
            for name in directory.names()? {
                if state.seen.contains(&name) {
                    continue;
                }
                match directory.read(&name) {
                    Read::Whole(segment) => state.add(segment),
                    Read::Gone => gone = true,
                    Read::Fault(fault) => state.fault(fault),
                }
                state.seen.insert(name);
            }
            if !gone {
                break;
            }
        }
        state.bound(self.max_bytes);
        Ok(())
    }

    /// Merges small files where there are many.
    fn compact(&self, state: &mut State) -> Result<(), Error> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let done = directory.compact(self.space.width, self.segment_bytes)?;
        done.faults.into_iter().for_each(|fault| state.fault(fault));
        for (written, merged) in done.written {
            state.metrics.merged_files += merged.len() as u64;
            // Another process may have written one of them a moment ago.
            if merged.iter().all(|name| state.seen.contains(name)) {
                state.seen.insert(written);
            }
        }
        Ok(())
    }
}

/// Writes what is in no file yet. What cannot be written is encoded again another
/// time; call [`VectorCache::flush`] to learn of it.
impl Drop for VectorCache {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}
