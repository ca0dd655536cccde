//! What can be wrong with the input of a measure or a probe.

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Arrays that belong together differ in size.
    #[error("{what}: expected {expected}, found {found}")]
    Shape {
        /// Which array.
        what: String,
        /// The size needed.
        expected: String,
        /// The size found.
        found: String,
    },
    /// A matrix is none, or does not fit another one.
    #[error(transparent)]
    Matrix(#[from] instructue_schema::MatrixError),
    /// Too few examples of a class to fit or to cross-validate a probe.
    #[error(
        "a probe needs at least {needed} examples of each class, found {positives} positive and {negatives} negative"
    )]
    TooFew {
        /// Least number per class.
        needed: usize,
        /// Positive examples.
        positives: usize,
        /// Negative examples.
        negatives: usize,
    },
    /// The probe's optimiser did not reach its tolerance.
    #[error(
        "the probe did not converge in {iterations} Newton steps (l2 {l2}, decrement {decrement:e})"
    )]
    NotConverged {
        /// Steps taken.
        iterations: usize,
        /// The penalty.
        l2: f64,
        /// The Newton decrement at the end.
        decrement: f64,
    },
    /// An option is out of range.
    #[error("option `{option}`: expected {expected}, found {found}")]
    Option {
        /// Its name.
        option: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What was given.
        found: String,
    },
}

impl Error {
    /// Arrays that belong together and differ in size.
    pub fn shape(
        what: impl Into<String>,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::Shape {
            what: what.into(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}
