//! TensorBoard event files: TFRecord frames around a few protobuf fields.
//!
//! Only scalars are written, so the wire format is written by hand. An `Event` has `wall_time`
//! (1), `step` (2) and either `file_version` (3) or a `summary` (5) of `value`s with `tag` (1)
//! and `simple_value` (2).

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use instructue_fs::{AppendFile, remove_directory};

use crate::error::Result;

/// A writer of scalars for TensorBoard.
#[derive(Debug)]
pub struct EventWriter {
    file: AppendFile,
    /// The records that wait for [`flush`](Self::flush).
    waiting: Vec<u8>,
}

impl EventWriter {
    /// Opens a new event file in `dir`, replacing older ones of this run.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(dir: &Path) -> Result<Self> {
        remove_directory(dir)?;
        let name = format!("events.out.tfevents.{}.instructue", now() as u64);
        let mut writer = Self {
            file: AppendFile::open(&dir.join(name))?,
            waiting: Vec::new(),
        };
        let mut event = Vec::new();
        field_double(&mut event, 1, now());
        field_bytes(&mut event, 3, b"brain.Event:2");
        writer.record(&event);
        writer.flush()?;
        Ok(writer)
    }

    /// Adds one scalar to the waiting records.
    pub fn scalar(&mut self, tag: &str, step: usize, value: f32) {
        let mut entry = Vec::new();
        field_bytes(&mut entry, 1, tag.as_bytes());
        field_float(&mut entry, 2, value);
        let mut summary = Vec::new();
        field_bytes(&mut summary, 1, &entry);
        let mut event = Vec::new();
        field_double(&mut event, 1, now());
        field_varint(&mut event, 2, step as u64);
        field_bytes(&mut event, 5, &summary);
        self.record(&event);
    }

    /// Writes the waiting records, complete ones only.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.file.append(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }

    fn record(&mut self, event: &[u8]) {
        let length = (event.len() as u64).to_le_bytes();
        let frame = [
            &length[..],
            &masked_crc(&length).to_le_bytes(),
            event,
            &masked_crc(event).to_le_bytes(),
        ];
        frame.iter().for_each(|part| self.waiting.extend(*part));
    }
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64())
}

/// The checksum of TFRecord: a rotated CRC-32C, so that data which contain checksums still have a
/// strong one.
fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field_varint(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn field_double(out: &mut Vec<u8>, field: u64, value: f64) {
    varint(out, field << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn field_float(out: &mut Vec<u8>, field: u64, value: f32) {
    varint(out, field << 3 | 5);
    out.extend(value.to_le_bytes());
}

fn field_bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_carry_their_length_and_checksums() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(dir.path()).unwrap();
        writer.scalar("train/loss", 300, 1.5);
        writer.flush().unwrap();
        let bytes = std::fs::read(writer.file.path()).unwrap();
        let mut rest = &bytes[..];
        let mut events = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], masked_crc(&rest[..8]).to_le_bytes());
            let event = &rest[12..12 + length];
            assert_eq!(
                rest[12 + length..16 + length],
                masked_crc(event).to_le_bytes()
            );
            events.push(event.to_vec());
            rest = &rest[16 + length..];
        }
        assert_eq!(events.len(), 2);
        assert!(events[0].ends_with(b"brain.Event:2"));
        let tag = b"train/loss";
        assert!(events[1].windows(tag.len()).any(|w| w == tag));
        // This is field 2 with the varint 300.
        assert_eq!(events[1][9..12], [0x10, 0xac, 0x02]);
        assert!(events[1].ends_with(&1.5f32.to_le_bytes()));
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        // The CRC-32C of "123456789" is 0xe306_9283. TFRecord masks it: it is rotated right by 15
        // bits, and 0xa282_ead8 is added.
        assert_eq!(masked_crc(b"123456789"), 0xc78a_b0e5);
    }
}
