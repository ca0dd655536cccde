//! The error type of this crate.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of `instructue-trainer`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration key has an invalid value.
    #[error("config key `{key}`: expected {expected}, found {found}")]
    Config {
        /// The key.
        key: String,
        /// The valid values.
        expected: String,
        /// The value that was found.
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
    /// A loss is not finite.
    #[error("step {step}: the {loss} loss is {value}; training stopped before the optimiser moved")]
    NonFiniteLoss {
        /// The step.
        step: usize,
        /// Which loss.
        loss: String,
        /// Its value.
        value: f32,
    },
    /// A gradient is not finite.
    #[error(
        "step {step}: the gradient of `{parameter}` is not finite; training stopped before the optimiser moved"
    )]
    NonFiniteGradient {
        /// The step.
        step: usize,
        /// The first parameter with such a gradient.
        parameter: String,
    },
    /// A checkpoint does not fit this run.
    #[error("{path}: checkpoint of another run: `{key}` was {found}, this run has {expected}")]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// The key that differs.
        key: String,
        /// The run's value.
        expected: String,
        /// The checkpoint's value.
        found: String,
    },
    /// A file could not be read or written, or does not match its manifest.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// A file's content violates its format.
    #[error("{path}: {message}")]
    Format {
        /// The file.
        path: PathBuf,
        /// The problem.
        message: String,
    },
    /// An error of the model.
    #[error(transparent)]
    Model(#[from] instructue_model::Error),
    /// An error of the user store.
    #[error(transparent)]
    Store(#[from] instructue_store::Error),
    /// An error of the training set.
    #[error(transparent)]
    UserQa(#[from] instructue_userqa::Error),
    /// The readout of a tuned question could not be fitted.
    #[error(transparent)]
    Metrics(#[from] instructue_metrics::Error),
    /// An error of the losses.
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

    /// Whether a file is damaged or missing. A complete file that does not fit, or one that
    /// cannot be read at the moment, is not meant.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::File(error) => error.is_damage(),
            Self::Model(instructue_model::Error::File(error)) => error.is_damage(),
            Self::Format { .. } | Self::Model(_) => true,
            _ => false,
        }
    }
}

impl From<instructue_schema::MatrixError> for Error {
    fn from(error: instructue_schema::MatrixError) -> Self {
        Self::Metrics(error.into())
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
