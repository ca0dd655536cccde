//! Detection of encrypted columns behind a readable footer. Such a file needs an error of its
//! own.
//!
//! The decoder is built without decryption and skips that part of a footer, so this module parses
//! the few bytes itself.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Longer footers are not examined.
const MAX_FOOTER: u64 = 64 << 20;
/// The id of the footer field that names the cipher.
const ENCRYPTION_ALGORITHM: i64 = 8;
/// The limit on nested structures and lists.
const MAX_DEPTH: usize = 32;

/// Whether the file at `path` has a readable footer that names a cipher.
pub(super) fn has_encrypted_columns(path: &Path) -> bool {
    footer(path).is_some_and(|footer| names_cipher(&footer) == Some(true))
}

fn footer(path: &Path) -> Option<Vec<u8>> {
    let mut file = instructue_fs::open(path).ok()?;
    let end = file.seek(SeekFrom::End(-8)).ok()?;
    let mut tail = [0; 8];
    file.read_exact(&mut tail).ok()?;
    let [a, b, c, d, magic @ ..] = tail;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if &magic != b"PAR1" || length > end.min(MAX_FOOTER) {
        return None;
    }
    file.seek(SeekFrom::Start(end - length)).ok()?;
    let mut footer = Vec::new();
    file.take(length).read_to_end(&mut footer).ok()?;
    Some(footer)
}

/// Whether a footer names a cipher; `None` for a footer that cannot be parsed.
fn names_cipher(footer: &[u8]) -> Option<bool> {
    let mut bytes = Compact(footer);
    let mut id = 0;
    while let Some(kind) = bytes.field(&mut id)? {
        if id == ENCRYPTION_ALGORITHM {
            return Some(true);
        }
        bytes.skip(kind, MAX_DEPTH)?;
    }
    Some(false)
}

/// A reader of Thrift's compact protocol, as far as skipping needs it.
struct Compact<'a>(&'a [u8]);

impl Compact<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, count: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    /// The type of the next field, whose id replaces `id`; `Some(None)` at the structure's end.
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let header = self.byte()?;
        if header == 0 {
            return Some(None);
        }
        *id = match header >> 4 {
            0 => {
                let zigzag = self.varint()?;
                (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64)
            }
            step => id.checked_add(i64::from(step))?,
        };
        Some(Some(header & 0x0f))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // A Boolean's value is part of its header.
            1 | 2 => Some(()),
            3 => self.bytes(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.bytes(8),
            8 => {
                let length = self.varint()?;
                self.bytes(length)
            }
            9 | 10 => {
                let header = self.byte()?;
                let length = match header >> 4 {
                    15 => self.varint()?,
                    short => u64::from(short),
                };
                self.skip_elements(length, &[header & 0x0f], depth)
            }
            11 => match self.varint()? {
                0 => Some(()),
                length => {
                    let kinds = self.byte()?;
                    self.skip_elements(length, &[kinds >> 4, kinds & 0x0f], depth)
                }
            },
            12 => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn skip_elements(&mut self, count: u64, kinds: &[u8], depth: usize) -> Option<()> {
        for _ in 0..count {
            for kind in kinds {
                match kind {
                    // In a list, a Boolean is a byte.
                    1 | 2 => self.bytes(1)?,
                    kind => self.skip(*kind, depth)?,
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cipher_is_found_behind_all_other_fields() {
        // The bytes of: version, a list of two structures, rows, a list of texts, a Boolean; then
        // field 8.
        let mut footer = vec![0x15, 0x04, 0x19, 0x2c, 0x15, 0x02, 0x00, 0x15, 0x02, 0x00];
        footer.extend([0x16, 0x80, 0x01, 0x19, 0x18, 0x02, b'a', b'b', 0x11]);
        let plain = [&footer[..], &[0x00]].concat();
        assert_eq!(names_cipher(&plain), Some(false));
        // This skips from field 5 to field 8.
        footer.extend([0x3c, 0x1c, 0x00, 0x00, 0x00]);
        assert_eq!(names_cipher(&footer), Some(true));
    }

    #[test]
    fn a_footer_that_does_not_read_names_nothing() {
        for footer in [
            &[][..],
            &[0x15],
            &[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x1f, 0x00],
            &[0x1c; 100],
        ] {
            assert_eq!(names_cipher(footer), None, "{footer:?}");
        }
    }
}
