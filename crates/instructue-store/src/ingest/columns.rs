//! Reading of declared values from Arrow arrays of many types. It holds the rules for which
//! values fit a declared type.

use std::fmt::Write as _;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray,
    UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, UInt64Type};
use arrow::error::ArrowError;
use instructue_schema::{self as schema, Column, ColumnRole, ColumnType, SECONDS_PER_DAY, excerpt};

use super::bad_row::BadValue;
use super::decimal::Decimals;
use super::time_text::time_of;
use super::types::{hyphenated, is_text, plain, utf8};
use super::vectors::{Vectors, holds_vectors, is_list};
use crate::error::RowProblem;

/// The largest whole number up to which every whole number is exact in a 64-bit float.
const EXACT: u64 = 1 << 53;

/// Whether a file's column of type `found` can be read as `column` without loss. Where that
/// depends on the value, each value is checked later.
pub(crate) fn accepts(column: &Column, found: &DataType) -> bool {
    let found = plain(found);
    let whole = found.is_integer();
    let number = whole || found.is_floating() || found.is_decimal();
    match column.ty {
        ColumnType::Text => is_text(found),
        ColumnType::Int => {
            number || (column.role == ColumnRole::Number && *found == DataType::Boolean)
        }
        ColumnType::Vector => holds_vectors(found, column.width.unwrap_or(0)),
        ColumnType::Float | ColumnType::Bool => number || *found == DataType::Boolean,
        ColumnType::Timestamp => match (column.unit, found) {
            (Some(unit), DataType::Timestamp(of, _)) => per_second(of) == unit.per_second(),
            (Some(_), _) => number,
            (None, found) => {
                is_text(found)
                    || matches!(
                        found,
                        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64
                    )
            }
        },
    }
}

/// The types that [`accepts`] allows, in words.
pub(crate) fn expected(column: &Column) -> String {
    let words = match (column.ty, column.unit) {
        (ColumnType::Timestamp, Some(_)) => "numbers or timestamps of the column's unit",
        (ColumnType::Timestamp, None) => {
            "timestamp (numbers with `unit = \"s\"`, \"ms\", \"us\" or \"ns\" in the schema)"
        }
        (ColumnType::Vector, _) => {
            let width = column.width.unwrap_or(0);
            return format!("vectors of {width} floats (a FixedSizeList or a List)");
        }
        (ty, _) => ty.as_str(),
    };
    words.into()
}

fn per_second(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The values of one column in one batch, in one of a few physical types.
#[derive(Clone)]
pub(crate) enum Values {
    Null,
    Text(StringArray),
    /// Bytes that are checked for UTF-8 value by value.
    Bytes(BinaryArray),
    Int(Int64Array),
    UInt(UInt64Array),
    Float(Float64Array),
    Bool(BooleanArray),
    Decimal(Decimals),
    /// Times in seconds: value × .1 / .2, rounded down.
    Time(Int64Array, i64, i64),
    Vectors(Vectors),
}

impl Values {
    /// Converts an accepted array to one of the physical types. `uuid` says that 16 bytes are a
    /// UUID.
    pub(crate) fn load(array: &ArrayRef, uuid: bool) -> Result<Self, ArrowError> {
        let to_int =
            || cast(array, &DataType::Int64).map(|a| a.as_primitive::<Int64Type>().clone());
        Ok(match array.data_type() {
            layout @ (DataType::Dictionary(..) | DataType::RunEndEncoded(..)) => {
                return Self::load(&cast(array, plain(layout))?, uuid);
            }
            DataType::Null => Self::Null,
            list if is_list(list) => Self::Vectors(Vectors::load(array)?),
            DataType::UInt64 => Self::UInt(array.as_primitive::<UInt64Type>().clone()),
            whole if whole.is_integer() => Self::Int(to_int()?),
            float if float.is_floating() => {
                let array = cast(array, &DataType::Float64)?;
                Self::Float(array.as_primitive::<Float64Type>().clone())
            }
            DataType::Boolean => Self::Bool(array.as_boolean().clone()),
            decimal if decimal.is_decimal() => Self::Decimal(Decimals::load(array)?),
            DataType::Timestamp(unit, _) => Self::Time(to_int()?, 1, per_second(unit)),
            DataType::Date32 => {
                let days = cast(array, &DataType::Int32)?;
                let days = cast(&days, &DataType::Int64)?;
                Self::Time(days.as_primitive::<Int64Type>().clone(), SECONDS_PER_DAY, 1)
            }
            DataType::Date64 => Self::Time(to_int()?, 1, 1_000),
            DataType::FixedSizeBinary(16) if uuid => {
                let ids = array.as_fixed_size_binary().iter();
                Self::Text(ids.map(|id| id.map(hyphenated)).collect())
            }
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => {
                let array = cast(array, &DataType::Binary)?;
                Self::Bytes(array.as_binary::<i32>().clone())
            }
            _ => Self::Text(cast(array, &DataType::Utf8)?.as_string::<i32>().clone()),
        })
    }

    /// The largest absolute value of floats; 0 if there are none.
    pub(crate) fn largest_float(&self) -> f64 {
        match self {
            Self::Float(array) => array.iter().flatten().map(f64::abs).fold(0.0, f64::max),
            _ => 0.0,
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Null => true,
            Self::Text(array) => array.is_null(row),
            Self::Bytes(array) => array.is_null(row),
            Self::Int(array) | Self::Time(array, ..) => array.is_null(row),
            Self::UInt(array) => array.is_null(row),
            Self::Float(array) => array.is_null(row) || array.value(row).is_nan(),
            Self::Bool(array) => array.is_null(row),
            Self::Decimal(array) => array.is_null(row),
            Self::Vectors(array) => array.is_null(row),
        }
    }

    /// The vector of `width` finite numbers, which must not be missing.
    pub(crate) fn vector(&self, row: usize, width: usize) -> Result<&[f32], BadValue> {
        match self {
            Self::Vectors(array) if !array.is_null(row) => array.get(row, width),
            _ => Err(BadValue::new(RowProblem::NullVector, "a vector", "null")),
        }
    }

    /// The time in seconds, rounded down; `None` when missing. `unit` is the unit of numbers.
    pub(crate) fn time(&self, row: usize, unit: schema::TimeUnit) -> Result<Option<i64>, BadValue> {
        if self.is_null(row) {
            return Ok(None);
        }
        let seconds = |count: i64| Some(count.div_euclid(unit.per_second()));
        Ok(match self {
            Self::Time(array, factor, divisor) => Some(
                array
                    .value(row)
                    .saturating_mul(*factor)
                    .div_euclid(*divisor),
            ),
            Self::Int(array) => seconds(array.value(row)),
            // Such a number is beyond the year 2554 in any unit.
            Self::UInt(array) => match i64::try_from(array.value(row)) {
                Ok(count) => seconds(count),
                Err(_) => {
                    let seconds = array.value(row) / unit.per_second() as u64;
                    Some(i64::try_from(seconds).unwrap_or(i64::MAX))
                }
            },
            Self::Float(array) if array.value(row).is_finite() => {
                // The value is rounded down first, so that the division is exact.
                seconds(array.value(row).floor() as i64)
            }
            Self::Float(array) => {
                let found = array.value(row).to_string();
                let problem = RowProblem::InexactNumber;
                return Err(BadValue::new(problem, "a finite number", found));
            }
            Self::Decimal(array) => seconds(array.floor(row)),
            Self::Text(array) => Some(time_of(array.value(row))?),
            Self::Bytes(array) => Some(time_of(utf8(array.value(row))?)?),
            Self::Null | Self::Bool(_) | Self::Vectors(_) => None,
        })
    }

    /// The value as a whole number; `None` when missing.
    pub(crate) fn whole(&self, row: usize) -> Result<Option<i128>, BadValue> {
        if self.is_null(row) {
            return Ok(None);
        }
        Ok(match self {
            Self::Int(array) => Some(array.value(row).into()),
            Self::UInt(array) => Some(array.value(row).into()),
            Self::Bool(array) => Some(array.value(row).into()),
            Self::Float(array) => {
                let value = array.value(row);
                if value.fract() != 0.0 || value.abs() > EXACT as f64 {
                    let problem = RowProblem::InexactNumber;
                    let found = excerpt(&value.to_string());
                    return Err(BadValue::new(problem, "a whole number", found));
                }
                Some(value as i128)
            }
            Self::Decimal(array) => Some(array.whole(row)?),
            Self::Null | Self::Text(_) | Self::Bytes(_) | Self::Time(..) | Self::Vectors(_) => None,
        })
    }

    /// The number for a column declared as `ty`; NaN when missing.
    pub(crate) fn number(&self, row: usize, ty: ColumnType) -> Result<f64, BadValue> {
        if self.is_null(row) {
            return Ok(f64::NAN);
        }
        let inexact = |expected: &str, found: String| {
            Err(BadValue::new(RowProblem::InexactNumber, expected, found))
        };
        match self {
            Self::Float(array) if ty == ColumnType::Float => {
                let value = array.value(row);
                match value.is_finite() {
                    true => Ok(value),
                    false => inexact("a finite number", value.to_string()),
                }
            }
            Self::Decimal(array) if ty == ColumnType::Float => array.number(row),
            _ => match self.whole(row)? {
                Some(value) if ty == ColumnType::Bool && !(0..=1).contains(&value) => {
                    inexact("0 or 1", value.to_string())
                }
                Some(value) if value.unsigned_abs() > u128::from(EXACT) => {
                    inexact("a whole number of at most 2^53", value.to_string())
                }
                Some(value) => Ok(value as f64),
                None => Ok(f64::NAN),
            },
        }
    }

    /// The text for a column declared as `ty`; `None` when missing. Whole numbers are in decimal,
    /// Booleans are true or false. `buffer` may hold the result.
    pub(crate) fn text<'a>(
        &'a self,
        row: usize,
        ty: ColumnType,
        buffer: &'a mut String,
    ) -> Result<Option<&'a str>, BadValue> {
        if let Self::Text(array) = self {
            return Ok((!array.is_null(row)).then(|| array.value(row)));
        }
        if let Self::Bytes(array) = self {
            let bytes = (!array.is_null(row)).then(|| array.value(row));
            return bytes.map(utf8).transpose();
        }
        let Some(value) = self.whole(row)? else {
            return Ok(None);
        };
        if ty == ColumnType::Bool {
            return match value {
                0 => Ok(Some("false")),
                1 => Ok(Some("true")),
                _ => {
                    let problem = RowProblem::InexactNumber;
                    Err(BadValue::new(problem, "0 or 1", value.to_string()))
                }
            };
        }
        buffer.clear();
        // Writing to a String cannot fail. The narrower type is formatted much faster.
        let _ = match i64::try_from(value) {
            Ok(value) => write!(buffer, "{value}"),
            Err(_) => write!(buffer, "{value}"),
        };
        Ok(Some(buffer))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        Date32Array, Date64Array, Decimal128Array, Float32Array, TimestampNanosecondArray,
        UInt8Array,
    };

    use super::*;

    fn load(array: impl Array + 'static) -> Values {
        Values::load(&(Arc::new(array) as ArrayRef), false).unwrap()
    }

    #[test]
    fn times_of_every_unit_are_seconds_rounded_down() {
        use schema::TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
        let time = |values: &Values, row, unit| values.time(row, unit).unwrap();
        let nanos = load(TimestampNanosecondArray::from(vec![1_999_999_999, -1]));
        assert_eq!(time(&nanos, 0, Nanosecond), Some(1));
        assert_eq!(time(&nanos, 1, Nanosecond), Some(-1));
        let days = load(Date32Array::from(vec![2]));
        assert_eq!(time(&days, 0, Second), Some(172_800));
        let millis = load(Date64Array::from(vec![Some(5_000), None]));
        assert_eq!(time(&millis, 0, Second), Some(5));
        assert_eq!(time(&millis, 1, Second), None);
        for (unit, second) in [
            (Second, 1),
            (Millisecond, 1_000),
            (Microsecond, 1_000_000),
            (Nanosecond, 1_000_000_000),
        ] {
            let counts = vec![7 * second, 8 * second - 1, -1];
            let ints = load(Int64Array::from(counts.clone()));
            let floats = counts.into_iter().map(|count| count as f64);
            let floats = load(Float64Array::from_iter_values(floats));
            for values in [ints, floats] {
                let times = (0..3).map(|row| time(&values, row, unit));
                assert_eq!(times.collect::<Vec<_>>(), [Some(7), Some(7), Some(-1)]);
            }
        }
        let great = load(UInt64Array::from(vec![u64::MAX]));
        assert_eq!(time(&great, 0, Second), Some(i64::MAX));
        assert_eq!(time(&great, 0, Nanosecond), Some(18_446_744_073));
        let seconds = load(Float64Array::from(vec![1.7e9 + 0.75, f64::NAN, 1e300]));
        assert_eq!(time(&seconds, 0, Second), Some(1_700_000_000));
        assert_eq!(time(&seconds, 1, Second), None);
        assert_eq!(time(&seconds, 2, Second), Some(i64::MAX));
        let endless = load(Float64Array::from(vec![f64::INFINITY]));
        let problem = endless.time(0, Second).unwrap_err().problem;
        assert_eq!(problem, RowProblem::InexactNumber);
    }

    #[test]
    fn numbers_lose_nothing() {
        use ColumnType::{Bool, Float, Int};
        assert_eq!(
            load(UInt8Array::from(vec![200])).number(0, Float).unwrap(),
            200.0
        );
        assert_eq!(
            load(Float32Array::from(vec![0.5]))
                .number(0, Float)
                .unwrap(),
            0.5
        );
        assert_eq!(
            load(BooleanArray::from(vec![true])).number(0, Int).unwrap(),
            1.0
        );
        assert!(
            load(Float64Array::from(vec![f64::NAN]))
                .number(0, Float)
                .unwrap()
                .is_nan()
        );
        let cents = Decimal128Array::from(vec![1_999])
            .with_precision_and_scale(10, 2)
            .unwrap();
        assert_eq!(load(cents).number(0, Float).unwrap(), 19.99);
        let big = (1_i64 << 53) + 1;
        for (values, ty) in [
            (load(Int64Array::from(vec![big])), Float),
            (load(Int64Array::from(vec![-big])), Int),
            (load(UInt64Array::from(vec![u64::MAX])), Int),
            (load(Float64Array::from(vec![0.5])), Int),
            (load(Float64Array::from(vec![f64::INFINITY])), Float),
            (load(Float64Array::from(vec![f64::INFINITY])), Int),
            (load(Int64Array::from(vec![2])), Bool),
            (
                load(Decimal128Array::from(vec![10_i128.pow(20) + 1])),
                Float,
            ),
        ] {
            let error = values.number(0, ty).unwrap_err();
            assert_eq!(error.problem, RowProblem::InexactNumber, "{}", error.found);
        }
    }

    #[test]
    fn whole_numbers_and_booleans_become_text() {
        let mut buffer = String::new();
        let text = |values: &Values, ty, buffer: &mut String| {
            values.text(0, ty, buffer).unwrap().map(str::to_string)
        };
        let ids = load(UInt64Array::from(vec![u64::MAX]));
        assert_eq!(
            text(&ids, ColumnType::Int, &mut buffer).unwrap(),
            u64::MAX.to_string()
        );
        let ids = load(Float64Array::from(vec![-3.0]));
        assert_eq!(text(&ids, ColumnType::Int, &mut buffer).unwrap(), "-3");
        let flags = load(Int64Array::from(vec![0]));
        assert_eq!(
            text(&flags, ColumnType::Bool, &mut buffer).unwrap(),
            "false"
        );
        let none = load(Int64Array::from(vec![None]));
        assert_eq!(text(&none, ColumnType::Int, &mut buffer), None);
    }
}
