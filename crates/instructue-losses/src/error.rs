//! The error type of this crate.

/// An invalid configuration or input of a loss.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of a configuration is out of range.
    #[error("{config}.{field}: expected {expected}, found {found}")]
    Config {
        /// The configuration's type.
        config: &'static str,
        /// The field.
        field: &'static str,
        /// The valid values.
        expected: &'static str,
        /// The value that was found.
        found: f64,
    },
    /// A length or width differs from the rest of the input.
    #[error("{what}: expected {expected}, found {found}")]
    Length {
        /// The part of the input, such as "rows of `answers`".
        what: &'static str,
        /// The length of the rest of the input.
        expected: usize,
        /// The length of this part.
        found: usize,
    },
    /// A row's class has no prototype.
    #[error("`classes`, row {row}: expected a class below {classes}, found {found}")]
    Class {
        /// The row of the batch.
        row: usize,
        /// The number of prototypes.
        classes: usize,
        /// The row's class.
        found: usize,
    },
    /// A part of the input is empty.
    #[error("{what}: expected at least one row, found none")]
    Empty {
        /// The part of the input.
        what: &'static str,
    },
    /// A micro-batch's vectors have another shape in the second pass than in the first.
    #[error(
        "micro-batch {index}, {side}: the first pass gave {expected:?}, the second {found:?}; \
         both passes must see the same rows"
    )]
    Replay {
        /// The index of the micro-batch.
        index: usize,
        /// `"users"` or `"answers"`.
        side: &'static str,
        /// The shape in the first pass.
        expected: [usize; 2],
        /// The shape in the second pass.
        found: [usize; 2],
    },
    /// A result could not be read back from the device.
    #[error("reading {what} from the device: {reason}")]
    Read {
        /// The name of the result.
        what: &'static str,
        /// The reason.
        reason: String,
    },
}
