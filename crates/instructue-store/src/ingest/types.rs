//! Mapping of files' column types to declared types, and of bytes to texts.

use std::fmt::Write as _;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use instructue_schema::ColumnType;

use super::bad_row::BadValue;
use crate::error::RowProblem;

/// The type to declare for a file's column of type `found`; `None` if none fits.
pub fn declared_type(found: &DataType) -> Option<ColumnType> {
    Some(match plain(found) {
        DataType::Boolean => ColumnType::Bool,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => ColumnType::Timestamp,
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => match scale {
            1.. => ColumnType::Float,
            _ => ColumnType::Int,
        },
        found if found.is_floating() => ColumnType::Float,
        found if found.is_integer() => ColumnType::Int,
        found if is_text(found) => ColumnType::Text,
        DataType::FixedSizeList(numbers, _)
        | DataType::List(numbers)
        | DataType::LargeList(numbers)
            if numbers.data_type().is_floating() =>
        {
            ColumnType::Vector
        }
        _ => return None,
    })
}

/// The type of the values behind a type that only describes their layout.
pub(super) fn plain(found: &DataType) -> &DataType {
    match found {
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        found => found,
    }
}

/// Whether the type holds texts or bytes. Bytes are checked value by value.
pub(super) fn is_text(found: &DataType) -> bool {
    matches!(
        found,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_)
    )
}

/// Whether an array has no value: all are null or NaN.
pub(crate) fn is_void(array: &ArrayRef) -> bool {
    let floats = match array.data_type() {
        float if float.is_floating() => cast(array, &DataType::Float64).ok(),
        _ => None,
    };
    match floats {
        Some(floats) => floats
            .as_primitive::<Float64Type>()
            .iter()
            .all(|float| float.is_none_or(f64::is_nan)),
        None => array.logical_null_count() == array.len(),
    }
}

/// The text of UTF-8 bytes.
pub(super) fn utf8(bytes: &[u8]) -> Result<&str, BadValue> {
    std::str::from_utf8(bytes).map_err(|error| {
        let found = format!("{} bytes that are none", bytes.len());
        let expected = format!(
            "text in UTF-8 (as it is up to byte {})",
            error.valid_up_to()
        );
        BadValue::new(RowProblem::NotUtf8, expected, found)
    })
}

/// The usual text form of a UUID.
pub(super) fn hyphenated(id: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in id.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
