//! The file format of a shard. `NNNNN.users.parquet` holds the users and each user's number of
//! rows per source; `NNNNN.source.NAME.parquet` holds the rows of one source.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, FixedSizeBinaryArray, Float64Array, Int32Array,
    Int64Array, StringArray, UInt64Array,
};
use arrow::datatypes::{
    DataType, Field as ArrowField, Float64Type, Int32Type, Int64Type, UInt64Type,
};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use instructue_fs::Files;
use instructue_schema::{ColumnRole, Field, Schema, Source, Timestamp, UserId};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::error::{Error, Result};
use crate::guard::decode;
use instructue_schema::{ColumnData, NULL_CODE, Shard, SourceTable};

/// The name of the file with a shard's users (`None`) or with the rows of one source.
pub(crate) fn file_name(shard: usize, source: Option<&Source>) -> String {
    match source {
        None => format!("{shard:05}.users.parquet"),
        Some(source) => format!("{shard:05}.source.{}.parquet", source.name),
    }
}

/// Whether [`file_name`] can return `name`.
pub(crate) fn is_file_name(name: &str) -> bool {
    let Some((number, rest)) = name.split_once('.') else {
        return false;
    };
    let shard = number.len() >= 5 && number.bytes().all(|byte| byte.is_ascii_digit());
    let source = rest.starts_with("source.") && rest.ends_with(".parquet");
    shard && (source || rest == "users.parquet")
}

/// Encodes the file of a shard's users.
pub(crate) fn encode_users(schema: &Schema, shard: &Shard) -> Result<Vec<u8>, ParquetError> {
    let users: StringArray = shard.users.iter().map(|user| Some(user.as_str())).collect();
    let mut columns: Vec<(String, ArrayRef)> = vec![("user".into(), Arc::new(users))];
    for (source, table) in schema.sources.iter().zip(&shard.sources) {
        let counts = table
            .offsets
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) as u64);
        let counts = UInt64Array::from_iter_values(counts);
        columns.push((format!("rows_{}", source.name), Arc::new(counts)));
    }
    let batch =
        RecordBatch::try_from_iter(columns).map_err(|e| ParquetError::External(e.into()))?;
    write(
        &batch,
        properties().set_column_dictionary_enabled(ColumnPath::from("user"), false),
    )
}

/// Encodes the file of one source; `None` when the source has no rows.
pub(crate) fn encode_table(
    source: &Source,
    table: &SourceTable,
) -> Result<Option<Vec<u8>>, ParquetError> {
    if table.times.is_empty() {
        return Ok(None);
    }
    let external = |error: arrow::error::ArrowError| ParquetError::External(error.into());
    let times = Int64Array::from_iter_values(table.times.iter().map(|time| time.0));
    let mut fields = vec![ArrowField::new("time", DataType::Int64, false)];
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(times)];
    let mut properties = properties()
        .set_column_dictionary_enabled(ColumnPath::from("time"), false)
        .set_column_encoding(ColumnPath::from("time"), Encoding::DELTA_BINARY_PACKED);
    for (field, column) in source.fields().iter().zip(&table.columns) {
        // The prefix keeps a field called `time` apart from the time column.
        let name = format!("field_{}", field.name);
        let array: ArrayRef = match column {
            ColumnData::Number(numbers) => {
                let numbers = numbers
                    .iter()
                    .map(|number| (!number.is_nan()).then_some(*number));
                Arc::new(numbers.collect::<Float64Array>())
            }
            ColumnData::Vector { width, values } => {
                properties = properties
                    .set_column_dictionary_enabled(ColumnPath::from(vec![name.clone()]), false);
                let bytes = values.iter().flat_map(|number| number.to_le_bytes());
                let bytes: Vec<u8> = bytes.collect();
                let size =
                    i32::try_from(4 * width).map_err(|e| ParquetError::External(e.into()))?;
                Arc::new(FixedSizeBinaryArray::try_new(size, bytes.into(), None).map_err(external)?)
            }
            ColumnData::Text { codes, dictionary } => {
                // The limit rules out a fallback to plain pages, so codes can be read directly.
                properties = properties.set_column_dictionary_page_size_limit(
                    ColumnPath::from(vec![name.clone()]),
                    usize::MAX / 2,
                );
                let keys = codes
                    .iter()
                    .map(|code| (*code != NULL_CODE).then_some(*code as i32));
                let values: StringArray = dictionary.iter().map(|text| Some(&**text)).collect();
                let keys = keys.collect::<Int32Array>();
                Arc::new(DictionaryArray::try_new(keys, Arc::new(values)).map_err(external)?)
            }
        };
        fields.push(ArrowField::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let schema = Arc::new(arrow::datatypes::Schema::new(fields));
    let batch = RecordBatch::try_new(schema, arrays).map_err(external)?;
    write(&batch, properties).map(Some)
}

fn properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(None)
        .set_offset_index_disabled(true)
}

fn write(
    batch: &RecordBatch,
    properties: WriterPropertiesBuilder,
) -> Result<Vec<u8>, ParquetError> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties.build()))?;
    writer.write(batch)?;
    writer.close()?;
    Ok(bytes)
}

/// Reads the ids of a shard's users.
pub(crate) fn read_ids(store: &Path, shard: usize, files: &Files) -> Result<Vec<UserId>> {
    let (path, batch) = users_batch(store, shard, files)?;
    ids(&path, &batch)
}

fn users_batch(store: &Path, shard: usize, files: &Files) -> Result<(PathBuf, RecordBatch)> {
    let name = file_name(shard, None);
    Ok((store.join(&name), read_batch(store, &name, files)?))
}

fn ids(path: &Path, batch: &RecordBatch) -> Result<Vec<UserId>> {
    let ids = batch
        .column_by_name("user")
        .and_then(|column| column.as_string_opt::<i32>());
    let ids = ids.ok_or_else(|| damaged(path, "no column `user`"))?;
    let users = ids.iter().map(|id| id.and_then(UserId::new));
    users
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| damaged(path, "a user without id"))
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::Corrupt {
        file: path.into(),
        row: 0,
        message: what.into(),
    }
}

/// Reads a shard. `files` come from the manifest. A source without rows has no file.
pub(crate) fn read(store: &Path, shard: usize, schema: &Schema, files: &Files) -> Result<Shard> {
    let (path, batch) = users_batch(store, shard, files)?;
    let damaged = |what: &str| damaged(&path, what);
    let users = ids(&path, &batch)?;
    let mut sources = Vec::with_capacity(schema.sources.len());
    for source in &schema.sources {
        let name = format!("rows_{}", source.name);
        let counts = batch.column_by_name(&name);
        let counts = counts.and_then(|column| column.as_primitive_opt::<UInt64Type>());
        let counts = counts.ok_or_else(|| damaged(&format!("no column `{name}`")))?;
        let mut offsets = Vec::with_capacity(users.len() + 1);
        offsets.push(0_usize);
        let mut end = 0_usize;
        for count in counts.values() {
            let next = usize::try_from(*count)
                .ok()
                .and_then(|count| end.checked_add(count));
            end = next.ok_or_else(|| damaged("more rows than can be"))?;
            offsets.push(end);
        }
        let name = file_name(shard, Some(source));
        let file = store.join(&name);
        let table = match files.get(&name) {
            None => empty_table(source, offsets),
            Some(_) => read_table(&file, source, &read_batch(store, &name, files)?, offsets)?,
        };
        if table.times.len() != end {
            let message = format!("expected {end} rows, found {}", table.times.len());
            return Err(Error::Corrupt {
                file,
                row: 0,
                message,
            });
        }
        sources.push(table);
    }
    Ok(Shard { users, sources })
}

fn empty_table(source: &Source, offsets: Vec<usize>) -> SourceTable {
    let column = |field: &Field| match field.role {
        ColumnRole::Number => ColumnData::Number(Vec::new()),
        ColumnRole::Vector => ColumnData::Vector {
            width: field.width.unwrap_or(0),
            values: Vec::new(),
        },
        _ => ColumnData::Text {
            codes: Vec::new(),
            dictionary: Arc::default(),
        },
    };
    let columns = source.fields().iter().map(column).collect();
    SourceTable {
        offsets,
        times: Vec::new(),
        columns,
    }
}

fn read_table(
    path: &Path,
    source: &Source,
    batch: &RecordBatch,
    offsets: Vec<usize>,
) -> Result<SourceTable> {
    let damaged = |name: &str| Error::Corrupt {
        file: path.into(),
        row: 0,
        message: format!("no readable column `{name}`"),
    };
    let times = batch
        .column_by_name("time")
        .and_then(|c| c.as_primitive_opt::<Int64Type>());
    let times = times.ok_or_else(|| damaged("time"))?;
    let times = times.values().iter().map(|time| Timestamp(*time)).collect();
    let mut columns = Vec::new();
    for field in source.fields() {
        let name = format!("field_{}", field.name);
        let array = batch.column_by_name(&name).ok_or_else(|| damaged(&name))?;
        let column = match field.role {
            ColumnRole::Number => {
                let numbers = array.as_primitive_opt::<Float64Type>();
                let numbers = numbers.ok_or_else(|| damaged(&name))?.iter();
                ColumnData::Number(numbers.map(|number| number.unwrap_or(f64::NAN)).collect())
            }
            ColumnRole::Vector => {
                let width = field.width.unwrap_or(0);
                vector_column(array, width).ok_or_else(|| damaged(&name))?
            }
            _ => text_column(array).ok_or_else(|| damaged(&name))?,
        };
        columns.push(column);
    }
    Ok(SourceTable {
        offsets,
        times,
        columns,
    })
}

/// The vectors of a column; `None` if there are others than finite ones of `width` numbers.
fn vector_column(array: &ArrayRef, width: usize) -> Option<ColumnData> {
    let array = array.as_fixed_size_binary_opt()?;
    if usize::try_from(array.value_length()) != Ok(4 * width) || array.null_count() > 0 {
        return None;
    }
    let (numbers, _) = array.value_data().as_chunks::<4>();
    let numbers = numbers.iter().map(|number| f32::from_le_bytes(*number));
    let values: Vec<f32> = numbers.collect();
    let finite = values.iter().all(|number| number.is_finite());
    finite.then_some(ColumnData::Vector { width, values })
}

fn text_column(array: &ArrayRef) -> Option<ColumnData> {
    let array = array.as_dictionary_opt::<Int32Type>()?;
    let values = array.values().as_string_opt::<i32>()?;
    let dictionary = values
        .iter()
        .map(|text| Arc::from(text.unwrap_or_default()))
        .collect();
    let codes = array
        .keys()
        .iter()
        .map(|key| key.map_or(NULL_CODE, |key| key as u32))
        .collect();
    Some(ColumnData::Text {
        codes,
        dictionary: Arc::new(dictionary),
    })
}

/// Reads all rows of a file as one batch. The digest is checked over the same bytes that are
/// decoded.
fn read_batch(store: &Path, name: &str, files: &Files) -> Result<RecordBatch> {
    let bytes = Bytes::from(files.read(store, name)?);
    decode(&store.join(name), 0, || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
        let rows = builder.metadata().file_metadata().num_rows();
        let schema = builder.schema().clone();
        let reader = builder
            .with_batch_size(usize::try_from(rows).unwrap_or(1).max(1))
            .build()?;
        let mut batches = reader.collect::<Result<Vec<_>, _>>()?;
        match batches.len() {
            1 => Ok(batches.remove(0)),
            _ => arrow::compute::concat_batches(&schema, &batches),
        }
    })
}
