//! Old timestamps of Spark, Hive and Impala: a day and nanoseconds of that day, in 96 bits.

use std::fs::File;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, TimeUnit};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::Type;
use parquet::errors::Result;

/// Opens a Parquet file with its 96-bit timestamps as whole seconds. By default they would be
/// 64-bit nanoseconds, which wrap beyond the years 1677 to 2262; as seconds no day wraps.
pub(crate) fn open(file: File) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let options = ArrowReaderOptions::new();
    let found = ArrowReaderMetadata::load(&file, options.clone())?;
    let roots = found.parquet_schema().root_schema().get_fields();
    let is_int96: Vec<bool> = roots
        .iter()
        .map(|root| root.is_primitive() && root.get_physical_type() == Type::INT96)
        .collect();
    if !is_int96.contains(&true) {
        return Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(
            file, found,
        ));
    }
    let fields = found.schema().fields().iter().zip(is_int96);
    let fields: Vec<FieldRef> = fields
        .map(|(field, int96)| match int96 {
            true => Arc::new(in_seconds(field)),
            false => field.clone(),
        })
        .collect();
    let schema = Schema::new_with_metadata(fields, found.schema().metadata().clone());
    let options = options.with_schema(Arc::new(schema));
    let metadata = ArrowReaderMetadata::try_new(found.metadata().clone(), options)?;
    Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(
        file, metadata,
    ))
}

fn in_seconds(field: &Field) -> Field {
    let seconds = DataType::Timestamp(TimeUnit::Second, None);
    field.clone().with_data_type(seconds)
}
