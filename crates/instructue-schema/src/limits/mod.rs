//! Bounds of the numbers and texts in a configuration. A crate needs them to validate settings.
//!
//! Every number that a file or a command-line argument can hold has a row in [`numbers`]: a range
//! and its reason. The bounds are checked where a configuration is read, and again where the
//! library takes it, before anything is allocated. Ranges are generous: they end where arithmetic
//! could overflow, or where no machine has the memory or the years.
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
mod out_of_range;
pub mod texts;
pub mod trials;

pub use number::{BoundedNumber, FloatRange, IntegerRange, check, product};
pub use out_of_range::OutOfRange;
