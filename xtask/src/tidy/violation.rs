//! What a rule finds.

use std::fmt;

/// One broken rule and where.
#[derive(Debug, PartialEq)]
pub struct Violation {
    /// A file, `file:line` or a crate.
    pub place: String,
    message: String,
}

impl Violation {
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }

    pub fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self::new(format!("{path}:{line}"), message)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}
