//! What can be wrong with a tokenizer.

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
        /// The file, or what it would be.
        file: String,
        /// The rule.
        expected: String,
        /// What is there.
        found: String,
    },
}
