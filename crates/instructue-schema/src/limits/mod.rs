//! What a number or a text of a configuration may be, and why.
//!
//! Every number that can be written into a file or an argument has a row in
//! [`numbers`]: a range and its reason. Whoever reads a configuration, and whoever
//! takes one, asks before anything is allocated. Ranges are generous: they end where
//! arithmetic could overflow or where no machine has the memory or the years.
//!
//! ```
//! use instructue_schema::limits::{self, numbers};
//!
//! let checked = limits::check([
//!     ("steps", numbers::STEPS.of(0_usize)),
//!     ("warmup", numbers::SHARE.of(0.5)),
//! ]);
//! let error = checked.unwrap_err();
//! assert_eq!((error.key.as_str(), error.found.as_str()), ("steps", "0"));
//! assert!(error.expected.starts_with("1 to 1000000000"));
//! ```

mod number;
pub mod numbers;
pub mod texts;
pub mod trials;

pub use number::{Number, Real, Whole, check, product};

/// A value of a configuration that is not what it may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}, found {found}")]
pub struct OutOfRange {
    /// The key.
    pub key: String,
    /// What it may be, with the reason.
    pub expected: String,
    /// What it is.
    pub found: String,
}

impl OutOfRange {
    /// What is wrong with the value of `key`.
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

    /// The same, with the file before the key.
    pub fn in_file(mut self, file: impl std::fmt::Display) -> Self {
        self.key = format!("{file}: {}", self.key);
        self
    }
}
