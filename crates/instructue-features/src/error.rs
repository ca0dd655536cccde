//! The error type of this crate.

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of a tokenizer cannot be read or written.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// A tokenizer that cannot be read or trained.
    #[error("{file}: expected {expected}, found {found}")]
    Tokenizer {
        /// The file, or the name of the tokenizer that was to be made.
        file: String,
        /// The rule.
        expected: String,
        /// The value that was found.
        found: String,
    },
}

impl Error {
    /// The error of a tokenizer's file.
    pub(crate) fn tokenizer(file: &str, expected: impl Into<String>, found: impl ToString) -> Self {
        Self::Tokenizer {
            file: file.into(),
            expected: expected.into(),
            found: found.to_string(),
        }
    }
}
