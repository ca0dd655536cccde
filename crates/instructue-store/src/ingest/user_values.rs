//! A Parquet file with a row per user: ids beside values, such as labels.

use std::path::Path;

use instructue_schema::{Column, ColumnRole, ColumnType, UserId};

use super::RowErrors;
use super::columns::{BadValue, Values};
use super::files::Input;
use super::types::{declared_type, plain};
use crate::error::{Error, Result};
use crate::guard::{check_one_column, open_parquet};

/// What [`read_user_values`] found: row by row an id and a value; either may be missing.
pub type UserValues<T> = Vec<(Option<UserId>, Option<T>)>;

/// A type that the values of a column can be read as, by the rules for events.
pub trait UserValue: Sized {
    /// What such a column holds, for errors.
    const EXPECTED: &'static str;

    /// The type that a column found as `declared` is read as; `None` if it does not fit.
    #[doc(hidden)]
    fn column_type(declared: ColumnType) -> Option<ColumnType>;

    /// One value, in a column of type `ty`.
    #[doc(hidden)]
    fn read(cell: &Cell<'_>) -> Result<Option<Self>>;
}

/// One value of a column, and where it stands.
#[doc(hidden)]
pub struct Cell<'a> {
    file: &'a Path,
    row: u64,
    column: &'a Column,
    values: &'a Values,
    at: usize,
}

impl Cell<'_> {
    fn checked<T>(&self, value: Result<T, BadValue>) -> Result<T> {
        value.map_err(|bad| RowErrors::error(self.file, self.row, &self.column.name, bad))
    }
}

/// Text; integers and whole numbers in decimal, Booleans as `true` and `false`.
impl UserValue for String {
    const EXPECTED: &'static str = "text, whole numbers or booleans";

    fn column_type(declared: ColumnType) -> Option<ColumnType> {
        match declared {
            // Integers with missing values are floats in pandas. A class per fraction would be a
            // class per user, so a fraction is a bad value.
            ColumnType::Float => Some(ColumnType::Int),
            ColumnType::Timestamp => None,
            other => Some(other),
        }
    }

    fn read(cell: &Cell<'_>) -> Result<Option<Self>> {
        let mut buffer = String::new();
        let text = cell.values.text(cell.at, cell.column.ty, &mut buffer);
        Ok(cell.checked(text)?.map(str::to_owned))
    }
}

/// A number; NaN is a missing one.
impl UserValue for f64 {
    const EXPECTED: &'static str = "numbers";

    fn column_type(declared: ColumnType) -> Option<ColumnType> {
        matches!(declared, ColumnType::Int | ColumnType::Float).then_some(declared)
    }

    fn read(cell: &Cell<'_>) -> Result<Option<Self>> {
        let number = cell.checked(cell.values.number(cell.at, cell.column.ty))?;
        Ok((!number.is_nan()).then_some(number))
    }
}

/// Reads ids and values as an ingest reads them: ids are text or whole numbers, whatever the
/// type that holds them (decimals, floats of pandas, dictionaries, UUIDs).
///
/// # Errors
/// As [`open_parquet`]; [`Error::MissingColumn`], [`Error::DuplicateColumn`],
/// [`Error::ColumnType`]; [`Error::Row`] for a value that cannot be taken without loss.
pub fn read_user_values<T: UserValue>(
    path: &Path,
    user_column: &str,
    column: &str,
) -> Result<UserValues<T>> {
    let builder = open_parquet(path)?;
    let schema = builder.schema();
    let declare = |name: &str, role, expected, as_type: fn(ColumnType) -> Option<ColumnType>| {
        check_one_column(path, schema, name)?;
        let Ok(field) = schema.field_with_name(name) else {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            return Err(Error::MissingColumn {
                file: path.into(),
                column: name.into(),
                expected,
                found: format!("only {}", names.collect::<Vec<_>>().join(", ")),
            });
        };
        let ty = match plain(field.data_type()) {
            arrow::datatypes::DataType::Null => Some(ColumnType::Text),
            found => declared_type(found),
        };
        let wrong = || Error::ColumnType {
            file: path.into(),
            column: name.into(),
            expected,
            found: field.data_type().to_string(),
        };
        Ok(Column {
            name: name.into(),
            ty: ty.and_then(as_type).ok_or_else(wrong)?,
            role,
            label: None,
            render: None,
            required: false,
            unit: None,
        })
    };
    let id_type = |declared| match declared {
        ColumnType::Text => Some(ColumnType::Text),
        ColumnType::Int | ColumnType::Float => Some(ColumnType::Int),
        _ => None,
    };
    let users = declare(
        user_column,
        ColumnRole::User,
        "text or whole numbers",
        id_type,
    )?;
    let values = declare(column, ColumnRole::Category, T::EXPECTED, T::column_type)?;
    // The file stands alone: no folder above it says anything.
    let mut batches = Input::open(path, path, &[&users, &values])?.read()?;
    let mut rows = Vec::new();
    while let Some((first, batch)) = batches.next()? {
        let columns = batches.load(first, &batch)?;
        for at in 0..batch.num_rows() {
            let cell = |column, values| Cell {
                file: path,
                row: first + at as u64,
                column,
                values,
                at,
            };
            let user = String::read(&cell(&users, &columns[0]))?;
            let user = user.and_then(UserId::new);
            rows.push((user, T::read(&cell(&values, &columns[1]))?));
        }
    }
    Ok(rows)
}
