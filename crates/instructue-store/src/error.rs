//! What can be wrong with data or a store.

use std::fmt;
use std::path::{Path, PathBuf};

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing failed: no permission, a full disk and the like.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        error: std::io::Error,
    },
    /// A file of a store.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// The schema is not valid.
    #[error(transparent)]
    Schema(#[from] instructue_schema::Error),
    /// A path of the data leads elsewhere.
    #[error("{key}: {source}")]
    Outside {
        /// The path, or where it is declared.
        key: String,
        /// Where it may lead, and where it leads.
        source: instructue_schema::paths::Outside,
    },
    /// An option has a value that cannot be used.
    #[error("option {name}: expected {expected}, found {found}")]
    Option {
        /// The option.
        name: &'static str,
        /// The rule.
        expected: &'static str,
        /// The value.
        found: String,
    },
    /// A file or directory is not there.
    #[error("{}: expected {expected}, found nothing", path.display())]
    Missing {
        /// The path that was looked for.
        path: PathBuf,
        /// What should be there, and for which source.
        expected: String,
    },
    /// A directory without any Parquet file.
    #[error("{}: expected {expected}, found an empty directory", path.display())]
    EmptyDirectory {
        /// The directory.
        path: PathBuf,
        /// What should be in it.
        expected: String,
    },
    /// A file that is no Parquet file at all.
    #[error("{}: expected a Parquet file, found {found}", file.display())]
    NotParquet {
        /// The file.
        file: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// A Parquet file that is encrypted, or some of whose columns are.
    #[error(
        "{}: expected a Parquet file in clear, found an encrypted one; write it again without encryption",
        file.display()
    )]
    Encrypted {
        /// The file.
        file: PathBuf,
    },
    /// A directory whose Parquet files are not all rows of a table, and not only its rows.
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
    /// A file that ends too early.
    #[error("{}: expected a complete file, found {found}", file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// How it ends.
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
        expected: &'static str,
        /// The type in the file.
        found: String,
    },
    /// A declared column that is in the file more than once.
    #[error("{}: expected one column `{column}`, found {found} of this name", file.display())]
    DuplicateColumn {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// How many there are.
        found: usize,
    },
    /// A `name=value` folder above the file that cannot stand for the column.
    #[error("{}: column `{column}`: expected {expected}, found {found}", file.display())]
    Folder {
        /// The file.
        file: PathBuf,
        /// The column.
        column: String,
        /// What the folder says, or should say.
        expected: String,
        /// What the file or the folder says.
        found: String,
    },
    /// A bad row. With `on_error = "skip"` it is left out and counted instead.
    #[error(
        "{}: row {row}, column `{column}`: {problem}: expected {expected}, found {found}",
        file.display()
    )]
    Row {
        /// The file.
        file: PathBuf,
        /// The row in the file, from 0.
        row: u64,
        /// The column.
        column: String,
        /// What is wrong.
        problem: RowProblem,
        /// The rule.
        expected: String,
        /// The value.
        found: String,
    },
    /// A directory without a manifest: not a store, or one that was not written to its end.
    #[error(
        "{}: expected a user store, found no manifest.json: it is none or was not completed",
        path.display()
    )]
    NoManifest {
        /// The directory.
        path: PathBuf,
    },
    /// A manifest of another version, or with a schema that is none.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Manifest {
        /// The manifest file.
        path: PathBuf,
        /// What it should say.
        expected: String,
        /// What it says.
        found: String,
    },
    /// A shard number beyond the store's.
    #[error("{}: expected a shard below {shards}, found {shard}", path.display())]
    NoShard {
        /// The store.
        path: PathBuf,
        /// The shard asked for.
        shard: usize,
        /// How many there are.
        shards: usize,
    },
}

impl Error {
    /// Wraps an operating system error with the path it concerns.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |error| Self::Io {
            path: path.into(),
            error,
        }
    }
}

/// What can be wrong with one row. Its text is the reason in an ingest report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RowProblem {
    /// No user id.
    NullUser,
    /// A user id of no characters.
    EmptyUser,
    /// No time.
    NullTime,
    /// A text that is no time.
    UnreadableTime,
    /// Bytes that are no text.
    NotUtf8,
    /// The time comes from a lookup that has no row for this key.
    UnmatchedTime,
    /// Out of the declared order by user and time.
    Unsorted,
    /// Later than the latest time that the options or the machine's clock allow.
    FutureDated,
    /// Before 1970.
    BeforeEpoch,
    /// Years away from all other events.
    FarTime,
    /// A number that makes sense as a time in another unit only.
    WrongUnit,
    /// A second tabular row of a user for the same time.
    DuplicateUser,
    /// Nothing in a column declared as required.
    MissingValue,
    /// A number that the declared type or a 64-bit float cannot hold exactly, or an infinite one.
    InexactNumber,
    /// A lookup row without a key.
    NullKey,
    /// A second lookup row for one key.
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
