//! Parquet files that appear whole or not at all.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::Schema;
use instructue_model::temporary;
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
        let partial = temporary::file_in(parent, ".partial-").map_err(io)?;
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

#[cfg(test)]
mod tests {
    use arrow::array::Int32Array;
    use arrow::datatypes::{DataType, Field};

    use super::*;

    #[test]
    fn a_file_appears_whole_and_as_others_are() {
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
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let other = dir.path().join("other");
            File::create(&other).unwrap();
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&other));
        }
    }
}
