//! The number that hides a key from a query.

/// What is added to a score that must not count.
///
/// Far below any real score, so that its weight is exactly zero, and yet
/// finite in half precision, so that a row with nothing to attend to becomes
/// an average of values, not NaN.
pub const MASKED: f32 = -3.0e4;
