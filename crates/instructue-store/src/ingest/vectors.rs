//! Vectors of a file's list columns: which types fit, and the values row by row.

use arrow::array::{Array, ArrayRef, AsArray, Float32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type};
use arrow::error::ArrowError;

use super::bad_row::BadValue;
use crate::error::RowProblem;

/// Whether a column of this type holds lists of floats; of a list of a fixed size, of `width`.
pub(super) fn holds_vectors(found: &DataType, width: usize) -> bool {
    match found {
        DataType::FixedSizeList(numbers, size) => {
            numbers.data_type().is_floating() && usize::try_from(*size) == Ok(width)
        }
        DataType::List(numbers) | DataType::LargeList(numbers) => numbers.data_type().is_floating(),
        _ => false,
    }
}

/// Whether the type is one of lists that [`Vectors::load`] reads.
pub(super) fn is_list(found: &DataType) -> bool {
    matches!(
        found,
        DataType::FixedSizeList(..) | DataType::List(_) | DataType::LargeList(_)
    )
}

/// The lists of one column in one batch, as numbers of 32 bits.
#[derive(Clone)]
pub(crate) struct Vectors {
    numbers: Float32Array,
    /// Where each row's numbers begin; one entry more than there are rows.
    starts: Vec<usize>,
    nulls: Option<NullBuffer>,
}

impl Vectors {
    /// Converts an array of a type that [`is_list`]. A number beyond the range of 32 bits becomes
    /// infinite and is refused with its row.
    pub(super) fn load(array: &ArrayRef) -> Result<Self, ArrowError> {
        let (numbers, starts) = match array.data_type() {
            DataType::FixedSizeList(_, size) => {
                let size = usize::try_from(*size).unwrap_or(0);
                let lists = array.as_fixed_size_list();
                let starts = (0..=lists.len()).map(|row| row * size);
                (lists.values(), starts.collect())
            }
            DataType::LargeList(_) => {
                let lists = array.as_list::<i64>();
                let starts = lists.value_offsets().iter().map(|at| *at as usize);
                (lists.values(), starts.collect())
            }
            _ => {
                let lists = array.as_list::<i32>();
                let starts = lists.value_offsets().iter().map(|at| *at as usize);
                (lists.values(), starts.collect())
            }
        };
        let numbers = cast(numbers, &DataType::Float32)?;
        Ok(Self {
            numbers: numbers.as_primitive::<Float32Type>().clone(),
            starts,
            nulls: array.nulls().cloned(),
        })
    }

    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// The vector of a row that is not null.
    pub(super) fn get(&self, row: usize, width: usize) -> Result<&[f32], BadValue> {
        let (from, to) = (self.starts[row], self.starts[row + 1]);
        if to - from != width {
            return Err(BadValue::new(
                RowProblem::VectorWidth,
                format!("{width} numbers"),
                (to - from).to_string(),
            ));
        }
        let numbers = &self.numbers.values()[from..to];
        for (place, number) in numbers.iter().enumerate() {
            let found = match self.numbers.is_null(from + place) {
                true => "null".into(),
                false if number.is_finite() => continue,
                false => number.to_string(),
            };
            return Err(BadValue::new(
                RowProblem::NotFinite,
                "finite numbers of 32 bits",
                format!("{found} at position {place}"),
            ));
        }
        Ok(numbers)
    }
}
