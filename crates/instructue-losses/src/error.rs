//! What can be wrong with a configuration or an input.

/// An unusable configuration or input of a loss.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of a configuration is out of range.
    #[error("{config}.{field}: expected {expected}, found {found}")]
    Config {
        /// Configuration type.
        config: &'static str,
        /// Field of that configuration.
        field: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: f64,
    },
    /// A length or a width differs from what the rest of the input says.
    #[error("{what}: expected {expected}, found {found}")]
    Length {
        /// Which part of the input, e.g. "rows of `answers`".
        what: &'static str,
        /// Length that the rest of the input has.
        expected: usize,
        /// Length of this part.
        found: usize,
    },
    /// A row's class has no prototype.
    #[error("`classes`, row {row}: expected a class below {classes}, found {found}")]
    Class {
        /// Row of the batch.
        row: usize,
        /// Number of prototypes.
        classes: usize,
        /// The row's class.
        found: usize,
    },
    /// There is nothing to compute a mean over.
    #[error("{what}: expected at least one row, found none")]
    Empty {
        /// Which part of the input.
        what: &'static str,
    },
    /// A micro-batch gave vectors in the second pass whose shape differs from the first pass.
    #[error(
        "micro-batch {index}, {side}: the first pass gave {expected:?}, the second {found:?}; \
         both passes must see the same rows"
    )]
    Replay {
        /// Index of the micro-batch.
        index: usize,
        /// `"users"` or `"answers"`.
        side: &'static str,
        /// Shape in the first pass.
        expected: [usize; 2],
        /// Shape in the second pass.
        found: [usize; 2],
    },
    /// A result could not be read back from the device.
    #[error("reading {what} from the device: {reason}")]
    Read {
        /// What was read.
        what: &'static str,
        /// Why it failed.
        reason: String,
    },
}
