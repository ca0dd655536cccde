//! The error type of this crate.

use std::path::PathBuf;

/// The crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of building and reading UserQA data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A value of [`UserQaConfig`](crate::UserQaConfig) is out of range.
    #[error("UserQA configuration: {field} is {found}, expected {expected}")]
    Config {
        /// The field.
        field: String,
        /// The valid values.
        expected: String,
        /// The value that was found.
        found: String,
    },
    /// A family that is to be held out does not exist.
    #[error("UserQA configuration: held_out_families names {name}, expected one of: {known}")]
    UnknownFamily {
        /// The given name, in quotes.
        name: String,
        /// The existing names.
        known: String,
    },
    /// The schema declares no event source, or no family applies to it.
    #[error("schema {schema:?}: UserQA needs at least one source of kind events")]
    NoEvents {
        /// The schema's name.
        schema: String,
    },
    /// No training user has an event in the window of any reference, so no threshold can be fitted.
    #[error(
        "no training user has an event before any of the {references} reference times within its source's window"
    )]
    NothingToFit {
        /// The number of reference times.
        references: usize,
    },
    /// The user store failed.
    #[error(transparent)]
    Store(#[from] instructue_store::Error),
    /// A file could not be read or written, or does not match its manifest.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// A Parquet file could not be read or written.
    #[error("{file}: {source}")]
    Parquet {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: parquet::errors::ParquetError,
    },
    /// A record batch could not be built or decoded.
    #[error("{file}: {source}")]
    Arrow {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: arrow::error::ArrowError,
    },
    /// A JSON file could not be written or parsed.
    #[error("{file}: {source}")]
    Json {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: serde_json::Error,
    },
    /// A value of a UserQA file violates the format.
    #[error("{file}: row {row}, column {column}: found {found}, expected {expected}")]
    Value {
        /// The file.
        file: PathBuf,
        /// The row within the shard's row group.
        row: usize,
        /// The column's name.
        column: &'static str,
        /// The valid values.
        expected: &'static str,
        /// The value that was found.
        found: String,
    },
    /// A file is of another version or disagrees with its manifest.
    #[error("{file}: {what} is {found}, expected {expected}")]
    Format {
        /// The file.
        file: PathBuf,
        /// The property that differs.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// The value that was found.
        found: String,
    },
    /// The shard that was asked for does not exist.
    #[error("shard {shard} of {shards}")]
    Shard {
        /// The number that was asked for.
        shard: usize,
        /// The number of shards.
        shards: usize,
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
