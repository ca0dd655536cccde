//! Small Parquet inputs for the tests of ingest.

pub mod weblog;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampSecondArray};
use arrow::record_batch::RecordBatch;
use instructue_schema::Schema;
use instructue_store::{Error, IngestOptions, IngestReport, UserStore};
use parquet::arrow::ArrowWriter;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int96, Int96Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use tempfile::TempDir;

/// Two event sources (one with a lookup) and a tabular one.
pub const SCHEMA: &str = r#"
name = "test"
[[source]]
name = "bill"
kind = "events"
description = "payments"
column = [
    { name = "user", type = "text", role = "user" },
    { name = "time", type = "timestamp", role = "time" },
    { name = "amount", type = "float", role = "number" },
    { name = "shop", type = "text", role = "category" },
]
[[source]]
name = "mail"
kind = "events"
description = "mailings"
column = [
    { name = "user", type = "text", role = "user" },
    { name = "campaign", type = "int", role = "key" },
]
[[source.lookup]]
file = "campaigns.parquet"
key = "campaign"
column = [
    { name = "start", type = "timestamp", role = "time" },
    { name = "topic", type = "text", role = "category" },
]
[[source]]
name = "tab"
kind = "tabular"
description = "features"
column = [
    { name = "user", type = "text", role = "user" },
    { name = "age", type = "int", role = "number" },
]
[[source.aggregate]]
source = "bill"
"#;

pub fn text<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

pub fn ints(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

pub fn floats(values: impl IntoIterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Float64Array>())
}

pub fn times(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<TimestampSecondArray>())
}

/// Writes a file with a column of 96-bit timestamps, given as (days since 1970, nanoseconds of
/// the day), and a column of texts, by which the test finds them in the store.
pub fn write_int96(path: &Path, users: &[&str], times: &[(i64, u64)], shops: &[&str]) {
    let message = "message m {
        required binary user (STRING); optional int96 time;
        optional double amount; optional binary shop (STRING);
    }";
    let schema = Arc::new(parse_message_type(message).unwrap());
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts = |texts: &[&str]| texts.iter().map(|text| ByteArray::from(*text)).collect();
    let (users, shops): (Vec<ByteArray>, Vec<ByteArray>) = (texts(users), texts(shops));
    let times: Vec<Int96> = times
        .iter()
        .map(|(days, nanos)| {
            // 1970-01-01 as a Julian day.
            let day = u32::try_from(days + 2_440_588).unwrap();
            let mut time = Int96::new();
            time.set_data(*nanos as u32, (nanos >> 32) as u32, day);
            time
        })
        .collect();
    let (all, none) = (vec![1; users.len()], vec![0; users.len()]);
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<ByteArrayType>()
        .write_batch(&users, None, None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<Int96Type>()
        .write_batch(&times, Some(&all), None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<DoubleType>()
        .write_batch(&[], Some(&none), None)
        .unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column
        .typed::<ByteArrayType>()
        .write_batch(&shops, Some(&all), None)
        .unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
}

pub fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A data directory, a schema for it, and a path for the store.
pub struct Case {
    pub directory: TempDir,
    pub schema: String,
    pub options: IngestOptions,
}

impl Case {
    /// Good data: users `a`, `b`, `c`, of whom only `a` is in every source.
    pub fn new() -> Self {
        let case = Self {
            directory: tempfile::tempdir().unwrap(),
            schema: SCHEMA.into(),
            options: IngestOptions::default(),
        };
        fs::create_dir(case.data()).unwrap();
        case.bill(
            ["b", "a", "b", "a"].map(Some),
            [20, 10, 15, 10].map(Some),
            [Some(1.0), Some(2.5), None, Some(4.0)],
            [Some("x"), Some("y"), Some("y"), None],
        );
        case.write(
            "mail",
            vec![
                ("user", text(["a", "c"].map(Some))),
                ("campaign", ints([Some(1), Some(2)])),
            ],
        );
        case.write(
            "campaigns",
            vec![
                ("campaign", ints([Some(2), Some(1)])),
                ("start", times([Some(200), Some(100)])),
                ("topic", text([Some("tea"), None])),
            ],
        );
        case.write(
            "tab",
            vec![
                ("user", text(["b", "a"].map(Some))),
                ("age", ints([Some(30), None])),
            ],
        );
        case
    }

    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.data().join(format!("{name}.parquet"))
    }

    pub fn write(&self, name: &str, columns: Vec<(&str, ArrayRef)>) {
        write(&self.file(name), columns);
    }

    pub fn bill<'a>(
        &self,
        users: impl IntoIterator<Item = Option<&'a str>>,
        at: impl IntoIterator<Item = Option<i64>>,
        amounts: impl IntoIterator<Item = Option<f64>>,
        shops: impl IntoIterator<Item = Option<&'a str>>,
    ) {
        self.write(
            "bill",
            vec![
                ("user", text(users)),
                ("time", times(at)),
                ("amount", floats(amounts)),
                ("shop", text(shops)),
            ],
        );
    }

    pub fn replace(&mut self, from: &str, to: &str) {
        assert!(self.schema.contains(from), "{from}");
        self.schema = self.schema.replacen(from, to, 1);
    }

    pub fn skip(&mut self) {
        self.replace("name = \"test\"", "name = \"test\"\non_error = \"skip\"");
    }

    pub fn ingest(&self) -> Result<(UserStore, IngestReport), Error> {
        let schema = Schema::from_toml(&self.schema).unwrap();
        UserStore::ingest(
            &schema,
            &self.data(),
            &self.store(),
            &self.options,
            &mut |_| {},
        )
    }

    /// The error of an ingest. It must leave neither a store nor temporary files behind.
    pub fn error(&self) -> Error {
        let error = self.ingest().map(|(_, report)| report).unwrap_err();
        let left: Vec<_> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "data")
            .collect();
        assert!(left.is_empty(), "{left:?}");
        error
    }
}

/// All shards of a store as text, in which NaN equals NaN.
pub fn dump(store: &UserStore) -> Vec<String> {
    (0..store.shards())
        .map(|i| format!("{:?}", store.shard(i).unwrap()))
        .collect()
}
