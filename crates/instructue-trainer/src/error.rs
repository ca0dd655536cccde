//! What can go wrong in training.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of `instructue-trainer`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration key has a value that does not fit.
    #[error("config key `{key}`: expected {expected}, found {found}")]
    Config {
        /// The key.
        key: String,
        /// What would fit.
        expected: String,
        /// What is there.
        found: String,
    },
    /// Training was asked to end. Its newest checkpoint holds everything up to here.
    #[error("interrupted after step {step}; the checkpoint of this step is written")]
    Interrupted {
        /// Optimizer steps done.
        step: usize,
    },
    /// There is nothing to train on.
    #[error("no training data: {0}")]
    NoData(String),
    /// A loss is not a number.
    #[error("step {step}: the {loss} loss is {value}; training stopped before the optimiser moved")]
    NonFiniteLoss {
        /// The step.
        step: usize,
        /// Which loss.
        loss: String,
        /// Its value.
        value: f32,
    },
    /// A gradient is not a number.
    #[error(
        "step {step}: the gradient of `{parameter}` is not finite; training stopped before the optimiser moved"
    )]
    NonFiniteGradient {
        /// The step.
        step: usize,
        /// The first such parameter.
        parameter: String,
    },
    /// A checkpoint does not fit this run.
    #[error("{path}: checkpoint of another run: `{key}` was {found}, this run has {expected}")]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        key: String,
        /// This run's.
        expected: String,
        /// The checkpoint's.
        found: String,
    },
    /// A file could not be read or written, or is not what its manifest says.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// A file's content is not what its format says.
    #[error("{path}: {message}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The model.
    #[error(transparent)]
    Model(#[from] instructue_model::Error),
    /// The data.
    #[error(transparent)]
    Store(#[from] instructue_store::Error),
    /// The training set.
    #[error(transparent)]
    UserQa(#[from] instructue_userqa::Error),
    /// The losses.
    #[error(transparent)]
    Losses(#[from] instructue_losses::Error),
}

impl Error {
    pub(crate) fn config(key: &str, expected: &str, found: impl ToString) -> Self {
        Self::Config {
            key: key.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    /// Whether a file is damaged or gone, as opposed to one that is whole and does not fit, or
    /// that cannot be read just now.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::File(error) => error.is_damage(),
            Self::Model(instructue_model::Error::File(error)) => error.is_damage(),
            Self::Format { .. } | Self::Model(_) => true,
            _ => false,
        }
    }
}

impl From<instructue_schema::limits::OutOfRange> for Error {
    fn from(wrong: instructue_schema::limits::OutOfRange) -> Self {
        Self::Config {
            key: wrong.key,
            expected: wrong.expected,
            found: wrong.found,
        }
    }
}
