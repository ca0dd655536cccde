//! The error type of this crate.

use std::path::PathBuf;

/// The crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of generating users.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of [`GenerateConfig`](crate::GenerateConfig) is out of range.
    #[error("configuration of generated users: {field} is {found}, expected {expected}")]
    Config {
        /// The field.
        field: String,
        /// The valid values.
        expected: String,
        /// The value that was found.
        found: String,
    },
    /// A file could not be written, the directory holds something else, or a file does not match
    /// the manifest.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// A Parquet file could not be written.
    #[error("{file}: {source}")]
    Parquet {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: parquet::errors::ParquetError,
    },
    /// A record batch could not be built.
    #[error("source {name}: {source}")]
    Arrow {
        /// The source.
        name: String,
        /// The reason.
        source: arrow::error::ArrowError,
    },
    /// A declaration could not be written as JSON or TOML.
    #[error("{file}: {reason}")]
    Text {
        /// The file.
        file: PathBuf,
        /// The reason.
        reason: String,
    },
}

impl From<instructue_schema::limits::OutOfRange> for Error {
    fn from(wrong: instructue_schema::limits::OutOfRange) -> Self {
        Self::Config {
            field: wrong.key,
            expected: wrong.expected,
            found: wrong.found,
        }
    }
}
