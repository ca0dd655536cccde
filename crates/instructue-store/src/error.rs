//! The error types of reading data and stores.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written, or is not what its manifest says.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// The schema is not valid.
    #[error(transparent)]
    Schema(#[from] instructue_schema::Error),
    /// A declared path leads out of its directory.
    #[error("{key}: {source}")]
    Outside {
        /// The path, or where it is declared.
        key: String,
        /// The allowed paths, and the path that was found.
        source: instructue_schema::paths::Outside,
    },
    /// An option has an invalid value.
    #[error("option {name}: expected {expected}, found {found}")]
    Option {
        /// The option.
        name: &'static str,
        /// The rule.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// A file or directory does not exist.
    #[error("{}: expected {expected}, found nothing", path.display())]
    Missing {
        /// The path that was looked for.
        path: PathBuf,
        /// What was expected there, and for which source.
        expected: String,
    },
    /// A directory without any Parquet file.
    #[error("{}: expected {expected}, found an empty directory", path.display())]
    EmptyDirectory {
        /// The directory.
        path: PathBuf,
        /// The expected content.
        expected: String,
    },
    /// A file of another format.
    #[error("{}: expected a Parquet file, found {found}", file.display())]
    NotParquet {
        /// The file.
        file: PathBuf,
        /// The format that was recognised.
        found: String,
    },
    /// A Parquet file that is encrypted, in whole or in some columns.
    #[error(
        "{}: expected a Parquet file in clear, found an encrypted one; write it again without encryption",
        file.display()
    )]
    Encrypted {
        /// The file.
        file: PathBuf,
    },
    /// A directory of a table format whose Parquet files also hold rows that are not part of the
    /// table.
    #[error(
        "{}: expected plain Parquet files, found {found}, whose files also hold rows that were replaced or deleted; export the table first",
        path.display()
    )]
    TableFormat {
        /// The directory.
        path: PathBuf,
        /// The kind of table.
        found: &'static str,
    },
    /// A file that is cut off.
    #[error("{}: expected a complete file, found {found}", file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// The bytes at its end, in words.
        found: String,
    },
    /// A file whose content cannot be decoded.
    #[error("{}: cannot decode the rows from {row} on: {message}", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The first row (from 0) of the batch that failed.
        row: u64,
        /// The decoder's reason.
        message: String,
    },
    /// A declared column is not in the file.
    #[error("{}: expected a column `{column}` ({expected}), found {found}", file.display())]
    MissingColumn {
        /// The file.
        file: PathBuf,
        /// The declared column.
        column: String,
        /// Its declared type.
        expected: &'static str,
        /// The file's columns.
        found: String,
    },
    /// A column has another type than declared.
    #[error("{}: column `{column}`: expected {expected}, found {found}", file.display())]
    ColumnType {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// The declared type.
        expected: String,
        /// The type in the file.
        found: String,
    },
    /// A declared column that the file has more than once.
    #[error("{}: expected one column `{column}`, found {found} of this name", file.display())]
    DuplicateColumn {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// The number of columns of this name.
        found: usize,
    },
    /// A `name=value` folder above the file has a value that does not fit the column.
    #[error("{}: column `{column}`: expected {expected}, found {found}", file.display())]
    Folder {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// The expected value.
        expected: String,
        /// The value of the file or folder.
        found: String,
    },
    /// A bad row. With `on_error = "skip"` the row is left out and counted instead.
    #[error(
        "{}: row {row}, column `{column}`: {problem}: expected {expected}, found {found}",
        file.display()
    )]
    Row {
        /// The file.
        file: PathBuf,
        /// The row's position in the file, from 0.
        row: u64,
        /// The column.
        column: String,
        /// The problem.
        problem: RowProblem,
        /// The rule.
        expected: String,
        /// The value.
        found: String,
    },
    /// A directory without a manifest: it is no store, or the store was not completed.
    #[error(
        "{}: expected a user store, found no manifest.json: it is none or was not completed",
        path.display()
    )]
    NoManifest {
        /// The directory.
        path: PathBuf,
    },
    /// A manifest of another version, or with an invalid schema.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Manifest {
        /// The manifest file.
        path: PathBuf,
        /// The expected content.
        expected: String,
        /// The content that was found.
        found: String,
    },
    /// A shard number that the store does not have.
    #[error("{}: expected a shard below {shards}, found {shard}", path.display())]
    NoShard {
        /// The store.
        path: PathBuf,
        /// The number that was asked for.
        shard: usize,
        /// The store's number of shards.
        shards: usize,
    },
}

impl Error {
    /// Wraps an operating system error with the path it concerns.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| instructue_fs::Error::io(path)(error).into()
    }
}

/// A problem of one row. Its text is the reason in an ingest report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RowProblem {
    /// The user id is missing.
    NullUser,
    /// The user id is empty.
    EmptyUser,
    /// The time is missing.
    NullTime,
    /// A text is no time.
    UnreadableTime,
    /// Bytes are no UTF-8 text.
    NotUtf8,
    /// The time comes from a lookup, and the lookup has no row for the key.
    UnmatchedTime,
    /// The row violates the declared order by user and time.
    Unsorted,
    /// The time is later than the options or the machine's clock allow.
    FutureDated,
    /// The time is before 1970.
    BeforeEpoch,
    /// The time is years away from all other events.
    FarTime,
    /// The number is a plausible time only in another unit.
    WrongUnit,
    /// A tabular source has a second row of the user for the same time.
    DuplicateUser,
    /// A required column has no value.
    MissingValue,
    /// The number is infinite, or the declared type or a 64-bit float cannot hold it exactly.
    InexactNumber,
    /// An event has no vector.
    NullVector,
    /// A vector has more or fewer numbers than declared.
    VectorWidth,
    /// A number of a vector is missing, NaN or infinite.
    NotFinite,
    /// A lookup row has no key.
    NullKey,
    /// A lookup has a second row for the key.
    DuplicateKey,
}

impl RowProblem {
    /// The problem in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NullUser => "null user id",
            Self::EmptyUser => "empty user id",
            Self::NullTime => "null time",
            Self::UnreadableTime => "unreadable time",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::UnmatchedTime => "no lookup row for the time",
            Self::Unsorted => "unsorted event",
            Self::FutureDated => "future-dated event",
            Self::BeforeEpoch => "time before 1970",
            Self::FarTime => "time far from all others",
            Self::WrongUnit => "time in another unit",
            Self::DuplicateUser => "duplicate user",
            Self::MissingValue => "missing required value",
            Self::InexactNumber => "inexact number",
            Self::NullVector => "null vector",
            Self::VectorWidth => "vector of another width",
            Self::NotFinite => "vector that is not finite",
            Self::NullKey => "null lookup key",
            Self::DuplicateKey => "duplicate lookup key",
        }
    }
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
