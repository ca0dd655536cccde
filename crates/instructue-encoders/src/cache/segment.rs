//! A segment of the cache: entries that are written, read and dropped together, as one
//! file.

use super::digest::{Digest, TextKey};

const MARK: [u8; 8] = *b"IUEVECS1";
const KEY: usize = 32;
const HEAD: usize = MARK.len() + 32 + 4 + 4;
const TAIL: usize = 4;

/// Bytes of an entry, in memory as in a file.
pub(super) fn entry_bytes(width: usize) -> u64 {
    (KEY + 4 * width) as u64
}

/// Bytes of a file with that many entries.
pub(super) fn file_bytes(width: usize, entries: u64) -> u64 {
    (HEAD + TAIL) as u64 + entries * entry_bytes(width)
}

/// Keys and their vectors, side by side.
#[derive(Debug, Default)]
pub(super) struct Segment {
    pub keys: Vec<TextKey>,
    /// `[keys, width]`
    pub values: Vec<f32>,
}

impl Segment {
    /// The file.
    pub fn encode(&self, space: &Digest, width: usize) -> Vec<u8> {
        let entries = self.keys.len();
        let mut out = Vec::with_capacity(file_bytes(width, entries as u64) as usize);
        out.extend(MARK);
        out.extend(space.0);
        // The store keeps both far below 2³².
        out.extend((width as u32).to_le_bytes());
        out.extend((entries as u32).to_le_bytes());
        for (row, key) in self.keys.iter().enumerate() {
            out.extend(key.0);
            for value in &self.values[row * width..(row + 1) * width] {
                out.extend(value.to_le_bytes());
            }
        }
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// Reads a file of this space, or says what is wrong with it.
    pub fn decode(bytes: &[u8], space: &Digest, width: usize) -> Result<Self, String> {
        let found = bytes.len();
        if found < HEAD + TAIL {
            let least = HEAD + TAIL;
            return Err(format!("expected at least {least} bytes, found {found}"));
        }
        let (body, tail) = bytes.split_at(found - TAIL);
        let (head, mut rest) = body.split_at(HEAD);
        if head[..8] != MARK {
            return Err("expected a segment of event vectors, found another file".into());
        }
        let number = |at: usize| {
            let mut four = [0; 4];
            four.copy_from_slice(&head[at..at + 4]);
            u64::from(u32::from_le_bytes(four))
        };
        let (wide, entries) = (number(40), number(44));
        let expected = entries
            .checked_mul(KEY as u64 + 4 * wide)
            .and_then(|size| size.checked_add((HEAD + TAIL) as u64));
        if expected != Some(found as u64) {
            return Err(format!(
                "{entries} entries of width {wide} make another size than the {found} bytes found"
            ));
        }
        let sum = crc32c::crc32c(body).to_le_bytes();
        if sum != tail {
            return Err(format!("expected checksum {sum:02x?}, found {tail:02x?}"));
        }
        if head[8..40] != space.0 || wide != width as u64 {
            return Err("expected vectors of this encoder, found another's".into());
        }
        let mut segment = Self::default();
        while let Some((key, vector)) = rest.split_first_chunk::<KEY>() {
            let (vector, after) = vector.split_at(4 * width);
            segment.keys.push(TextKey(*key));
            let (elements, _) = vector.as_chunks::<4>();
            let values = elements.iter().map(|b| f32::from_le_bytes(*b));
            let before = segment.values.len();
            segment.values.extend(values);
            // A checksum says that these were written, not that they can be used.
            let bad = segment.values[before..].iter().find(|v| !v.is_finite());
            if let Some(bad) = bad {
                let entry = segment.keys.len() - 1;
                return Err(format!(
                    "entry {entry}: expected finite numbers, found {bad}"
                ));
            }
            rest = after;
        }
        Ok(segment)
    }
}
