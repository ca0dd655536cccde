//! The error of a value outside its bounds.

/// A value of a configuration that lies outside its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}, found {found}")]
pub struct OutOfRange {
    /// The key.
    pub key: String,
    /// The bounds, with the reason.
    pub expected: String,
    /// The value that was found.
    pub found: String,
}

impl OutOfRange {
    /// The error for the value of `key`.
    pub fn new(
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// The same error with the file before the key.
    pub fn in_file(mut self, file: impl std::fmt::Display) -> Self {
        self.key = format!("{file}: {}", self.key);
        self
    }
}
