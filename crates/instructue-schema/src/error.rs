//! The error type of reading and validating a schema.

/// A schema that cannot be read or breaks a rule.
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
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The key, what was expected and what was found.
        message: String,
    },
    /// A value that has the right type but breaks a rule or contradicts another value.
    #[error("{file}: {key}: expected {expected}, found {found}")]
    Invalid {
        /// The schema file, or `schema` when it was given as text.
        file: String,
        /// The path of the key, e.g. `source.bill.column.amount.role`.
        key: String,
        /// The rule.
        expected: String,
        /// The value that was found.
        found: String,
    },
}

impl Error {
    /// The same error with `path` as the file.
    pub(crate) fn in_file(mut self, path: &std::path::Path) -> Self {
        if let Self::Syntax { file, .. } | Self::Invalid { file, .. } = &mut self {
            *file = path.display().to_string();
        }
        self
    }
}
