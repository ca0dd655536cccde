//! The error of this crate: configurations, checkpoints, batches and caches.

use std::path::PathBuf;

/// Errors of this crate. Each names what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// A file that is not the JSON expected; the reason names the key.
    #[error("{}: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        reason: serde_json::Error,
    },
    /// A configuration value that is out of range or not supported.
    #[error("{config}: `{key}` is {found}, expected {expected}")]
    Config {
        /// The configuration: a path or a type's name.
        config: String,
        /// The key in it.
        key: &'static str,
        /// The value found.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// The checkpoint's tensors: missing, of another shape, not finite.
    #[error(transparent)]
    Checkpoint(#[from] instructue_nn::Error),
    /// A text longer than the position table.
    #[error("text {text} has {found} tokens, the encoder allows {allowed}")]
    TooLong {
        /// The text's row in the batch.
        text: usize,
        /// Its tokens.
        found: usize,
        /// The most the encoder takes.
        allowed: usize,
    },
    /// A token id that the vocabulary does not have.
    #[error("text {text}, token {position}: id {found} is outside the vocabulary of {vocabulary}")]
    UnknownToken {
        /// The text's row in the batch.
        text: usize,
        /// The token's place in the text.
        position: usize,
        /// The id.
        found: u32,
        /// Size of the vocabulary.
        vocabulary: usize,
    },
    /// A cache folder that cannot be read or written.
    #[error("event-vector cache: {0}")]
    Cache(#[source] instructue_fs::Error),
    /// Vectors that a cache cannot take.
    #[error("event-vector cache: expected {expected}, found {found}")]
    Vectors {
        /// What would be taken.
        expected: String,
        /// What came.
        found: String,
    },
    /// A row with another number of features than the encoder was made for.
    #[error("row {row}: {found} {what}, expected {expected}")]
    FeatureCount {
        /// The row, counted from 0.
        row: u64,
        /// `numbers` or `categories`.
        what: &'static str,
        /// How many the row has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// A category code beyond the declared cardinality.
    #[error("row {row}: category {column} has code {found}, its cardinality is {cardinality}")]
    UnknownCategory {
        /// The row, counted from 0.
        row: u64,
        /// The category column, counted from 0.
        column: usize,
        /// The code.
        found: u32,
        /// Number of codes, the missing one (0) included.
        cardinality: usize,
    },
}

impl Error {
    pub(crate) fn config(
        config: impl Into<String>,
        key: &'static str,
        found: impl ToString,
        expected: impl Into<String>,
    ) -> Self {
        Self::Config {
            config: config.into(),
            key,
            found: found.to_string(),
            expected: expected.into(),
        }
    }

    /// The same error, with the text's number in another list.
    pub(crate) fn of_text(mut self, number: impl Fn(usize) -> usize) -> Self {
        if let Self::TooLong { text, .. } | Self::UnknownToken { text, .. } = &mut self {
            *text = number(*text);
        }
        self
    }
}
