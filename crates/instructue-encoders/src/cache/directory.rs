//! The folder: segments come whole, are never changed, and go when they are the
//! oldest.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use instructue_fs::{NewFile, clear_leftovers};

use super::digest::{CacheSpace, Digest};
use super::metrics::CacheFault;
use super::segment::Segment;
use crate::Error;

const SEGMENT: &str = "segment";

/// One space's part of a cache folder.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    own: PathBuf,
    space: Digest,
    width: usize,
}

/// What became of a segment's file.
pub(super) enum Read {
    Whole(Segment),
    /// Another process dropped it.
    Gone,
    Fault(CacheFault),
}

impl Directory {
    pub fn open(root: &Path, space: &CacheSpace) -> Result<Self, Error> {
        let digest = space.digest();
        let own = root.join(&digest.to_string()[..32]);
        instructue_fs::create_directory(&own).map_err(Error::Cache)?;
        clear_leftovers(&own);
        Ok(Self {
            root: root.into(),
            own,
            space: digest,
            width: space.width,
        })
    }

    /// Names of this space's segments, oldest first.
    pub fn names(&self) -> Result<Vec<OsString>, Error> {
        let mut names: Vec<OsString> = entries(&self.own)?
            .into_iter()
            .filter(|entry| is_segment(entry))
            .filter_map(|path| path.file_name().map(Into::into))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Reads a segment; one that is not whole is removed.
    pub fn read(&self, name: &OsString) -> Read {
        let path = self.own.join(name);
        let bytes = match instructue_fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Read::Gone,
            Err(error) => {
                let reason = error.reason();
                return Read::Fault(CacheFault { path, reason });
            }
        };
        match Segment::decode(&bytes, &self.space, self.width) {
            Ok(segment) => Read::Whole(segment),
            Err(mut reason) => {
                // It came here by a rename and will not get better.
                if let Err(error) = instructue_fs::remove_file(&path) {
                    reason = format!("{reason}; it cannot be removed: {error}");
                }
                Read::Fault(CacheFault { path, reason })
            }
        }
    }

    /// Writes a segment under a new name, which sorts behind all older ones.
    pub fn write(&self, segment: &Segment) -> Result<OsString, Error> {
        self.put(segment, || format!("{:024}", now()))
    }

    /// Writes a segment that holds what older files hold, the youngest of them named
    /// `youngest`: it takes that one's place among the others.
    pub fn write_merged(&self, segment: &Segment, youngest: &OsString) -> Result<OsString, Error> {
        let youngest = youngest.to_string_lossy();
        let age = youngest.split('-').next().unwrap_or_default();
        self.put(segment, || format!("{age}-merged-{:024}", now()))
    }

    fn put(&self, segment: &Segment, prefix: impl Fn() -> String) -> Result<OsString, Error> {
        let bytes = segment.encode(&self.space, self.width);
        let unique = || {
            self.own
                .join(format!("{}-{}.{SEGMENT}", prefix(), std::process::id()))
        };
        let mut file = NewFile::create(&unique()).map_err(Error::Cache)?;
        file.write_all(&bytes).map_err(failed(file.target()))?;
        loop {
            let name = file.target().file_name().unwrap_or_default().to_owned();
            match file.commit_new().map_err(Error::Cache)? {
                Ok(()) => return Ok(name),
                // Another thread had the same moment.
                Err(taken) => file = taken.renamed(&unique()),
            }
        }
    }

    /// Size of a segment's file; `None` if it is gone.
    pub fn size(&self, name: &OsString) -> Option<u64> {
        fs::metadata(self.own.join(name))
            .ok()
            .map(|data| data.len())
    }

    /// Removes a segment whose entries stand in another file by now. If another
    /// process was faster, that is as good.
    pub fn remove(&self, name: &OsString) -> Result<(), Error> {
        instructue_fs::remove_file(&self.own.join(name)).map_err(Error::Cache)
    }

    /// Removes the oldest segments of all spaces until `max_bytes` hold the rest.
    /// Returns how many.
    pub fn bound(&self, max_bytes: u64) -> Result<u64, Error> {
        let mut all = Vec::new();
        for space in entries(&self.root)? {
            // Only folders that a cache made.
            let name = space.file_name().unwrap_or_default().to_string_lossy();
            let digest = name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit());
            if !digest || !space.is_dir() {
                continue;
            }
            for path in entries(&space)?.into_iter().filter(|path| is_segment(path)) {
                // One that is gone meanwhile needs no room.
                if let Ok(data) = fs::metadata(&path) {
                    all.push((path.file_name().map(OsString::from), data.len(), path));
                }
            }
        }
        all.sort_unstable();
        let mut size: u64 = all.iter().map(|(_, size, _)| size).sum();
        let mut removed = 0;
        for (_, bytes, path) in all {
            if size <= max_bytes {
                break;
            }
            // Another process may have been faster; it counts as well.
            instructue_fs::remove_file(&path).map_err(Error::Cache)?;
            removed += 1;
            size -= bytes;
        }
        Ok(removed)
    }
}

/// Nanoseconds since 1970.
fn now() -> u128 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_nanos()
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == SEGMENT)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let read = fs::read_dir(dir).map_err(failed(dir))?;
    let paths = read.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(failed(dir))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |reason| Error::Cache(instructue_fs::Error::io(&path)(reason))
}
