//! Types of ranges, and the check of a number against its range.

use std::fmt;

use super::out_of_range::OutOfRange;

/// The range of a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntegerRange {
    /// The smallest valid number.
    pub min: i128,
    /// The largest valid number.
    pub max: i128,
    /// The reason for the largest number.
    pub why: &'static str,
}

/// The range of a number with a fraction. NaN and infinity are never valid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FloatRange {
    /// The lower end.
    pub min: f64,
    /// The upper end.
    pub max: f64,
    /// Whether the lower end itself is excluded.
    pub above: bool,
    /// Whether the upper end itself is excluded.
    pub below: bool,
    /// The reason.
    pub why: &'static str,
}

/// A number of a configuration with its range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BoundedNumber {
    /// A whole number.
    Integer(i128, &'static IntegerRange),
    /// A number with a fraction.
    Float(f64, &'static FloatRange),
}

impl IntegerRange {
    pub(super) const fn new(min: i128, max: i128, why: &'static str) -> Self {
        Self { min, max, why }
    }

    /// A number that must lie in this range.
    pub fn of(&'static self, value: impl TryInto<i128>) -> BoundedNumber {
        BoundedNumber::Integer(value.try_into().unwrap_or(i128::MAX), self)
    }
}

impl FloatRange {
    /// A range with both ends included.
    pub(super) const fn new(min: f64, max: f64, why: &'static str) -> Self {
        Self {
            min,
            max,
            above: false,
            below: false,
            why,
        }
    }

    /// The same range without `min`.
    pub(super) const fn above(mut self) -> Self {
        self.above = true;
        self
    }

    /// The same range without `max`.
    pub(super) const fn below(mut self) -> Self {
        self.below = true;
        self
    }

    /// A number that must lie in this range.
    pub fn of(&'static self, value: f64) -> BoundedNumber {
        BoundedNumber::Float(value, self)
    }
}

impl fmt::Display for IntegerRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {} ({})", self.min, self.max, self.why)
    }
}

impl fmt::Display for FloatRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (real(self.min), real(self.max));
        match (self.above, self.below) {
            (false, false) => write!(f, "{min} to {max}")?,
            (true, false) => write!(f, "above {min}, at most {max}")?,
            (false, true) => write!(f, "at least {min}, below {max}")?,
            (true, true) => write!(f, "above {min}, below {max}")?,
        }
        write!(f, " ({})", self.why)
    }
}

/// A number in few characters.
fn real(value: f64) -> String {
    let size = value.abs();
    match value == 0.0 || !size.is_finite() || (1e-6..1e15).contains(&size) {
        true => value.to_string(),
        false => format!("{value:e}"),
    }
}

impl BoundedNumber {
    fn fits(&self) -> bool {
        match *self {
            Self::Integer(value, limit) => (limit.min..=limit.max).contains(&value),
            Self::Float(value, limit) => {
                // Both comparisons are false for NaN.
                let low = value > limit.min || value == limit.min && !limit.above;
                let high = value < limit.max || value == limit.max && !limit.below;
                low && high
            }
        }
    }

    fn expected(&self) -> String {
        match self {
            Self::Integer(_, limit) => limit.to_string(),
            Self::Float(_, limit) => limit.to_string(),
        }
    }

    fn found(&self) -> String {
        match self {
            Self::Integer(value, _) => value.to_string(),
            Self::Float(value, _) => real(*value),
        }
    }
}

/// Checks numbers by their keys.
///
/// # Errors
/// The first number outside its range.
pub fn check<'a>(
    numbers: impl IntoIterator<Item = (&'a str, BoundedNumber)>,
) -> Result<(), OutOfRange> {
    for (key, number) in numbers {
        if !number.fits() {
            return Err(OutOfRange {
                key: key.to_owned(),
                expected: number.expected(),
                found: number.found(),
            });
        }
    }
    Ok(())
}

/// Checks the product of `factors`, which `key` names.
///
/// # Errors
/// The product lies outside the range.
pub fn product(key: &str, factors: &[u64], limit: &'static IntegerRange) -> Result<(), OutOfRange> {
    let product = factors.iter().fold(1_i128, |product, &factor| {
        product.saturating_mul(i128::from(factor))
    });
    check([(key, BoundedNumber::Integer(product, limit))])
}

#[cfg(test)]
mod tests {
    use super::*;

    static SOME: IntegerRange = IntegerRange::new(1, 10, "ten fingers");
    static OPEN: FloatRange = FloatRange::new(0.0, 1.0, "a share").above().below();
    static HUGE: FloatRange = FloatRange::new(0.0, 1e30, "as good as none");

    #[test]
    fn ranges_hold_their_ends_or_not() {
        for (number, fits) in [
            (SOME.of(1_u32), true),
            (SOME.of(10_usize), true),
            (SOME.of(0_u64), false),
            (SOME.of(-1_i64), false),
            (SOME.of(u64::MAX), false),
            (OPEN.of(0.0), false),
            (OPEN.of(0.5), true),
            (OPEN.of(1.0), false),
            (OPEN.of(f64::NAN), false),
            (HUGE.of(0.0), true),
            (HUGE.of(1e30), true),
            (HUGE.of(f64::INFINITY), false),
            (HUGE.of(f64::NEG_INFINITY), false),
        ] {
            assert_eq!(check([("key", number)]).is_ok(), fits, "{number:?}");
        }
    }

    #[test]
    fn the_error_says_key_range_reason_and_value() {
        let error = check([("a", SOME.of(3)), ("b", HUGE.of(-1e-9))]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "b: expected 0 to 1e30 (as good as none), found -1e-9"
        );
        let error = check([("fingers", SOME.of(u64::MAX))]).unwrap_err();
        assert_eq!(
            error.in_file("hand.toml").to_string(),
            "hand.toml: fingers: expected 1 to 10 (ten fingers), found 18446744073709551615"
        );
        assert!(OPEN.to_string().starts_with("above 0, below 1"));
    }

    #[test]
    fn products_do_not_overflow() {
        assert!(product("a × b", &[2, 5], &SOME).is_ok());
        let error = product("a × b", &[u64::MAX, u64::MAX, u64::MAX, 9], &SOME).unwrap_err();
        assert_eq!(error.key, "a × b");
    }
}
