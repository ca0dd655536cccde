//! A table of visits that the tests write in many ways.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use instructue_schema::Schema;
use instructue_store::{Error, IngestOptions, IngestReport, UserStore};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tempfile::TempDir;

use super::dump;

pub const SCHEMA: &str = r#"
name = "weblog"
[[source]]
name = "web"
kind = "events"
description = "visits"
file = "web"
column = [
  { name = "uid", type = "int", role = "user" },
  { name = "ts", type = "timestamp", role = "time" },
  { name = "page", type = "text", role = "category" },
  { name = "channel", type = "int", role = "category" },
  { name = "amount", type = "float", role = "number" },
  { name = "flag", type = "bool", role = "category" },
  { name = "qty", type = "int", role = "number" },
]
"#;

pub const ROWS: usize = 60;
pub const START: i64 = 1_680_398_475;

pub type Columns = Vec<(&'static str, ArrayRef)>;

/// The table in its plain types.
pub fn plain() -> Columns {
    let rows = || 0..ROWS as i64;
    let pages = ["cart", "returns", "search"];
    let times = rows().map(|row| (START + row * 3_601) * 1_000_000);
    vec![
        (
            "uid",
            Arc::new(
                rows()
                    .map(|row| Some(1_000 + row * 7 % 9))
                    .collect::<Int64Array>(),
            ),
        ),
        (
            "ts",
            Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
        ),
        (
            "page",
            Arc::new(
                rows()
                    .map(|row| (row % 8 != 5).then_some(pages[row as usize % 3]))
                    .collect::<StringArray>(),
            ),
        ),
        (
            "channel",
            Arc::new(
                rows()
                    .map(|row| (row % 7 != 3).then_some(row % 5))
                    .collect::<Int64Array>(),
            ),
        ),
        (
            "amount",
            Arc::new(
                rows()
                    .map(|row| (row % 4 != 1).then_some(row as f64 * 1.25))
                    .collect::<Float64Array>(),
            ),
        ),
        (
            "flag",
            Arc::new(
                rows()
                    .map(|row| (row % 6 != 2).then_some(row % 2 == 0))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            "qty",
            Arc::new(rows().map(|row| Some(row % 11 - 2)).collect::<Int64Array>()),
        ),
    ]
}

pub fn replaced(name: &str, array: ArrayRef) -> Columns {
    let mut columns = plain();
    for column in &mut columns {
        if column.0 == name {
            column.1 = array.clone();
        }
    }
    columns
}

pub fn of(name: &str) -> ArrayRef {
    let plain = plain();
    plain.into_iter().find(|column| column.0 == name).unwrap().1
}

pub fn cast_to(name: &str, to: &DataType) -> Columns {
    replaced(name, cast(&of(name), to).unwrap())
}

pub fn batch(columns: Columns) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

pub fn write(path: &Path, batch: &RecordBatch, properties: Option<WriterProperties>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), properties).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

pub fn ingest_as(schema: &str, data: &Path) -> Result<(UserStore, IngestReport, TempDir), Error> {
    let schema = Schema::from_toml(schema).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let options = IngestOptions::default();
    let (store, report) = UserStore::ingest(&schema, data, &store, &options, &mut |_| {})?;
    Ok((store, report, directory))
}

pub fn rows_of(data: &Path) -> Vec<String> {
    let (store, report, _directory) = ingest_as(SCHEMA, data).unwrap();
    assert_eq!(report.sources[0].kept, ROWS as u64);
    dump(&store)
}

pub fn rows(columns: Columns) -> Vec<String> {
    let data = tempfile::tempdir().unwrap();
    write(&data.path().join("web/a.parquet"), &batch(columns), None);
    rows_of(data.path())
}

#[track_caller]
pub fn error(columns: Columns) -> Error {
    let data = tempfile::tempdir().unwrap();
    write(&data.path().join("web/a.parquet"), &batch(columns), None);
    ingest_as(SCHEMA, data.path()).expect_err("a refusal")
}
