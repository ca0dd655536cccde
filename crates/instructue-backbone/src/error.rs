//! The error of this crate: settings and checkpoints.

use std::path::PathBuf;

/// The result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a decoder could not be configured, loaded or saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is missing, out of range or not supported.
    #[error("`{key}`: expected {expected}, found {found}")]
    Setting {
        /// The key, as in `config.json`.
        key: String,
        /// What is accepted.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A setting in a file is missing, out of range or not supported.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The setting at fault.
        source: Box<Error>,
    },
    /// A GGUF file could not be read, or does not fit.
    #[error(transparent)]
    Gguf(Box<instructue_gguf::Error>),
    /// A checkpoint could not be read or written, or does not fit.
    #[error(transparent)]
    Checkpoint(#[from] instructue_nn::Error),
}

// Boxed, so that every result is not as large as its longest message.
impl From<instructue_gguf::Error> for Error {
    fn from(source: instructue_gguf::Error) -> Self {
        Self::Gguf(Box::new(source))
    }
}

impl Error {
    pub(crate) fn setting(
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl ToString,
    ) -> Self {
        Self::Setting {
            key: key.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }
}
