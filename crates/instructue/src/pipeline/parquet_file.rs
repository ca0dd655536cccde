//! Parquet files that appear whole or not at all.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use tempfile::NamedTempFile;

use crate::pipeline::error::{Error, Result};

/// A file being written. It gets its name by [`finish`](Self::finish); dropped
/// before, nothing is left of it.
pub(crate) struct ParquetFile {
    path: PathBuf,
    partial: NamedTempFile,
    schema: Arc<Schema>,
    writer: ArrowWriter<File>,
}

impl ParquetFile {
    /// A file beside `path`, in a directory that is made if there is none.
    pub fn create(path: &Path, schema: Arc<Schema>) -> Result<Self> {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let io = |e| Error::io(parent, e);
        std::fs::create_dir_all(parent).map_err(io)?;
        let partial = tempfile::Builder::new()
            .prefix(".partial-")
            .tempfile_in(parent)
            .map_err(io)?;
        let file = partial.reopen().map_err(io)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .build();
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
        Ok(Self {
            writer: writer.map_err(|e| failed(path, &e))?,
            path: path.into(),
            partial,
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
        let path = &self.path;
        self.writer.close().map_err(|e| failed(path, &e))?;
        let persisted = self.partial.persist(path);
        persisted.map_err(|e| Error::io(path, e.error))?;
        Ok(())
    }
}

fn failed(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Write {
        path: path.into(),
        message: reason.to_string(),
    }
}
