//! The error of this crate: building, saving, loading and using a model.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Errors of `instructue-model`.
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
    /// A cache of profiles was made by another model than the one that is to
    /// read it.
    #[error("the profile cache is of another {key}: expected {expected}, found {found}")]
    Cache {
        /// `precision`, `model`, `adapter` or `device`.
        key: &'static str,
        /// The model's own.
        expected: String,
        /// The cache's.
        found: String,
    },
    /// A soft prompt that does not fit, or is of another model.
    #[error("{what}: {key}: expected {expected}, found {found}")]
    SoftPrompt {
        /// The file, or `tuned tokens`.
        what: Box<str>,
        /// Which part.
        key: Box<str>,
        /// What would fit.
        expected: Box<str>,
        /// What is there.
        found: Box<str>,
    },
    /// The directory is no finished model.
    #[error("{path}: not a finished model: expected {expected}, found {found}")]
    NotAModel {
        /// The directory.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file could not be read or written, is not what its manifest says, or may not be
    /// replaced.
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
    /// A weight is missing, unexpected, or of another shape.
    #[error("{path}: tensor `{name}`: expected {expected}, found {found}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A file of weights could not be read.
    #[error(transparent)]
    Weights(#[from] instructue_nn::Error),
    /// The decoder could not be built or loaded.
    #[error(transparent)]
    Backbone(#[from] instructue_backbone::Error),
    /// An encoder could not be built or loaded.
    #[error(transparent)]
    Encoder(#[from] instructue_encoders::Error),
    /// An adapter could not be built.
    #[error(transparent)]
    Adapter(#[from] instructue_adapter::Error),
    /// Profiles or tokens could not be made.
    #[error(transparent)]
    Features(#[from] instructue_features::Error),
    /// A reader of answers could not be fitted.
    #[error(transparent)]
    Metrics(#[from] instructue_metrics::Error),
    /// The schema is not usable.
    #[error(transparent)]
    Schema(#[from] instructue_schema::Error),
}

impl Error {
    pub(crate) fn tuned(
        what: impl ToString,
        key: &str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self::SoftPrompt {
            what: what.to_string().into(),
            key: key.into(),
            expected: expected.to_string().into(),
            found: found.to_string().into(),
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
