//! Changed copies of a data directory, to see what a method makes of worse events.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{cast, concat_batches, take};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use instructue_fs::{NewDirectory, NewFile, check_replaceable};
use instructue_schema::seed;
use instructue_schema::{ColumnRole, Schema, Source, SourceKind, Timestamp};
use instructue_store::{open_parquet, read_all, source_files};
use parquet::arrow::ArrowWriter;
use rand::Rng;

use crate::error::{Error, Result};

/// The file that declares the sources of a data directory.
const SCHEMA_FILE: &str = "schema.toml";

/// How events are changed.
#[derive(Debug, Clone, PartialEq)]
pub enum NoiseKind {
    /// A share of each source's events become, but for user and time, events of others.
    Foreign {
        /// Above 0, at most 1.
        share: f64,
    },
    /// A share of each user's events of a source exchange their times among themselves.
    Shuffled {
        /// Above 0, at most 1.
        share: f64,
    },
    /// A source has no events.
    Missing {
        /// Its name.
        source: String,
    },
}

/// Writes a changed copy of what `schema` reads from `data` to `out`: the files of
/// event sources are changed, lookups and tabular files are copied.
///
/// Times are exchanged between two neighbouring ones of `cuts` only, so that no
/// event of after a reference time comes before it. The same seed changes the same
/// rows. The directory appears under its name when it is whole.
///
/// # Errors
/// Files that are missing or do not read, columns of types that are none of users
/// or times, a disk that does not take the files.
pub fn write_noisy(
    schema: &Schema,
    data: &Path,
    out: &Path,
    kind: &NoiseKind,
    cuts: &[Timestamp],
    seed: u64,
) -> Result<()> {
    // A copy is made once; what is there belongs to somebody.
    check_replaceable(out, "no copy", SCHEMA_FILE, |_| false)?;
    let new = NewDirectory::create(out)?;
    let target = |file: &Path| -> Result<PathBuf> {
        let inner = file.strip_prefix(data).map_err(|_| {
            Error::shape(
                "a source's file",
                format!("one below {}", data.display()),
                file.display(),
            )
        })?;
        Ok(new.path().join(inner))
    };
    let copy = |file: &Path| -> Result<()> { Ok(instructue_fs::copy(file, &target(file)?)?) };
    copy(&data.join(SCHEMA_FILE))?;
    for source in &schema.sources {
        for lookup in &source.lookups {
            for file in source_files(data, &source.name, &lookup.file)? {
                copy(&file)?;
            }
        }
        if !source.has_file() {
            continue;
        }
        for file in source_files(data, &source.name, &source.file)? {
            match source.kind {
                SourceKind::Tabular => copy(&file)?,
                SourceKind::Events => {
                    let batch = read(&file)?;
                    let changed = match kind {
                        NoiseKind::Missing { source: name } if *name == source.name => {
                            batch.slice(0, 0)
                        }
                        NoiseKind::Missing { .. } => batch,
                        NoiseKind::Foreign { share } => {
                            foreign(&batch, source, &file, *share, seed)?
                        }
                        NoiseKind::Shuffled { share } => {
                            shuffled(&batch, source, &file, *share, cuts, seed)?
                        }
                    };
                    write(&target(&file)?, &changed)?;
                }
            }
        }
    }
    Ok(new.commit()?)
}

fn read(file: &Path) -> Result<RecordBatch> {
    let damaged = |reason: String| Error::Parquet {
        path: file.to_owned(),
        reason,
    };
    let builder = open_parquet(file)?;
    let schema = builder.schema().clone();
    let reader = builder.build().map_err(|e| damaged(e.to_string()))?;
    let batches = read_all(file, reader)?;
    concat_batches(&schema, &batches).map_err(|e| damaged(e.to_string()))
}

fn write(path: &Path, batch: &RecordBatch) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| {
        instructue_fs::Error::io(path)(std::io::Error::other(error.to_string()))
    };
    let file = NewFile::create(path)?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).map_err(|e| failed(&e))?;
    writer.write(batch).map_err(|e| failed(&e))?;
    let file = writer.into_inner().map_err(|e| failed(&e))?;
    Ok(file.commit()?)
}

/// The rows of each user, in the order of the ids; rows without a user are nobody's.
fn rows_by_user(batch: &RecordBatch, source: &Source, file: &Path) -> Result<Vec<Vec<u32>>> {
    let users = column(batch, &source.user_column().name, file, &DataType::Utf8)?;
    let users = users.as_string::<i32>();
    let mut rows: HashMap<&str, Vec<u32>> = HashMap::new();
    for (row, user) in users.iter().enumerate() {
        if let Some(user) = user {
            rows.entry(user).or_default().push(row as u32);
        }
    }
    let mut rows: Vec<(&str, Vec<u32>)> = rows.into_iter().collect();
    rows.sort();
    Ok(rows.into_iter().map(|(_, rows)| rows).collect())
}

fn column(batch: &RecordBatch, name: &str, file: &Path, kind: &DataType) -> Result<ArrayRef> {
    let wrong = |found: String| Error::Column {
        path: file.to_owned(),
        column: name.to_owned(),
        expected: kind.to_string(),
        found,
    };
    let found = batch
        .column_by_name(name)
        .ok_or_else(|| wrong("no such column".into()))?;
    cast(found, kind).map_err(|_| wrong(found.data_type().to_string()))
}

/// `share` of a user's rows, drawn.
fn some_of(rows: &[u32], share: f64, rng: &mut impl rand::RngCore) -> Vec<u32> {
    let mut rows = rows.to_vec();
    seed::shuffle(&mut rows, rng);
    rows.truncate((rows.len() as f64 * share).round() as usize);
    rows
}

fn foreign(
    batch: &RecordBatch,
    source: &Source,
    file: &Path,
    share: f64,
    seed: u64,
) -> Result<RecordBatch> {
    let users = rows_by_user(batch, source, file)?;
    let mut from: Vec<u32> = (0..batch.num_rows() as u32).collect();
    let all: Vec<(usize, u32)> = users
        .iter()
        .enumerate()
        .flat_map(|(user, rows)| rows.iter().map(move |&row| (user, row)))
        .collect();
    for (user, rows) in users
        .iter()
        .enumerate()
        .filter(|(_, rows)| rows.len() < all.len())
    {
        // The purpose keeps its first name: another one would draw other events.
        let mut rng = seed::rng(seed, "foreign events", &[user as u64]);
        for row in some_of(rows, share, &mut rng) {
            let other = loop {
                let (other, row) = all[rng.random_range(0..all.len())];
                if other != user {
                    break row;
                }
            };
            from[row as usize] = other;
        }
    }
    let kept = [Some(source.user_column()), source.time_column()];
    let kept: Vec<&str> = kept
        .into_iter()
        .flatten()
        .map(|column| column.name.as_str())
        .collect();
    rearranged(batch, &from, |name| !kept.contains(&name), file)
}

fn shuffled(
    batch: &RecordBatch,
    source: &Source,
    file: &Path,
    share: f64,
    cuts: &[Timestamp],
    seed: u64,
) -> Result<RecordBatch> {
    // A lookup's time belongs to what is looked up, not to the event.
    let time = source
        .columns
        .iter()
        .find(|column| column.role == ColumnRole::Time);
    let Some(time) = time else {
        return Ok(batch.clone());
    };
    let seconds = column(
        batch,
        &time.name,
        file,
        &DataType::Timestamp(TimeUnit::Second, None),
    )?;
    let seconds = cast(&seconds, &DataType::Int64).map_err(|e| Error::Parquet {
        path: file.to_owned(),
        reason: e.to_string(),
    })?;
    let seconds = seconds.as_primitive::<Int64Type>();
    let mut from: Vec<u32> = (0..batch.num_rows() as u32).collect();
    for (user, rows) in rows_by_user(batch, source, file)?.iter().enumerate() {
        let mut rng = seed::rng(seed, "shuffled events", &[user as u64]);
        let mut parts: HashMap<usize, Vec<u32>> = HashMap::new();
        for &row in rows.iter().filter(|&&row| seconds.is_valid(row as usize)) {
            let time = seconds.value(row as usize);
            let part = cuts.iter().filter(|cut| cut.0 <= time).count();
            parts.entry(part).or_default().push(row);
        }
        for part in 0..=cuts.len() {
            let Some(rows) = parts.get(&part) else {
                continue;
            };
            let chosen = some_of(rows, share, &mut rng);
            let mut others = chosen.clone();
            seed::shuffle(&mut others, &mut rng);
            for (row, other) in chosen.into_iter().zip(others) {
                from[row as usize] = other;
            }
        }
    }
    rearranged(batch, &from, |name| name == time.name, file)
}

/// The batch with some columns taken from other rows.
fn rearranged(
    batch: &RecordBatch,
    from: &[u32],
    moves: impl Fn(&str) -> bool,
    file: &Path,
) -> Result<RecordBatch> {
    let damaged = |error: arrow::error::ArrowError| Error::Parquet {
        path: file.to_owned(),
        reason: error.to_string(),
    };
    let from = UInt32Array::from(from.to_vec());
    let schema = batch.schema();
    let columns = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| match moves(field.name()) {
            true => take(column, &from, None).map_err(damaged),
            false => Ok(Arc::clone(column)),
        });
    RecordBatch::try_new(schema.clone(), columns.collect::<Result<_>>()?).map_err(damaged)
}
