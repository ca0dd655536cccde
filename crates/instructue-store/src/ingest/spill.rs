//! Temporary files of rows, one per source and shard. The first pass appends to them, the second
//! reads them.
//!
//! Whatever the number of shards, only `budget` bytes wait in memory and one file is open at a
//! time.

use std::path::{Path, PathBuf};

use instructue_fs::{AppendFile, read, remove_file};

use crate::error::Result;

/// The number of bytes that may wait in memory.
pub(crate) const BUDGET: usize = 128 << 20;

/// A writer for the rows of one source.
pub(crate) struct Spill {
    directory: PathBuf,
    source: usize,
    buffers: Vec<Vec<u8>>,
    held: usize,
    budget: usize,
}

impl Spill {
    pub(crate) fn new(directory: &Path, source: usize, shards: usize, budget: usize) -> Self {
        let buffers = vec![Vec::new(); shards];
        Self {
            directory: directory.into(),
            source,
            buffers,
            held: 0,
            budget,
        }
    }

    pub(crate) fn push(&mut self, shard: usize, row: &[u8]) -> Result<()> {
        self.buffers[shard].extend_from_slice(row);
        self.held += row.len();
        if self.held > self.budget {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the waiting bytes to the files.
    pub(crate) fn flush(&mut self) -> Result<()> {
        for (shard, buffer) in self.buffers.iter_mut().enumerate() {
            if buffer.is_empty() {
                continue;
            }
            let path = path(&self.directory, self.source, shard);
            AppendFile::open(&path)?.append(buffer)?;
            *buffer = Vec::new();
        }
        self.held = 0;
        Ok(())
    }
}

/// Returns the rows of one source and shard in the order in which they were pushed, and removes
/// the file.
pub(crate) fn take(directory: &Path, source: usize, shard: usize) -> Result<Vec<u8>> {
    let path = path(directory, source, shard);
    match read(&path) {
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(error.into()),
        Ok(bytes) => {
            remove_file(&path)?;
            Ok(bytes)
        }
    }
}

fn path(directory: &Path, source: usize, shard: usize) -> PathBuf {
    directory.join(format!("{source}-{shard}"))
}

/// Appends an optional text.
pub(crate) fn put_text(row: &mut Vec<u8>, text: Option<&str>) {
    let mut length = text.map_or(0, |text| text.len() as u64 + 1);
    while length >= 0x80 {
        row.push(length as u8 | 0x80);
        length >>= 7;
    }
    row.push(length as u8);
    row.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// A reader of encoded rows, part by part. It returns `None` past the end or at damage.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.bytes.split_first_chunk::<N>()?;
        self.bytes = rest;
        Some(*part)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(part)
    }

    pub(crate) fn text(&mut self) -> Option<Option<&'a str>> {
        let mut length = 0_u64;
        for shift in (0..63).step_by(7) {
            let [byte] = self.array()?;
            length |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        let Some(length) = length.checked_sub(1) else {
            return Some(None);
        };
        let part = self.bytes(usize::try_from(length).ok()?)?;
        Some(Some(std::str::from_utf8(part).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_read_back() {
        let long = "ä".repeat(300);
        let mut row = Vec::new();
        for text in [None, Some(""), Some("a"), Some(long.as_str())] {
            put_text(&mut row, text);
        }
        row.extend_from_slice(&(-5_i64).to_le_bytes());
        let mut cursor = Cursor::new(&row);
        assert_eq!(cursor.text(), Some(None));
        assert_eq!(cursor.text(), Some(Some("")));
        assert_eq!(cursor.text(), Some(Some("a")));
        assert_eq!(cursor.text(), Some(Some(long.as_str())));
        assert_eq!(cursor.array().map(i64::from_le_bytes), Some(-5));
        assert!(cursor.is_empty());
        assert_eq!(cursor.array::<1>(), None);
        assert_eq!(Cursor::new(&row[..5]).text(), Some(None));
        assert_eq!(Cursor::new(&[9, b'a']).text(), None);
    }

    #[test]
    fn a_small_budget_loses_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(directory.path(), 0, 3, 10);
        for i in 0..100_u8 {
            spill.push(usize::from(i % 2), &[i]).unwrap();
            assert!(spill.held <= 10);
        }
        spill.flush().unwrap();
        let even: Vec<u8> = (0..100).step_by(2).collect();
        assert_eq!(take(directory.path(), 0, 0).unwrap(), even);
        assert_eq!(take(directory.path(), 0, 1).unwrap().len(), 50);
        assert!(take(directory.path(), 0, 2).unwrap().is_empty());
        assert!(take(directory.path(), 0, 0).unwrap().is_empty());
    }
}
