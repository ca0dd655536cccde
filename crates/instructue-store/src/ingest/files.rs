//! Opening of input files with their declared columns, and the digest of the inputs.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use instructue_fs::Entry;
use instructue_schema::{Column, ColumnRole, excerpt};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::LogicalType;
use sha2::{Digest, Sha256};

use super::columns::{self, Values};
use super::partition::{first_difference, folder_column, folder_values};
use super::types::is_void;
use crate::error::{Error, Result};
use crate::guard::{decode, open_parquet};

/// The number of rows that are decoded at a time.
const BATCH_ROWS: usize = 16_384;
/// The number of vectors' numbers that are decoded at a time.
const BATCH_NUMBERS: usize = 1 << 22;

/// An opened Parquet file that has all declared columns in suitable types.
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    pub(crate) rows: u64,
    builder: ParquetRecordBatchReaderBuilder<File>,
    columns: Vec<Column>,
    origins: Vec<Origin>,
}

/// The origin of a declared column's values.
enum Origin {
    /// A column of the file, by its position. A folder may hold the same value.
    File {
        root: usize,
        uuid: bool,
        folder: Option<Values>,
    },
    /// A folder above the file. The values fill a batch of the largest size; they may all be
    /// missing.
    Folder(Values),
}

impl Input {
    /// Opens `path`, a file below `data`, to read the `declared` columns.
    pub(crate) fn open(data: &Path, path: &Path, declared: &[&Column]) -> Result<Self> {
        let builder = open_parquet(path)?;
        let rows = builder.metadata().file_metadata().num_rows().max(0) as u64;
        let mut input = Self {
            path: path.into(),
            rows,
            builder,
            columns: declared.iter().copied().cloned().collect(),
            origins: Vec::with_capacity(declared.len()),
        };
        let below = path.strip_prefix(data).unwrap_or(path);
        for column in declared {
            let folder = input.folder(below, column)?;
            let origin = input.origin(column, folder)?;
            input.origins.push(origin);
        }
        Ok(input)
    }

    /// The values of a column that the folders' names hold.
    fn folder(&self, below: &Path, column: &Column) -> Result<Option<Values>> {
        let wrong = |expected: String, found: String| Error::Folder {
            file: self.path.clone(),
            column: column.name.clone(),
            expected,
            found,
        };
        match &folder_values(below, &column.name)[..] {
            [] => Ok(None),
            [value] => match folder_column(value, column, BATCH_ROWS) {
                Ok(values) => Ok(Some(values)),
                Err(expected) => {
                    let found = format!("{:?} in the folder's name", excerpt(value));
                    Err(wrong(format!("{expected} ({})", column.ty.as_str()), found))
                }
            },
            values => {
                let expected = format!("one folder `{}=…` above the file", column.name);
                Err(wrong(expected, values.len().to_string()))
            }
        }
    }

    fn origin(&self, column: &Column, folder: Option<Values>) -> Result<Origin> {
        let fields = self.builder.schema().fields();
        let named = |(_, field): &(usize, &Arc<Field>)| *field.name() == column.name;
        let mut found = fields.iter().enumerate().filter(named);
        let Some((root, field)) = found.next() else {
            return match folder {
                Some(folder) => Ok(Origin::Folder(folder)),
                // An empty part of a table may even lack the columns.
                None if self.rows == 0 => Ok(Origin::Folder(Values::Null)),
                None => Err(self.missing_column(column)),
            };
        };
        let more = found.count();
        if more > 0 {
            return Err(Error::DuplicateColumn {
                file: self.path.clone(),
                column: column.name.clone(),
                found: more + 1,
            });
        }
        if *field.data_type() == DataType::Null || !columns::accepts(column, field.data_type()) {
            if *field.data_type() == DataType::Null || self.is_void(root)? {
                return Ok(Origin::Folder(folder.unwrap_or(Values::Null)));
            }
            return Err(Error::ColumnType {
                file: self.path.clone(),
                column: column.name.clone(),
                expected: columns::expected(column),
                found: field.data_type().to_string(),
            });
        }
        Ok(Origin::File {
            root,
            uuid: self.is_uuid(root, field),
            folder,
        })
    }

    fn missing_column(&self, column: &Column) -> Error {
        let fields = self.builder.schema().fields();
        let names: Vec<_> = fields.iter().map(|f| f.name().as_str()).collect();
        Error::MissingColumn {
            file: self.path.clone(),
            column: column.name.clone(),
            expected: column.ty.as_str(),
            found: if names.is_empty() {
                "none".into()
            } else {
                names.join(", ")
            },
        }
    }

    /// Whether a column has no value in the whole file. Then its type in the file means nothing.
    fn is_void(&self, root: usize) -> Result<bool> {
        let builder = open_parquet(&self.path)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), [root]);
        let builder = builder.with_projection(mask).with_batch_size(BATCH_ROWS);
        let mut reader = decode(&self.path, 0, || builder.build())?;
        let mut row = 0;
        while let Some(batch) = decode(&self.path, row, || reader.next().transpose())? {
            let void = |array| Ok::<_, Error>(is_void(array));
            let mut arrays = batch.columns().iter();
            if !decode(&self.path, row, || arrays.next().map_or(Ok(true), void))? {
                return Ok(false);
            }
            row += batch.num_rows() as u64;
        }
        Ok(true)
    }

    /// Whether 16 bytes are a UUID according to Parquet's or Arrow's type.
    fn is_uuid(&self, root: usize, field: &Field) -> bool {
        let schema = self.builder.parquet_schema();
        let mut leaves = (0..schema.num_columns())
            .filter(|leaf| schema.get_column_root_idx(*leaf) == root)
            .map(|leaf| schema.column(leaf));
        let extension = field.metadata().get("ARROW:extension:name");
        extension.is_some_and(|name| name == "arrow.uuid")
            || leaves.any(|leaf| leaf.logical_type_ref() == Some(&LogicalType::Uuid))
    }

    /// The number of rows that are decoded at a time. Rows with long vectors are fewer.
    fn batch_rows(&self) -> usize {
        let widths = self.columns.iter().filter_map(|column| column.width);
        let numbers = widths.sum::<usize>().max(1);
        BATCH_ROWS.min(BATCH_NUMBERS / numbers).max(1)
    }

    /// Starts to read the declared columns.
    pub(crate) fn read(self) -> Result<Batches> {
        let batch_rows = self.batch_rows();
        let roots = self.origins.iter().filter_map(|origin| match origin {
            Origin::File { root, .. } => Some(*root),
            Origin::Folder(_) => None,
        });
        // Batches hold the projected columns in the file's order.
        let mut sorted: Vec<usize> = roots.collect();
        let mask = ProjectionMask::roots(self.builder.parquet_schema(), sorted.iter().copied());
        let builder = self
            .builder
            .with_projection(mask)
            .with_batch_size(batch_rows);
        let reader = decode(&self.path, 0, || builder.build())?;
        sorted.sort_unstable();
        sorted.dedup();
        let mut origins = self.origins;
        for origin in &mut origins {
            if let Origin::File { root, .. } = origin {
                *root = sorted.binary_search(root).unwrap_or(usize::MAX);
            }
        }
        Ok(Batches {
            path: self.path,
            reader,
            columns: self.columns,
            origins,
            row: 0,
        })
    }
}

/// The batches of a file.
pub(crate) struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    columns: Vec<Column>,
    /// The origins of the columns, with positions in a batch.
    origins: Vec<Origin>,
    row: u64,
}

impl Batches {
    /// The next batch, with the position of its first row.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, RecordBatch)>> {
        let row = self.row;
        let batch = decode(&self.path, row, || self.reader.next().transpose())?;
        self.row += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        Ok(batch.map(|batch| (row, batch)))
    }

    /// The declared columns of a batch that starts at `row`, in the order of their declaration.
    pub(crate) fn load(&self, row: u64, batch: &RecordBatch) -> Result<Vec<Values>> {
        let columns = self.origins.iter().map(|origin| match origin {
            Origin::File { root, uuid, .. } => Values::load(batch.column(*root), *uuid),
            Origin::Folder(values) => Ok(values.clone()),
        });
        let columns: Vec<Values> = decode(&self.path, row, || {
            columns.collect::<Result<_, ArrowError>>()
        })?;
        for ((column, origin), own) in self.columns.iter().zip(&self.origins).zip(&columns) {
            let Origin::File { root, folder, .. } = origin else {
                continue;
            };
            check_width(&self.path, column, batch.column(*root).data_type(), own)?;
            let Some(folder) = folder else {
                continue;
            };
            if let Some(at) = first_difference(column, own, folder, batch.num_rows()) {
                return Err(Error::Folder {
                    file: self.path.clone(),
                    column: column.name.clone(),
                    expected: format!("what the folder `{}=…` says", column.name),
                    found: format!("another value in row {}", row + at as u64),
                });
            }
        }
        Ok(columns)
    }
}

/// Refuses ids in floats of 16 or 32 bits that exceed the exact range. Beyond it, different users
/// may have the same id.
fn check_width(path: &Path, column: &Column, found: &DataType, values: &Values) -> Result<()> {
    let bits = match found {
        DataType::Float16 => 11,
        DataType::Float32 => 24,
        _ => return Ok(()),
    };
    if !matches!(column.role, ColumnRole::User | ColumnRole::Key) {
        return Ok(());
    }
    match values.largest_float() > f64::from(1 << bits) {
        false => Ok(()),
        true => Err(Error::ColumnType {
            file: path.into(),
            column: column.name.clone(),
            expected: column.ty.as_str().into(),
            found: format!("{found} with numbers above 2^{bits}, which it does not tell apart"),
        }),
    }
}

/// The digest of the files' names (below `data`), sizes and contents. It does not depend on times
/// or on `data`.
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
    let entry = Entry::of(path)?;
    Ok(format!("{} {}", entry.bytes, entry.sha256))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
