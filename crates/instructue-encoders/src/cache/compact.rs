//! Merging many small files of the folder into few.

use std::collections::HashSet;
use std::ffi::OsString;

use super::digest::TextKey;
use super::directory::{Directory, Read};
use super::metrics::CacheFault;
use super::segment::Segment;
use crate::Error;

/// So many small files, as short runs leave them, are not worth a merge.
const FEW: usize = 16;

/// What a merge did.
#[derive(Debug, Default)]
pub(super) struct Compacted {
    /// Files that were written, each with those that it holds.
    pub written: Vec<(OsString, Vec<OsString>)>,
    /// Files that were not whole.
    pub faults: Vec<CacheFault>,
}

impl Directory {
    /// Merges the space's small files, oldest first, into files of at most
    /// `segment_bytes`, once there are more than a few.
    ///
    /// Safe beside other processes that read, write, drop or merge: a file goes only
    /// after one that holds its entries has come, and that one goes by the same rule.
    /// Two that merge at once leave entries twice, for the next merge to find.
    pub fn compact(&self, width: usize, segment_bytes: u64) -> Result<Compacted, Error> {
        let names = self.names()?.into_iter();
        let sized = names.filter_map(|name| Some((self.size(&name)?, name)));
        let small: Vec<(u64, OsString)> = sized
            .filter(|(size, _)| *size <= segment_bytes / 2)
            .collect();
        let mut done = Compacted::default();
        if small.len() <= FEW {
            return Ok(done);
        }
        let mut group: Vec<OsString> = Vec::new();
        let mut bytes = 0;
        for (size, name) in small {
            if bytes + size > segment_bytes {
                self.merge(&group, width, &mut done)?;
                group.clear();
                bytes = 0;
            }
            bytes += size;
            group.push(name);
        }
        self.merge(&group, width, &mut done)?;
        Ok(done)
    }

    /// Merges files into one, each entry once.
    fn merge(&self, names: &[OsString], width: usize, done: &mut Compacted) -> Result<(), Error> {
        let mut merged = Segment::default();
        let mut known: HashSet<TextKey> = HashSet::new();
        let mut read = Vec::new();
        for name in names {
            match self.read(name) {
                Read::Whole(segment) => {
                    let rows = segment.keys.iter().zip(segment.values.chunks_exact(width));
                    for (key, vector) in rows {
                        if known.insert(*key) {
                            merged.keys.push(*key);
                            merged.values.extend(vector);
                        }
                    }
                    read.push(name);
                }
                Read::Gone => {}
                Read::Fault(fault) => done.faults.push(fault),
            }
        }
        let [_, .., youngest] = &read[..] else {
            return Ok(()); // one file is as good as another
        };
        let written = self.write_merged(&merged, youngest)?;
        read.iter().try_for_each(|name| self.remove(name))?;
        let read = read.into_iter().cloned().collect();
        done.written.push((written, read));
        Ok(())
    }
}
