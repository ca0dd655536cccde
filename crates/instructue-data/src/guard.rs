//! Damaged Parquet files as errors.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::error::{Error, Result};

/// Runs a step of the Parquet decoder on `file`; `row` is where the step starts.
///
/// The decoder reports most damage as an error but panics at some. A panic is
/// caught here, so that a damaged file is never more than an error; whatever
/// was being decoded must not be used afterwards.
pub(crate) fn decode<T, E: Display>(
    file: &Path,
    row: u64,
    step: impl FnOnce() -> Result<T, E>,
) -> Result<T> {
    let message = match catch_unwind(AssertUnwindSafe(step)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(message), _) => message.clone(),
            (None, Some(message)) => (*message).into(),
            (None, None) => "the decoder gave up".into(),
        },
    };
    Err(Error::Corrupt {
        file: file.into(),
        row,
        message,
    })
}
