//! Reading the header: little-endian, and never past what the file holds.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::{Error, Result};

/// No header is larger: vocabularies of 256 thousand tokens need about 15 MB.
/// With it, what a file claims can at most cost a few times as much memory.
const MAX_HEADER: u64 = 64 << 20;

/// The longest string that a chat template could be.
const MAX_STRING: u64 = 4 << 20;

pub(crate) struct Cursor<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    position: u64,
    /// Bytes of the file, or the limit of a header.
    end: u64,
    /// What is being read, for errors.
    pub(crate) place: String,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(path: &'a Path, file: File, size: u64) -> Self {
        Self {
            path,
            reader: BufReader::with_capacity(1 << 16, file),
            position: 0,
            end: size.min(MAX_HEADER),
            place: String::new(),
        }
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    pub(crate) fn remaining(&self) -> u64 {
        self.end - self.position
    }

    pub(crate) fn error(&self, expected: impl Into<String>, found: impl ToString) -> Error {
        Error::Header {
            path: self.path.into(),
            place: self.place.clone(),
            offset: self.position,
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    pub(crate) fn into_file(self) -> File {
        self.reader.into_inner()
    }

    /// Fails unless `count` elements of at least `width` bytes can follow.
    pub(crate) fn expect(&self, count: u64, width: u64) -> Result<usize> {
        let fits = count
            .checked_mul(width)
            .is_some_and(|bytes| bytes <= self.remaining());
        match usize::try_from(count) {
            Ok(count) if fits => Ok(count),
            _ => {
                let left = self.remaining();
                let expected =
                    format!("at most {} elements in the {left} bytes left", left / width);
                Err(self.error(expected, count))
            }
        }
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Fills a buffer whose length was checked by [`expect`](Self::expect).
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        let wanted = bytes.len() as u64;
        if wanted > self.remaining() {
            let found = format!("{} before the end of the header", self.remaining());
            return Err(self.error(format!("{wanted} bytes"), found));
        }
        self.reader.read_exact(bytes).map_err(|source| Error::Io {
            path: self.path.into(),
            source,
        })?;
        self.position += wanted;
        Ok(())
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    pub(crate) fn string(&mut self) -> Result<String> {
        let length = self.u64()?;
        if length > MAX_STRING || length > self.remaining() {
            let most = MAX_STRING.min(self.remaining());
            return Err(self.error(format!("a string of at most {most} bytes"), length));
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            self.error("UTF-8", format!("an invalid byte at {at} of {length}"))
        })
    }
}
