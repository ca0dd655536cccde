//! Reading of a Parquet file with one row per user, such as ids with labels.

use std::path::Path;

use instructue_schema::{Column, ColumnRole, ColumnType, UserId};

use super::bad_row::{BadValue, RowErrors};
use super::columns::Values;
use super::files::Input;
use super::types::{declared_type, plain};
use crate::error::{Error, Result};
use crate::guard::{check_one_column, open_parquet};

/// The rows that [`read_user_values`] found: an id and a value, each of which may be missing.
pub type UserValues<T> = Vec<(Option<UserId>, Option<T>)>;

/// A type of which a column's values can be read, by the same rules as in an ingest.
pub trait UserValue: Sized {
    /// The expected content of such a column, for errors.
    const EXPECTED: &'static str;

    /// The type that a column found as `declared` is read as; `None` if it does not fit.
    #[doc(hidden)]
    fn column_type(declared: ColumnType) -> Option<ColumnType>;

    /// Reads one value.
    #[doc(hidden)]
    fn read(cell: &Cell<'_>) -> Result<Option<Self>>;
}

/// One value of a column, with its place.
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

/// Reads texts as they are, integers and whole numbers in decimal, Booleans as `true` and
/// `false`.
impl UserValue for String {
    const EXPECTED: &'static str = "text, whole numbers or booleans";

    fn column_type(declared: ColumnType) -> Option<ColumnType> {
        match declared {
            // pandas stores integers with missing values as floats. A class per fraction would be
            // a class per user, so a fraction is a bad value.
            ColumnType::Float => Some(ColumnType::Int),
            ColumnType::Timestamp | ColumnType::Vector => None,
            other => Some(other),
        }
    }

    fn read(cell: &Cell<'_>) -> Result<Option<Self>> {
        let mut buffer = String::new();
        let text = cell.values.text(cell.at, cell.column.ty, &mut buffer);
        Ok(cell.checked(text)?.map(str::to_owned))
    }
}

/// Reads a number; NaN is a missing value.
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

/// Reads ids and values by the rules of an ingest. Ids are texts or whole numbers, whatever type
/// holds them (decimals, floats of pandas, dictionaries, UUIDs).
///
/// # Errors
/// As [`open_parquet`]; [`Error::MissingColumn`], [`Error::DuplicateColumn`],
/// [`Error::ColumnType`]; [`Error::Row`] for a value that cannot be read without loss.
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
            expected: expected.into(),
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
            width: None,
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
    // The file stands alone, so its folders hold no values.
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
