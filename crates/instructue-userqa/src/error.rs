//! What can go wrong.

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
        /// The offending field.
        field: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A family that is to be held out does not exist.
    #[error("UserQA configuration: held_out_families names {name}, expected one of: {known}")]
    UnknownFamily {
        /// The name given, quoted.
        name: String,
        /// The names that exist.
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
        /// How many reference times were given.
        references: usize,
    },
    /// The user store failed.
    #[error(transparent)]
    Store(#[from] instructue_store::Error),
    /// A file could not be read or written, or is not what its manifest says.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// A Parquet file could not be read or written.
    #[error("{file}: {source}")]
    Parquet {
        /// The file.
        file: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// A record batch could not be built or decoded.
    #[error("{file}: {source}")]
    Arrow {
        /// The file.
        file: PathBuf,
        /// Why.
        source: arrow::error::ArrowError,
    },
    /// A JSON file could not be written or understood.
    #[error("{file}: {source}")]
    Json {
        /// The file.
        file: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// A value of a UserQA file is not what the format says.
    #[error("{file}: row {row}, column {column}: found {found}, expected {expected}")]
    Value {
        /// The file.
        file: PathBuf,
        /// Row within the shard's row group.
        row: usize,
        /// Column name.
        column: &'static str,
        /// What the format says.
        expected: &'static str,
        /// What the file holds.
        found: String,
    },
    /// A file is of another version or disagrees with its manifest.
    #[error("{file}: {what} is {found}, expected {expected}")]
    Format {
        /// The file.
        file: PathBuf,
        /// Which property.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A shard was asked for that does not exist.
    #[error("shard {shard} of {shards}")]
    Shard {
        /// The shard asked for.
        shard: usize,
        /// How many there are.
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
