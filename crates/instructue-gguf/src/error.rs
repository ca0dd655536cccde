//! What can go wrong: files, headers, metadata and tensors.

use std::path::PathBuf;

/// The result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a GGUF file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be opened or written.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// The operating system refused a read or a write.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The header is cut short, contradicts itself, or claims what cannot be.
    #[error(
        "{path}: not a valid GGUF file: {place}, byte {offset}: expected {expected}, found {found}",
        path = path.display(),
        place = line(place),
        expected = line(expected),
        found = line(found)
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// Which part of the header: a count, a key, an element, a tensor.
        place: String,
        /// Position in the file, in bytes.
        offset: u64,
        /// What is accepted.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A key of the metadata is missing, of another type, or not supported.
    #[error(
        "{path}: key `{key}`: expected {expected}, found {found}",
        path = path.display(),
        key = line(key),
        expected = line(expected),
        found = line(found)
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What is accepted.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A tensor that is needed is absent.
    #[error("{path}: tensor `{name}` is missing", path = path.display(), name = line(name))]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
    },
    /// Tensors are there that nobody asked for.
    #[error(
        "{path}: tensors without a place in the model: {names} ({count} in all)",
        path = path.display(),
        count = names.len(),
        names = first(names)
    )]
    Extra {
        /// The file.
        path: PathBuf,
        /// Their names, sorted.
        names: Vec<String>,
    },
    /// A tensor is not what it should be: its shape, its place, its rows.
    #[error(
        "{path}: tensor `{name}`: expected {expected}, found {found}",
        path = path.display(),
        name = line(name),
        expected = line(expected),
        found = line(found)
    )]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// What is accepted.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A weight is NaN or infinite.
    #[error(
        "{path}: tensor `{name}` holds {value} at element {index}; weights must be finite",
        path = path.display(),
        name = line(name)
    )]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// Position of the first such element, row-major.
        index: usize,
        /// The value found.
        value: f32,
    },
}

/// What a file says, on one line that can be read: names may hold line feeds and
/// whole books.
fn line(text: &str) -> String {
    const LONGEST: usize = 300;

    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            out.push('…');
            break;
        }
        match character {
            '"' | '\'' | '\\' => out.push(character),
            _ => out.extend(character.escape_debug()),
        }
    }
    out
}

/// Another model's file leaves hundreds of names over; a few will do.
fn first(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| line(name)).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    shown.join(", ") + more
}
