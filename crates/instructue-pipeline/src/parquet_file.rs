//! Parquet files that appear whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use instructue_fs::NewFile;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::error::{Error, Result};

/// A file being written. It gets its name by [`finish`](Self::finish); dropped
/// before, nothing is left of it.
pub(crate) struct ParquetFile {
    path: PathBuf,
    schema: Arc<Schema>,
    writer: ArrowWriter<NewFile>,
}

impl ParquetFile {
    /// A file beside `path`, in a directory that is made if there is none.
    pub fn create(path: &Path, schema: Arc<Schema>) -> Result<Self> {
        let file = NewFile::create(path)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build();
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
        Ok(Self {
            writer: writer.map_err(|e| failed(path, &e))?,
            path: path.into(),
            schema,
        })
    }

    /// Writes rows, one array per column of the schema.
    pub fn write(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        let batch = RecordBatch::try_new(self.schema.clone(), columns);
        let batch = batch.map_err(|e| failed(&self.path, &e))?;
        self.writer
            .write(&batch)
            .map_err(|e| failed(&self.path, &e))
    }

    /// Ends the file and gives it its name.
    pub fn finish(self) -> Result<()> {
        let file = self.writer.into_inner();
        Ok(file.map_err(|e| failed(&self.path, &e))?.commit()?)
    }
}

fn failed(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Write {
        path: path.into(),
        message: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int32Array;
    use arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn a_file_appears_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/users.parquet");
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int32, false)]));
        let rows = || vec![Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef];
        let mut file = ParquetFile::create(&path, schema.clone()).unwrap();
        file.write(rows()).unwrap();
        assert!(!path.exists());
        drop(file);
        let left = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(left, 0, "what was given up is gone");
        let mut file = ParquetFile::create(&path, schema).unwrap();
        file.write(rows()).unwrap();
        file.finish().unwrap();
        assert!(path.is_file());
    }
}
