//! What can go wrong in a run.

use std::path::PathBuf;

use instructue_schema::Timestamp;

use crate::hub::HubError;

/// Result of the pipeline.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of a run; those of the parts pass through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration file does not read.
    #[error("{}{}: {message}", path.display(), line.map_or(String::new(), |l| format!(":{l}")))]
    Config {
        /// The file.
        path: PathBuf,
        /// The line, if known.
        line: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// An argument does not fit.
    #[error("{what}: expected {expected}, found {found}")]
    Argument {
        /// Which.
        what: String,
        /// What would fit.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A declared path leads out of its directory.
    #[error("{key}: {source}")]
    Outside {
        /// Where it is declared.
        key: String,
        /// Where it may lead, and where it leads.
        source: instructue_schema::paths::Outside,
    },
    /// A reference time before which most users show nothing.
    #[error(
        "{empty} of {users} users have no event in the windows before {reference}, so their \
         vectors would be alike: choose another reference time, or allow it (--allow-empty)"
    )]
    EmptyWindows {
        /// Users without an event there.
        empty: u64,
        /// All users.
        users: u64,
        /// The reference time.
        reference: Timestamp,
    },
    /// A file could not be read or written, is not what its manifest says, or something else
    /// is in the way.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// Generated users that are not those that were generated together.
    #[error(transparent)]
    Generate(#[from] instructue_generate::Error),
    /// A Parquet file could not be written.
    #[error("{path}: {message}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        message: String,
    },
    /// The schema.
    #[error(transparent)]
    Schema(#[from] instructue_schema::Error),
    /// A tokenizer.
    #[error(transparent)]
    Features(#[from] instructue_features::Error),
    /// Vectors that do not fit.
    #[error(transparent)]
    Matrix(#[from] instructue_schema::MatrixError),
    /// The data.
    #[error(transparent)]
    Store(#[from] instructue_store::Error),
    /// The training set.
    #[error(transparent)]
    UserQa(#[from] instructue_userqa::Error),
    /// The model.
    #[error(transparent)]
    Model(#[from] instructue_model::Error),
    /// A name that leads to no model.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A decoder's files.
    #[error(transparent)]
    Backbone(#[from] instructue_backbone::Error),
    /// An encoder's files.
    #[error(transparent)]
    Encoder(#[from] instructue_encoders::Error),
    /// Training.
    #[error(transparent)]
    Trainer(#[from] instructue_trainer::Error),
    /// A measure or a probe.
    #[error(transparent)]
    Metrics(#[from] instructue_metrics::Error),
    /// Evaluation.
    #[error(transparent)]
    Eval(#[from] instructue_eval::Error),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::File(instructue_fs::Error::io(path.into())(source))
    }

    pub(crate) fn outside(
        key: impl Into<String>,
    ) -> impl FnOnce(instructue_schema::paths::Outside) -> Self {
        let key = key.into();
        move |source| Self::Outside { key, source }
    }

    pub(crate) fn argument(what: &str, expected: &str, found: impl ToString) -> Self {
        Self::Argument {
            what: what.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }
}

impl From<instructue_schema::limits::OutOfRange> for Error {
    fn from(wrong: instructue_schema::limits::OutOfRange) -> Self {
        Self::Argument {
            what: wrong.key,
            expected: wrong.expected,
            found: wrong.found,
        }
    }
}
