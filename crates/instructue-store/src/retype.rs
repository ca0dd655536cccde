//! Columns that are read as another type than the file's footer names, because the decoder would
//! wrap their values or cannot build the type.

use std::fs::File;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type;
use parquet::errors::Result;

/// Opens a Parquet file with two kinds of columns retyped.
///
/// 96-bit timestamps of Spark, Hive and Impala (a day and the nanoseconds of that day) become
/// whole seconds. By default they would be 64-bit nanoseconds, which wrap beyond the years 1677
/// to 2262.
///
/// Dictionaries of other values than texts become plain columns. Arrow's writers note such
/// dictionaries, for example for a categorical column of numbers, and the decoder can rebuild
/// only some of them.
pub(crate) fn open(file: File) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let options = ArrowReaderOptions::new();
    let found = ArrowReaderMetadata::load(&file, options.clone())?;
    let roots = found.parquet_schema().root_schema().get_fields();
    let int96 = roots
        .iter()
        .map(|root| root.is_primitive() && root.get_physical_type() == Type::INT96);
    let retyped: Vec<Option<FieldRef>> = found
        .schema()
        .fields()
        .iter()
        .zip(int96)
        .map(|(field, int96)| {
            let ty = other_type(field, int96)?;
            Some(Arc::new(Field::clone(field).with_data_type(ty)))
        })
        .collect();
    if retyped.iter().all(Option::is_none) {
        return Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(
            file, found,
        ));
    }
    let fields = found.schema().fields().iter().zip(retyped);
    let fields: Vec<FieldRef> = fields
        .map(|(field, retyped)| retyped.unwrap_or_else(|| field.clone()))
        .collect();
    let schema = Schema::new_with_metadata(fields, found.schema().metadata().clone());
    let options = options.with_schema(Arc::new(schema));
    let metadata = ArrowReaderMetadata::try_new(found.metadata().clone(), options)?;
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(
        file, metadata,
    ))
}

fn other_type(field: &Field, int96: bool) -> Option<DataType> {
    match field.data_type() {
        _ if int96 => Some(DataType::Timestamp(TimeUnit::Second, None)),
        DataType::Dictionary(_, values) if !values.is_string() => Some((**values).clone()),
        _ => None,
    }
}
