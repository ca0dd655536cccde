//! Columns of Parquet files that other programs read and write.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float32Type, Schema};
use instructue_store::{open_parquet, read_all};

use crate::error::{Error, Result};
use crate::parquet_file::ParquetFile;

/// A column of texts.
pub(crate) fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

/// Writes a file of these columns.
pub(crate) fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) -> Result<()> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), false))
        .collect();
    let mut file = ParquetFile::create(path, Arc::new(Schema::new(fields)))?;
    file.write(columns.into_iter().map(|(_, array)| array).collect())?;
    file.finish()
}

/// The rows of a file; `None` where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<RecordBatch>>> {
    if !path.exists() {
        return Ok(None);
    }
    let name = path.display().to_string();
    let reader = open_parquet(path)?
        .build()
        .map_err(|e| Error::argument(&name, "a whole Parquet file", e))?;
    Ok(Some(read_all(path, reader)?))
}

/// A column without missing values, in a type that it can be cast to.
pub(crate) fn column(
    batch: &RecordBatch,
    path: &Path,
    name: &str,
    kind: &DataType,
) -> Result<ArrayRef> {
    let what = format!("{}: column `{name}`", path.display());
    let found = batch.column_by_name(name);
    let found = found.ok_or_else(|| Error::argument(&what, "a column of this name", "none"))?;
    if found.null_count() > 0 {
        return Err(Error::argument(
            &what,
            "a value in each row",
            "missing ones",
        ));
    }
    arrow::compute::cast(found, kind)
        .map_err(|_| Error::argument(&what, &kind.to_string(), found.data_type()))
}

/// The rows of a column of lists of numbers.
pub(crate) fn lists(batch: &RecordBatch, path: &Path, name: &str) -> Result<Vec<Vec<f32>>> {
    let kind = DataType::new_list(DataType::Float32, true);
    let lists = column(batch, path, name, &kind)?;
    let lists = lists.as_list::<i32>();
    Ok((0..lists.len())
        .map(|row| {
            lists
                .value(row)
                .as_primitive::<Float32Type>()
                .values()
                .to_vec()
        })
        .collect())
}
