//! Decimals of any width and scale as whole numbers and as 64-bit floats.

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Decimal256Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, i256};
use arrow::error::ArrowError;

use instructue_schema::excerpt;

use super::bad_row::BadValue;
use crate::error::RowProblem;

/// Every decimal with this many digits has a distinct 64-bit float.
const EXACT_DIGITS: u128 = 10_u128.pow(15);
/// The largest power of ten up to which all are exact in a 64-bit float.
const EXACT_POWER: i8 = 22;

/// A column of decimals.
#[derive(Clone)]
pub(crate) enum Decimals {
    /// Unscaled values with their scale: a value is the unscaled one × 10^-scale.
    Narrow(Decimal128Array, i8),
    Wide(Decimal256Array, i8),
}

impl Decimals {
    /// Converts an array of any decimal type.
    pub(crate) fn load(array: &ArrayRef) -> Result<Self, ArrowError> {
        Ok(match array.data_type() {
            DataType::Decimal256(_, scale) => Self::Wide(array.as_primitive().clone(), *scale),
            DataType::Decimal128(_, scale) => Self::Narrow(array.as_primitive().clone(), *scale),
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) => {
                let wide = cast(array, &DataType::Decimal128(38, *scale))?;
                Self::Narrow(wide.as_primitive().clone(), *scale)
            }
            other => {
                let message = format!("expected decimals, found {other}");
                return Err(ArrowError::CastError(message));
            }
        })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Narrow(array, _) => array.is_null(row),
            Self::Wide(array, _) => array.is_null(row),
        }
    }

    /// The value as a whole number.
    pub(crate) fn whole(&self, row: usize) -> Result<i128, BadValue> {
        if let Self::Narrow(array, 0) = self {
            return Ok(array.value(row));
        }
        let whole = self.shortest(row).and_then(|(digits, exponent)| {
            digits.checked_mul(10_i128.checked_pow(u32::try_from(exponent).ok()?)?)
        });
        whole.ok_or_else(|| self.inexact(row, "a whole number of at most 38 digits"))
    }

    /// The value rounded down to a whole number, and limited to 64 bits.
    pub(crate) fn floor(&self, row: usize) -> i64 {
        let (mut value, scale) = self.unscaled(row);
        let ten = i256::from_i128(10);
        let mut cut = false;
        for _ in 0..scale.unsigned_abs() {
            if scale < 0 {
                // A value that overflows is beyond 64 bits anyway.
                value = value.checked_mul(ten).unwrap_or(value);
            } else {
                cut |= value.wrapping_rem(ten) != i256::ZERO;
                value = value.wrapping_div(ten);
            }
        }
        // The division rounds towards zero.
        let negative = self.unscaled(row).0.is_negative();
        if cut && negative {
            value = value.wrapping_sub(i256::ONE);
        }
        let limit = if negative { i64::MIN } else { i64::MAX };
        let value = value.to_i128().and_then(|value| i64::try_from(value).ok());
        value.unwrap_or(limit)
    }

    /// The float that represents the decimal: the nearest one, if its shortest digits give the
    /// decimal.
    pub(crate) fn number(&self, row: usize) -> Result<f64, BadValue> {
        if let Self::Narrow(array, scale @ 0..=EXACT_POWER) = self
            && array.value(row).unsigned_abs() <= EXACT_DIGITS
        {
            // Both operands are exact, so the quotient is the nearest float.
            return Ok(array.value(row) as f64 / 10_f64.powi(i32::from(*scale)));
        }
        let float = || {
            let (digits, exponent) = self.shortest(row)?;
            let float: f64 = format!("{digits}e{exponent}").parse().ok()?;
            // These are the shortest digits that identify this float.
            let written = format!("{float:e}");
            let (mantissa, power) = written.split_once('e')?;
            let fraction = mantissa.split_once('.').map_or(0, |(_, part)| part.len());
            let written: i128 = mantissa.replace('.', "").parse().ok()?;
            let power = power.parse::<i32>().ok()? - i32::try_from(fraction).ok()?;
            (digits == 0 || (written, power) == (digits, exponent)).then_some(float)
        };
        float().ok_or_else(|| self.inexact(row, "a decimal that a 64-bit float holds"))
    }

    fn unscaled(&self, row: usize) -> (i256, i8) {
        match self {
            Self::Narrow(array, scale) => (i256::from_i128(array.value(row)), *scale),
            Self::Wide(array, scale) => (array.value(row), *scale),
        }
    }

    /// The digits without trailing zeros, and their power of ten; `None` if they exceed 128 bits.
    fn shortest(&self, row: usize) -> Option<(i128, i32)> {
        let (mut wide, scale) = self.unscaled(row);
        let mut exponent = -i32::from(scale);
        let ten = i256::from_i128(10);
        let mut digits = loop {
            if let Some(digits) = wide.to_i128() {
                break digits;
            }
            if wide.wrapping_rem(ten) != i256::ZERO {
                return None;
            }
            (wide, exponent) = (wide.wrapping_div(ten), exponent + 1);
        };
        if digits == 0 {
            return Some((0, 0));
        }
        while digits % 10 == 0 {
            (digits, exponent) = (digits / 10, exponent + 1);
        }
        Some((digits, exponent))
    }

    fn inexact(&self, row: usize, expected: &str) -> BadValue {
        let found = match self {
            Self::Narrow(array, _) => array.value_as_string(row),
            Self::Wide(array, _) => array.value_as_string(row),
        };
        BadValue::new(RowProblem::InexactNumber, expected, excerpt(&found))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Decimal32Array, Decimal64Array};

    use super::*;

    fn narrow(value: i128, scale: i8) -> Decimals {
        let array = Decimal128Array::from(vec![value]);
        let array = array.with_precision_and_scale(38, scale).unwrap();
        Decimals::load(&(Arc::new(array) as ArrayRef)).unwrap()
    }

    fn wide(value: &str, scale: i8) -> Decimals {
        let value = i256::from_string(value).unwrap();
        let array = Decimal256Array::from(vec![value]);
        let array = array.with_precision_and_scale(76, scale).unwrap();
        Decimals::load(&(Arc::new(array) as ArrayRef)).unwrap()
    }

    #[test]
    fn whole_numbers_of_any_scale() {
        let most = 10_i128.pow(38) - 1;
        for (decimals, whole) in [
            (narrow(1045, 0), 1045),
            (narrow(-104_500, 2), -1045),
            (narrow(12, -3), 12_000),
            (narrow(most, 0), most),
            (narrow(0, 30), 0),
            (
                wide("10450000000000000000000000000000000000000000000", 43),
                1045,
            ),
            (wide("7", -2), 700),
        ] {
            assert_eq!(decimals.whole(0).unwrap(), whole);
        }
        for decimals in [
            narrow(15, 1),
            narrow(most, -1),
            wide("1000000000000000000000000000000000000000000000000001", 2),
            wide("123456789012345678901234567890123456789012", 0),
        ] {
            let bad = decimals.whole(0).unwrap_err();
            assert_eq!(bad.problem, RowProblem::InexactNumber, "{}", bad.found);
        }
    }

    #[test]
    fn numbers_are_those_that_the_same_digits_mean() {
        for (decimals, number) in [
            (narrow(1_999, 2), 19.99),
            (narrow(12_340_000_000_000_000_000, 18), 12.34),
            (narrow(30_000_000_000_000_004, 17), 0.300_000_000_000_000_04),
            (narrow(5, -3), 5_000.0),
            (narrow(0, 38), 0.0),
            (narrow(-1, 38), -1e-38),
            (narrow(10_i128.pow(37), 0), 1e37),
            (
                wide("144960000000000000000000000000000000000000", 39),
                144.96,
            ),
            (wide("0", 76), 0.0),
        ] {
            assert_eq!(decimals.number(0).unwrap(), number);
        }
        for decimals in [
            narrow((1 << 53) + 1, 0),
            narrow(3_333_333_333_333_333_333, 18),
            wide("33333333333333333333333333333333333333333333", 38),
        ] {
            let bad = decimals.number(0).unwrap_err();
            assert_eq!(bad.problem, RowProblem::InexactNumber, "{}", bad.found);
        }
    }

    #[test]
    fn narrow_types_are_read_too() {
        let small = Decimal32Array::from(vec![Some(1_250), None]);
        let small = small.with_precision_and_scale(9, 2).unwrap();
        let small = Decimals::load(&(Arc::new(small) as ArrayRef)).unwrap();
        assert_eq!(small.number(0).unwrap(), 12.5);
        assert!(small.is_null(1));
        let middle = Decimal64Array::from(vec![-7]).with_precision_and_scale(18, 0);
        let middle = Decimals::load(&(Arc::new(middle.unwrap()) as ArrayRef)).unwrap();
        assert_eq!(middle.whole(0).unwrap(), -7);
    }

    #[test]
    fn rounding_is_downwards() {
        for (decimals, floor) in [
            (narrow(1_706_702_400_999, 3), 1_706_702_400),
            (narrow(-1, 3), -1),
            (narrow(-1_000, 3), -1),
            (narrow(17, -2), 1_700),
            (narrow(10_i128.pow(37), 0), i64::MAX),
            (narrow(-10_i128.pow(37), -30), i64::MIN),
        ] {
            assert_eq!(decimals.floor(0), floor);
        }
    }
}
