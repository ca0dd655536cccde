//! What can be wrong with a schema.

/// A schema that cannot be read or makes no sense.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] instructue_fs::Error),
    /// The text is not TOML, or has an unknown key, a missing key or a value of another type.
    #[error("{file}:{line}:{column}: {message}")]
    Syntax {
        /// The schema file, or `schema` when it was given as text.
        file: String,
        /// Line of the problem, from 1.
        line: usize,
        /// Column of the problem, from 1.
        column: usize,
        /// The key, what was expected and what was found.
        message: String,
    },
    /// A value that parses but contradicts another one or a rule.
    #[error("{file}: {key}: expected {expected}, found {found}")]
    Invalid {
        /// The schema file, or `schema` when it was given as text.
        file: String,
        /// The path of the key, e.g. `source.bill.column.amount.role`.
        key: String,
        /// The rule.
        expected: String,
        /// What stands there.
        found: String,
    },
}

impl Error {
    /// The same error, naming `path` as the file.
    pub(crate) fn in_file(mut self, path: &std::path::Path) -> Self {
        if let Self::Syntax { file, .. } | Self::Invalid { file, .. } = &mut self {
            *file = path.display().to_string();
        }
        self
    }
}
