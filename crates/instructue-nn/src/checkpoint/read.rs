//! Reading the values of one tensor: a piece at a time, or where they stand in a mapped
//! file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;

use super::decode::Kind;
use crate::{Error, Precision, Result};

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// Bytes of a tensor from which on two threads are quicker than one.
const SHARED: usize = 4 * PIECE;

/// Where a tensor stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'a> {
    pub path: &'a Path,
    pub name: &'a str,
    pub kind: Kind,
    /// First byte, from the start of the file.
    pub start: u64,
    /// Bytes.
    pub length: usize,
}

impl Reading<'_> {
    /// Hands all values to `push`, in order. For a large tensor another thread
    /// reads and checks ahead of this one.
    ///
    /// Fails if the file cannot be read, with the first value that is not
    /// finite, or as `push`.
    pub fn run(self, file: &mut File, mut push: impl FnMut(&[f32]) -> Result<()>) -> Result<()> {
        if self.length < SHARED {
            return self.pieces(file, |values| push(&values).map(|()| true));
        }
        let (send, receive) = mpsc::sync_channel(2);
        thread::scope(|scope| {
            // The channel is closed where this thread has failed; its error
            // comes first.
            let ahead = move || self.pieces(file, |values| Ok(send.send(values).is_ok()));
            let ahead = thread::Builder::new()
                .spawn_scoped(scope, ahead)
                .map_err(|source| self.io(source))?;
            for values in receive {
                push(&values)?;
            }
            ahead.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// The tensor where it stands in its mapped file, checked, if its elements
    /// can be used as they are there; otherwise [`run`](Self::run) copies them.
    ///
    /// Fails with the first value that is not finite.
    pub fn in_place(self, map: &Bytes, precision: Precision) -> Result<Option<Bytes>> {
        let end = self.start + self.length as u64;
        let usable = self.kind.precision() == precision
            && cfg!(target_endian = "little")
            && self.start.is_multiple_of(self.kind.size() as u64)
            && end <= map.len() as u64;
        if !usable {
            return Ok(None);
        }
        // The end is within memory, so both fit.
        let bytes = map.slice(self.start as usize..end as usize);
        let threads = match self.length < SHARED {
            true => 1,
            false => thread::available_parallelism()
                .map_or(1, usize::from)
                .min(8),
        };
        // Whole elements, and at least one for a tensor without any.
        let part = bytes
            .len()
            .div_ceil(threads)
            .next_multiple_of(PIECE)
            .max(PIECE);
        let check = |(number, bytes)| self.check_finite(bytes, number * part / self.kind.size());
        if threads == 1 {
            bytes.chunks(part).enumerate().try_for_each(check)?;
            return Ok(Some(bytes));
        }
        thread::scope(|scope| {
            let spawn = |part| thread::Builder::new().spawn_scoped(scope, move || check(part));
            let checks: io::Result<Vec<_>> = bytes.chunks(part).enumerate().map(spawn).collect();
            (checks.map_err(|source| self.io(source))?.into_iter())
                .try_for_each(|check| check.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })?;
        Ok(Some(bytes))
    }

    /// Reads until the end, or until `sink` says that it wants no more.
    fn pieces(self, file: &mut File, mut sink: impl FnMut(Vec<f32>) -> Result<bool>) -> Result<()> {
        let mut bytes = vec![0; PIECE.min(self.length)];
        let mut rest = self.length;
        file.seek(SeekFrom::Start(self.start))
            .map_err(|source| self.io(source))?;
        let mut done = 0;
        while rest > 0 {
            let bytes = &mut bytes[..PIECE.min(rest)];
            file.read_exact(bytes).map_err(|source| self.io(source))?;
            rest -= bytes.len();
            self.check_finite(bytes, done)?;
            let mut values = Vec::with_capacity(bytes.len() / self.kind.size());
            self.kind.to_f32(bytes, &mut values);
            done += values.len();
            if !sink(values)? {
                break;
            }
        }
        Ok(())
    }

    /// Refuses the first of these elements that is not finite; `first` is the
    /// place of the first of them in the tensor.
    fn check_finite(&self, bytes: &[u8], first: usize) -> Result<()> {
        match self.kind.first_not_finite(bytes) {
            None => Ok(()),
            Some((index, value)) => Err(Error::NotFinite {
                path: self.path.into(),
                name: self.name.into(),
                index: first + index,
                value,
            }),
        }
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Io {
            path: self.path.into(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A file of one tensor that is read by two threads, and what came of it.
    fn read(values: &[f32], limit: usize) -> (Vec<f32>, Result<()>) {
        let mut file = tempfile::tempfile().expect("a file");
        for value in values {
            file.write_all(&value.to_le_bytes()).expect("written");
        }
        let reading = Reading {
            path: Path::new("here"),
            name: "tensor",
            kind: Kind::F32,
            start: 0,
            length: values.len() * 4,
        };
        let mut out = Vec::new();
        let result = reading.run(&mut file, |values| {
            out.extend_from_slice(values);
            if out.len() > limit {
                return Err(Error::NoWeights {
                    path: "full".into(),
                });
            }
            Ok(())
        });
        (out, result)
    }

    #[test]
    fn two_threads_keep_the_order() {
        let values: Vec<f32> = (0..SHARED / 4 + 3).map(|i| i as f32).collect();
        let (out, result) = read(&values, usize::MAX);
        result.expect("read");
        assert!(out == values, "values differ or stand elsewhere");
    }

    #[test]
    fn a_late_bad_value_is_found_at_its_place() {
        let mut values = vec![0.5; SHARED / 4 + 3];
        let last = values.len() - 1;
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            values[last] = bad;
            let (_, result) = read(&values, usize::MAX);
            let found = matches!(&result, Err(Error::NotFinite { index, .. }) if *index == last);
            assert!(found, "{result:?}");
        }
    }

    #[test]
    fn the_error_of_who_takes_the_values_counts() {
        let mut values = vec![0.5; 2 * SHARED / 4];
        *values.last_mut().expect("not empty") = f32::NAN;
        let (out, result) = read(&values, 10);
        assert!(matches!(result, Err(Error::NoWeights { .. })), "{result:?}");
        assert!(out.len() < values.len());
    }
}
