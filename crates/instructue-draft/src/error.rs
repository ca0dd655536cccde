//! What can go wrong while a directory is looked at.

use std::path::PathBuf;

/// A failed draft.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to draft from, or not what a draft needs.
    #[error("{}: expected {expected}, found {found}", place.display())]
    Nothing {
        /// The directory or file.
        place: PathBuf,
        /// What a draft needs.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A CSV file that does not read.
    #[error("{}: expected a table of comma-separated values, found {reason}", file.display())]
    Csv {
        /// The file.
        file: PathBuf,
        /// Line and reason.
        reason: String,
    },
    /// A drafted file is not what its readers take: a fault of this crate.
    #[error("a drafted {file} that does not hold: {reason}")]
    Invalid {
        /// `schema.toml` or `tasks.toml`.
        file: &'static str,
        /// What its reader says.
        reason: String,
    },
    /// A table that cannot be read.
    #[error(transparent)]
    Store(#[from] instructue_store::Error),
    /// A file that cannot be read or written.
    #[error(transparent)]
    Fs(#[from] instructue_fs::Error),
    /// Tasks that cannot be counted.
    #[error(transparent)]
    Eval(#[from] instructue_eval::Error),
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
