//! Reading of regular files within a size limit. Every reader of foreign files needs it.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use crate::error::{Error, Result};

/// The size limit of text files. A description, a configuration or a manifest of this program has
/// kilobytes, a large tokenizer tens of megabytes.
pub const MAX_TEXT_BYTES: u64 = 256 << 20;

/// The kind of what is at `path`; `None` for a regular file, a link to one, and a missing path.
pub(crate) fn kind_of(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    if kind.is_file() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return Some("a pipe");
        } else if kind.is_socket() {
            return Some("a socket");
        } else if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    Some(match kind.is_dir() {
        true => "a directory",
        false => "something else",
    })
}

/// Opens a regular file. Anything else is refused before it is opened: a pipe would wait for a
/// writer, and a device may never end.
///
/// # Errors
/// [`Error::NotRegular`]; [`Error::Io`] when it cannot be opened.
pub fn open(path: &Path) -> Result<File> {
    let irregular = |found| Error::NotRegular {
        path: path.into(),
        found,
    };
    if let Some(found) = kind_of(path) {
        return Err(irregular(found));
    }
    let file = File::open(path).map_err(Error::io(path))?;
    // The file may have been replaced since the first check.
    match file.metadata().map_err(Error::io(path))?.is_file() {
        true => Ok(file),
        false => Err(irregular("something that is no file")),
    }
}

/// Reads all bytes of a regular file.
///
/// # Errors
/// As [`open`], or the file cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let mut file = open(path)?;
    let length = file.metadata().map_err(Error::io(path))?.len();
    let mut bytes = Vec::new();
    let reserved = usize::try_from(length).unwrap_or(usize::MAX);
    bytes
        .try_reserve_exact(reserved)
        .map_err(|_| Error::content(path, "a file that fits in memory", length))?;
    file.read_to_end(&mut bytes).map_err(Error::io(path))?;
    Ok(bytes)
}

/// Reads a regular file as UTF-8 text of at most [`MAX_TEXT_BYTES`].
///
/// # Errors
/// As [`read`]; [`Error::Content`] for a larger file or other bytes.
pub fn read_text(path: &Path) -> Result<String> {
    let file = open(path)?;
    let length = file.metadata().map_err(Error::io(path))?.len();
    if length > MAX_TEXT_BYTES {
        let expected = format!("a text of at most {MAX_TEXT_BYTES} bytes");
        return Err(Error::content(path, expected, length));
    }
    String::from_utf8(read(path)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Error::content(path, "UTF-8 text", format!("another byte at {at}"))
    })
}
