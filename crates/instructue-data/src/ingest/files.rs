//! Finding and opening the input files, and their digest.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;
use instructue_schema::{Column, paths};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use sha2::{Digest, Sha256};

use super::columns::{self, Values};
use crate::error::{Error, Result};
use crate::guard::{decode, open_parquet};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 16_384;

/// The Parquet files that `file` (a file, a directory or a `*` pattern) means below
/// `data`, sorted. `source` is named in errors.
///
/// # Errors
/// No such directory, or nothing in it that is meant; a path or a link that leads out
/// of `data`.
pub fn source_files(data: &Path, source: &str, file: &str) -> Result<Vec<PathBuf>> {
    let outside = |outside: paths::Outside| {
        Error::Schema(instructue_schema::Error::Invalid {
            file: "schema".into(),
            key: format!("source.{source}.file"),
            expected: outside.expected,
            found: outside.found,
        })
    };
    paths::below(data, file).map_err(outside)?;
    let files = listed(data, source, file)?;
    files
        .iter()
        .try_for_each(|file| paths::inside(data, file))
        .map_err(outside)?;
    Ok(files)
}

fn listed(data: &Path, source: &str, file: &str) -> Result<Vec<PathBuf>> {
    let expected = || format!("Parquet data of source `{source}`");
    if !data.is_dir() {
        let expected = "the data directory".into();
        return Err(Error::Missing {
            path: data.into(),
            expected,
        });
    }
    if list(data, |_| true)?.is_empty() {
        let expected = format!("the data directory with {file}");
        return Err(Error::EmptyDirectory {
            path: data.into(),
            expected,
        });
    }
    let path = data.join(file);
    if path.is_file() {
        return Ok(vec![path]);
    }
    if path.is_dir() {
        let is_data = |name: &str| name.ends_with(".parquet") && !name.starts_with(['.', '_']);
        let files = list(&path, is_data)?;
        if files.is_empty() {
            return Err(Error::EmptyDirectory {
                path,
                expected: "*.parquet files".into(),
            });
        }
        return Ok(files);
    }
    let pattern = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if pattern.contains('*') {
        let parent = path.parent().unwrap_or(data);
        if parent.is_dir() {
            let files = list(parent, |name| matches(pattern, name))?;
            if !files.is_empty() {
                return Ok(files);
            }
        }
    }
    Err(Error::Missing {
        expected: expected(),
        path,
    })
}

fn list(directory: &Path, keep: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(Error::io(directory))? {
        let entry = entry.map_err(Error::io(directory))?;
        if entry.file_name().to_str().is_some_and(&keep) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether `name` fits `pattern`, where `*` stands for any characters.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(head) else {
        return false;
    };
    loop {
        if matches(rest, name) {
            return true;
        }
        let mut characters = name.chars();
        if characters.next().is_none() {
            return false;
        }
        name = characters.as_str();
    }
}

/// An opened Parquet file whose declared columns are there and of the right type.
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) rows: u64,
    builder: ParquetRecordBatchReaderBuilder<File>,
    /// Position of each declared column among the file's columns.
    roots: Vec<usize>,
}

impl Input {
    /// Opens `path` for reading `declared` columns.
    pub(crate) fn open(path: &Path, declared: &[&Column]) -> Result<Self> {
        let builder = open_parquet(path)?;
        let schema = builder.schema();
        let mut roots = Vec::with_capacity(declared.len());
        for column in declared {
            let Some((root, field)) = schema.column_with_name(&column.name) else {
                let names: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
                return Err(Error::MissingColumn {
                    file: path.into(),
                    column: column.name.clone(),
                    expected: column.ty.as_str(),
                    found: if names.is_empty() {
                        "none".into()
                    } else {
                        names.join(", ")
                    },
                });
            };
            if !columns::accepts(column, field.data_type()) {
                return Err(Error::ColumnType {
                    file: path.into(),
                    column: column.name.clone(),
                    expected: column.ty.as_str(),
                    found: field.data_type().to_string(),
                });
            }
            roots.push(root);
        }
        let rows = builder.metadata().file_metadata().num_rows().max(0) as u64;
        Ok(Self {
            path: path.into(),
            rows,
            builder,
            roots,
        })
    }

    /// Starts reading the declared columns.
    pub(crate) fn read(self) -> Result<Batches> {
        let mask = ProjectionMask::roots(self.builder.parquet_schema(), self.roots.iter().copied());
        let builder = self
            .builder
            .with_projection(mask)
            .with_batch_size(BATCH_ROWS);
        let reader = decode(&self.path, 0, || builder.build())?;
        // Batches hold the projected columns in the file's order.
        let mut sorted = self.roots.clone();
        sorted.sort_unstable();
        let position = |root| sorted.binary_search(root).unwrap_or(usize::MAX);
        let positions = self.roots.iter().map(position).collect();
        Ok(Batches {
            path: self.path,
            reader,
            positions,
            row: 0,
        })
    }
}

/// The batches of a file.
pub(crate) struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    /// Where each declared column is in a batch.
    positions: Vec<usize>,
    row: u64,
}

impl Batches {
    /// The next batch and the row it starts at.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, RecordBatch)>> {
        let row = self.row;
        let batch = decode(&self.path, row, || self.reader.next().transpose())?;
        self.row += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        Ok(batch.map(|batch| (row, batch)))
    }

    /// The declared columns of a batch that starts at `row`, in the order they were declared.
    pub(crate) fn load(&self, row: u64, batch: &RecordBatch) -> Result<Vec<Values>> {
        let columns = self
            .positions
            .iter()
            .map(|at| Values::load(batch.column(*at)));
        decode(&self.path, row, || columns.collect::<Result<_, _>>())
    }
}

/// A digest over names (below `data`), sizes and contents; independent of times and of `data`.
pub(crate) fn digest(
    data: &Path,
    files: &[PathBuf],
    known: &mut BTreeMap<PathBuf, String>,
) -> Result<String> {
    let mut digest = Sha256::new();
    for path in files {
        let name = path.strip_prefix(data).unwrap_or(path);
        if !known.contains_key(path) {
            known.insert(path.clone(), file_digest(path)?);
        }
        digest.update(format!("{}\0{}\n", name.display(), known[path]));
    }
    Ok(hex(&digest.finalize()))
}

fn file_digest(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0_u64;
    loop {
        let read = file.read(&mut buffer).map_err(Error::io(path))?;
        if read == 0 {
            break;
        }
        length += read as u64;
        digest.update(&buffer[..read]);
    }
    Ok(format!("{length} {}", hex(&digest.finalize())))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, name, fits) in [
            ("*.parquet", "a.parquet", true),
            ("*.parquet", "a.parquet.tmp", false),
            ("bill-*.parquet", "bill-00.parquet", true),
            ("bill-*.parquet", "app-00.parquet", false),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXcYb", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
