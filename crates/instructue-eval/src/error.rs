//! What can go wrong in an evaluation.

use std::path::PathBuf;

/// Any error of a model or of a caller's closure.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an evaluation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written, or something else is in the way.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// A Parquet file could not be decoded.
    #[error("{path}: not readable as Parquet: {reason}", path = path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// A label file does not hold what the task declares.
    #[error("{path}: column `{column}`: expected {expected}, found {found}", path = path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// What the task needs.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// A task file is not the TOML it should be.
    #[error("{file}:{line}:{column}: {reason}")]
    Toml {
        /// The declaration file, or `<text>`.
        file: String,
        /// Line of the problem, from 1.
        line: usize,
        /// Column of the problem, from 1.
        column: usize,
        /// The key, what was expected and what kind of value was found.
        reason: String,
    },
    /// A task declaration is wrong.
    #[error("{file}: {key}: expected {expected}, found {found}")]
    Task {
        /// The declaration file, or `<text>`.
        file: String,
        /// The key in it, for example `task[2].label.field`.
        key: String,
        /// What is allowed.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The events end before a task's label window does.
    #[error("task `{task}`: labels need events up to {needed}, the data end at {end}")]
    Horizon {
        /// The task.
        task: String,
        /// The end of the label window.
        needed: String,
        /// The time of the last event.
        end: String,
    },
    /// A measure or a probe does not fit what it is given.
    #[error(transparent)]
    Metrics(#[from] instructue_metrics::Error),
    /// A position that is not in the user store.
    #[error("user {index} of shard {shard}: the {what} has only {len}")]
    NoSuchUser {
        /// The shard asked for.
        shard: usize,
        /// The index asked for.
        index: usize,
        /// Which of the two is too large: store (shards) or shard (users).
        what: &'static str,
        /// How many there are.
        len: usize,
    },
    /// A user is in the training and in the test part.
    #[error("user {index} of shard {shard} is both a training and a test user")]
    Overlap {
        /// The user's shard.
        shard: usize,
        /// The user's index in it.
        index: usize,
    },
    /// The user store could not be read.
    #[error(transparent)]
    Store(#[from] instructue_store::Error),
    /// The model failed.
    #[error("the {model} model: {source}")]
    Model {
        /// `trained` or `untrained`.
        model: &'static str,
        /// Its error.
        source: BoxError,
    },
    /// A closure of the caller failed.
    #[error("{what}: {source}")]
    Caller {
        /// Which closure.
        what: &'static str,
        /// Its error.
        source: BoxError,
    },
    /// The results could not be written as JSON.
    #[error("{path}: {source}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        source: serde_json::Error,
    },
}

impl Error {
    pub(crate) fn shape(
        what: impl Into<String>,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Self {
        instructue_metrics::Error::shape(what, expected, found).into()
    }
}

impl From<instructue_schema::MatrixError> for Error {
    fn from(error: instructue_schema::MatrixError) -> Self {
        Self::Metrics(error.into())
    }
}
