//! Files as shared read-only memory. One needs it to load large weights without
//! copying them. It is a crate of its own because it has unsafe code.
//!
//! A model of two gigabytes whose weights are mapped needs no two gigabytes of
//! fresh memory before its first vector, and processes that serve the same file
//! share its pages. [`map`] returns the file as [`Bytes`], which are cheap to
//! slice and keep the mapping for as long as a slice is in use:
//!
//! ```
//! # fn main() -> std::io::Result<()> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("weights");
//! std::fs::write(&path, "some weights")?;
//! let file = std::fs::File::open(&path)?;
//! if let Some(bytes) = instructue_mmap::map(&file) {
//!     assert_eq!(&bytes.slice(5..)[..], b"weights");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What the caller promises
//!
//! While a slice is in use, nobody may write into the file or shorten it.
//! Otherwise the slice would change, or the process would be ended (`SIGBUS`).
//! A file may be replaced by another one that is renamed to its name, as
//! everything in this workspace is saved; the mapping keeps the old file. Every
//! program that maps weights makes this promise, PyTorch and safetensors among
//! them.

use std::fs::File;

use bytes::Bytes;

/// Maps the whole file, read-only. Pages come from the page cache when they are
/// touched.
///
/// `None` means that the file cannot be mapped and has to be read: it is empty
/// or no regular file, its file system has no maps, or this is not Unix (Windows
/// would refuse to replace a mapped file).
pub fn map(file: &File) -> Option<Bytes> {
    let regular = file.metadata().is_ok_and(|of| of.is_file() && of.len() > 0);
    if regular { imp::map(file) } else { None }
}

#[cfg(unix)]
mod imp {
    use super::{Bytes, File};

    #[expect(unsafe_code, reason = "a mapped file is memory that others can change")]
    pub fn map(file: &File) -> Option<Bytes> {
        // SAFETY: the memory behind a `&[u8]` must not change and must stay
        // valid. It changes only if someone writes into the file or shortens
        // it, which the documentation of this crate forbids. The mapping lives
        // in the `Bytes`, so it ends with the last slice.
        let map = unsafe { memmap2::Mmap::map(file) }.ok()?;
        // The file will be read soon, from front to back. A kernel that
        // ignores the advice is only slower.
        let _ = map.advise(memmap2::Advice::WillNeed);
        Some(Bytes::from_owner(map))
    }
}

#[cfg(not(unix))]
mod imp {
    use super::{Bytes, File};

    pub fn map(_: &File) -> Option<Bytes> {
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_piece_outlives_its_file_and_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "first").unwrap();
        let piece = {
            let file = File::open(&path).unwrap();
            map(&file).expect("a map").slice(1..4)
        };
        // The file is replaced by a rename, as everything in this workspace is saved.
        let aside = dir.path().join("aside");
        fs::write(&aside, "other").unwrap();
        fs::rename(&aside, &path).unwrap();
        assert_eq!(&piece[..], b"irs");
        fs::remove_file(&path).unwrap();
        assert_eq!(&piece[..], b"irs");
    }

    #[test]
    fn what_cannot_be_mapped_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(map(&File::open(dir.path()).unwrap()).is_none());
        let path = dir.path().join("empty");
        fs::write(&path, "").unwrap();
        assert!(map(&File::open(&path).unwrap()).is_none());
        assert!(map(&File::open("/dev/null").unwrap()).is_none());
        // This file is open for writing only.
        let path = dir.path().join("written");
        fs::write(&path, "bytes").unwrap();
        let file = File::options().append(true).open(&path).unwrap();
        assert!(map(&file).is_none());
    }
}
