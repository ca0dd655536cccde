//! What is said of a guess.

/// A remark on something that was guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// File, or file and column.
    pub place: String,
    /// What was done with it, and why.
    pub text: String,
    /// Whether a person should look at it.
    pub doubt: bool,
}
