//! Labelled users from a Parquet file.

use std::collections::HashMap;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use instructue_data::{check_one_column, open_parquet, read_all};
use instructue_schema::{UserId, excerpt};
use parquet::arrow::ProjectionMask;

use crate::pipeline::error::{Error, Result};

/// Users and their classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// Names of the classes; numbers in their order, other names in the alphabet's.
    pub classes: Vec<String>,
    /// Each user once, in the order of the file, with the number of the class.
    pub users: Vec<(UserId, usize)>,
}

/// Reads a label per user. Ids may be texts or integers, labels texts, integers
/// or booleans.
///
/// # Errors
/// [`Error::Argument`] names file, column and row (from 1): no Parquet file, no such
/// column, another type, a missing value, a user with two different labels, a
/// file without rows.
pub fn read_labels(path: &Path, user_column: &str, label_column: &str) -> Result<Labelled> {
    let name = path.display().to_string();
    let batches = read(path, &name, [user_column, label_column])?;
    let mut rows: Vec<(UserId, String)> = Vec::new();
    let mut seen: HashMap<UserId, usize> = HashMap::new();
    let mut number = 0;
    for batch in &batches {
        let users = texts(batch, &name, user_column, false)?;
        let labels = texts(batch, &name, label_column, true)?;
        for (user, label) in users.into_iter().zip(labels) {
            number += 1;
            let at = |column: &str| format!("{name}: row {number}, column `{column}`");
            let missing = |column: &str| Error::argument(&at(column), "a value", "none");
            let user = user.and_then(UserId::new);
            let user = user.ok_or_else(|| missing(user_column))?;
            let label = label.filter(|label| !label.is_empty());
            let label = label.ok_or_else(|| missing(label_column))?;
            match seen.get(&user) {
                None => {
                    seen.insert(user.clone(), rows.len());
                    rows.push((user, label));
                }
                Some(&before) if rows[before].1 == label => {}
                Some(&before) => {
                    let (one, other) = (excerpt(&label), excerpt(&rows[before].1));
                    let user = excerpt(user.as_str());
                    let found = format!("{one:?} beside {other:?} for user {user}");
                    return Err(Error::argument(
                        &at(label_column),
                        "one label per user",
                        found,
                    ));
                }
            }
        }
    }
    if rows.is_empty() {
        return Err(Error::argument(&name, "at least one row", "none"));
    }
    let mut classes: Vec<String> = rows.iter().map(|(_, label)| label.clone()).collect();
    let numbers = classes.iter().all(|label| label.parse::<i64>().is_ok());
    classes.sort_by_key(|label| (numbers.then(|| label.parse::<i64>().ok()), label.clone()));
    classes.dedup();
    let places: HashMap<&str, usize> = classes
        .iter()
        .enumerate()
        .map(|(place, name)| (name.as_str(), place))
        .collect();
    let users = rows
        .iter()
        .map(|(user, label)| (user.clone(), places[label.as_str()]))
        .collect();
    Ok(Labelled { users, classes })
}

fn read(path: &Path, name: &str, columns: [&str; 2]) -> Result<Vec<RecordBatch>> {
    let damaged = |e: &dyn std::fmt::Display| {
        Error::argument(name, "a whole Parquet file", format!("a damaged one ({e})"))
    };
    let builder = open_parquet(path)?;
    let schema = builder.schema();
    for column in columns {
        if schema.index_of(column).is_err() {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let mut names: String = names.collect::<Vec<_>>().join(", ");
            if let Some((end, _)) = names.char_indices().nth(150) {
                names.truncate(end);
                names.push('…');
            }
            let what = format!("{name}: column `{column}`");
            let found = format!("only {names}");
            return Err(Error::argument(&what, "a column of this name", found));
        }
        check_one_column(path, schema, column)?;
    }
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    let reader = builder.with_projection(mask).build();
    let reader = reader.map_err(|e| damaged(&e))?;
    Ok(read_all(path, reader)?)
}

/// A column as text.
fn texts(
    batch: &RecordBatch,
    name: &str,
    column: &str,
    booleans: bool,
) -> Result<Vec<Option<String>>> {
    let expected = if booleans {
        "text, integers or booleans"
    } else {
        "text or integers"
    };
    let wrong = |found: &dyn std::fmt::Display| {
        let what = format!("{name}: column `{column}`");
        Error::argument(&what, expected, found)
    };
    let array = batch.column_by_name(column).ok_or_else(|| wrong(&"none"))?;
    let ty = array.data_type();
    // A class per distinct fraction would be a class per user.
    if booleans && ty.is_floating() {
        let found = format!("{ty}; cast it to integers, or cut it into classes with names");
        return Err(wrong(&found));
    }
    if !(is_text(ty) || ty.is_integer() || booleans && *ty == DataType::Boolean) {
        return Err(wrong(ty));
    }
    let array = cast(array, &DataType::Utf8).map_err(|e| wrong(&e))?;
    let array = array.as_string::<i32>();
    Ok(array.iter().map(|text| text.map(str::to_owned)).collect())
}

fn is_text(ty: &DataType) -> bool {
    match ty {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        _ => false,
    }
}
