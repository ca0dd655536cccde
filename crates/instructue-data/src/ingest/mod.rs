//! Parquet files in, user store out.
//!
//! Two passes with bounded memory. The first reads each source in batches,
//! checks each row, and appends it to a file of the shard that its user's id
//! hashes to. The second takes one shard after the other, groups its rows by
//! user, sorts them by time and writes the shard. The number of shards
//! follows from the number of rows and an estimate of the number of users,
//! so what is held at a time does not grow with either.

mod columns;
mod count;
mod decimal;
mod files;
mod find;
mod group;
mod lookup;
mod partition;
mod rows;
mod spill;
mod survey;
mod time_text;
mod types;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use instructue_schema::{Column, OnError, Schema, Source, SourceKind, Timestamp};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::columns::BadValue;
pub(crate) use self::count::shard_of;
use self::count::{DistinctCounter, user_hash};
use self::files::{Input, digest, hex};
pub use self::find::{remote_advice, source_files};
use self::group::{GroupSource, group};
use self::lookup::LookupTable;
use self::rows::SourcePass;
use self::spill::Spill;
pub use self::survey::survey;
use crate::error::{Error, Result};
use crate::shard_file;
use crate::store::{Manifest, ShardEntry};

/// What [`UserStore::ingest`](crate::UserStore::ingest) may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestOptions {
    /// Rows later than this are future-dated, hence bad; `None`: no time is too late.
    pub latest: Option<Timestamp>,
    /// How many users a shard should have at most, on average.
    pub users_per_shard: usize,
    /// How many rows of all sources together a shard should have at most, on average.
    pub max_rows_per_shard: usize,
}

impl Default for IngestOptions {
    /// No latest time, 4096 users, 2^18 rows.
    fn default() -> Self {
        Self {
            latest: None,
            users_per_shard: 4096,
            max_rows_per_shard: 1 << 18,
        }
    }
}

/// How far an ingest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// First pass: a source is being read.
    Source {
        /// The source.
        name: &'a str,
        /// Rows read.
        rows: u64,
        /// Rows in its files.
        total_rows: u64,
    },
    /// Second pass: shards are being written.
    Shard {
        /// Shards written.
        done: usize,
        /// All shards.
        total: usize,
    },
}

/// What an ingest read, kept and left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IngestReport {
    /// One entry per source with a file, in schema order.
    pub sources: Vec<SourceReport>,
    /// Users with at least one row in any source.
    pub users: u64,
}

/// What an ingest did with one source: `rows == kept + the sum of skipped`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source.
    pub name: String,
    /// Rows read.
    pub rows: u64,
    /// Rows in the store.
    pub kept: u64,
    /// Rows left out, by reason (see [`RowProblem`](crate::RowProblem)).
    pub skipped: BTreeMap<String, u64>,
    /// Per lookup file with something to say.
    pub lookups: BTreeMap<String, LookupReport>,
}

/// What happened at a lookup.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LookupReport {
    /// Kept rows of the source without a row in the lookup: its fields are missing there.
    pub unmatched: u64,
    /// Rows of the lookup left out, by reason.
    pub skipped: BTreeMap<String, u64>,
}

/// What to do with bad rows of a source.
#[derive(Clone, Copy)]
pub(crate) struct RowErrors {
    skip: bool,
}

impl RowErrors {
    /// Counts a bad row or makes it an error.
    fn handle(
        self,
        file: &Path,
        row: u64,
        column: &str,
        bad: BadValue,
        skipped: &mut BTreeMap<String, u64>,
    ) -> Result<()> {
        if !self.skip {
            let BadValue {
                problem,
                expected,
                found,
            } = bad;
            let (file, column) = (file.into(), column.into());
            return Err(Error::Row {
                file,
                row,
                column,
                problem,
                expected,
                found,
            });
        }
        *skipped.entry(bad.problem.as_str().into()).or_default() += 1;
        Ok(())
    }
}

/// The checked inputs of an ingest.
pub(crate) struct Plan<'a> {
    schema: &'a Schema,
    data: &'a Path,
    options: &'a IngestOptions,
    inputs: Vec<SourceInput<'a>>,
    pub(crate) fingerprint: String,
}

struct SourceInput<'a> {
    source: &'a Source,
    files: Vec<PathBuf>,
    rows: u64,
    lookup_files: Vec<Vec<PathBuf>>,
    errors: RowErrors,
}

impl<'a> Plan<'a> {
    /// Finds all files, checks their columns and computes the fingerprint.
    pub(crate) fn new(
        schema: &'a Schema,
        data: &'a Path,
        options: &'a IngestOptions,
    ) -> Result<Self> {
        schema.validate()?;
        for (name, value) in [
            ("users_per_shard", options.users_per_shard),
            ("max_rows_per_shard", options.max_rows_per_shard),
        ] {
            if value == 0 {
                return Err(Error::Option {
                    name,
                    expected: "at least 1",
                    found: "0".into(),
                });
            }
        }
        let mut inputs = Vec::with_capacity(schema.sources.len());
        for source in &schema.sources {
            inputs.push(SourceInput::find(schema, source, data)?);
        }
        let mut fingerprint = Sha256::new();
        fingerprint.update(format!(
            "user store {}\n{}\n{:?}\n",
            Manifest::FORMAT,
            schema.digest(),
            options
        ));
        let mut known = BTreeMap::new();
        for input in &inputs {
            for files in std::iter::once(&input.files).chain(&input.lookup_files) {
                fingerprint.update(digest(data, files, &mut known)?);
            }
        }
        Ok(Self {
            schema,
            data,
            options,
            inputs,
            fingerprint: hex(&fingerprint.finalize()),
        })
    }

    /// How many shards keep the averages within the options.
    fn shards(&self) -> Result<usize> {
        let users_per_shard = self.options.users_per_shard as u64;
        let rows_per_shard = self.options.max_rows_per_shard as u64;
        let footers = self
            .inputs
            .iter()
            .map(|input| input.rows)
            .fold(0, u64::saturating_add);
        if footers <= users_per_shard.min(rows_per_shard) {
            return Ok(1);
        }
        // Rows are counted, not taken from the footers: a damaged one could ask for any number.
        let (mut users, mut rows) = (DistinctCounter::new(), 0);
        for input in self.inputs.iter().filter(|input| input.source.has_file()) {
            for path in &input.files {
                rows += count_users(self.data, path, input.source.user_column(), &mut users)?;
            }
        }
        let by_users = users.estimate().div_ceil(users_per_shard);
        Ok(rows.div_ceil(rows_per_shard).max(by_users).max(1) as usize)
    }

    /// Writes shards and manifest to `store`, an empty directory, by way of `temporary`.
    pub(crate) fn run(
        &self,
        store: &Path,
        temporary: &Path,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Manifest> {
        let shards = self.shards()?;
        let mut reports = Vec::with_capacity(self.inputs.len());
        let mut lookups = Vec::with_capacity(self.inputs.len());
        for (number, input) in self.inputs.iter().enumerate() {
            let mut report = SourceReport {
                name: input.source.name.clone(),
                ..SourceReport::default()
            };
            lookups.push(input.read_lookups(self.data, &mut report)?);
            if input.source.has_file() {
                let pass = SourcePass {
                    source: input.source,
                    data: self.data,
                    lookups: &lookups[number],
                    lookup_files: &input.lookup_files,
                    errors: input.errors,
                    latest: self.options.latest,
                    shards,
                };
                let mut spill = Spill::new(temporary, number, shards, spill::BUDGET);
                pass.run(&input.files, input.rows, &mut spill, &mut report, progress)?;
            }
            reports.push(report);
        }
        let sources: Vec<GroupSource<'_>> = self
            .inputs
            .iter()
            .zip(&lookups)
            .map(|(input, lookups)| GroupSource {
                source: input.source,
                files: &input.files,
                lookups,
                errors: input.errors,
            })
            .collect();
        let mut manifest = Manifest::new(self.schema, &self.fingerprint);
        // A few shards at a time, so that memory stays bounded on machines with many cores.
        let wave = rayon::current_num_threads().clamp(1, 8);
        for start in (0..shards).step_by(wave) {
            let wave = start..(start + wave).min(shards);
            let done: Vec<Result<_>> = wave
                .into_par_iter()
                .map(|shard| self.write_shard(store, temporary, shard, &sources))
                .collect();
            for result in done {
                let (entry, dropped) = result?;
                for (report, dropped) in reports.iter_mut().zip(dropped) {
                    if dropped > 0 {
                        report.kept -= dropped;
                        let reason = crate::RowProblem::DuplicateUser.as_str().to_string();
                        *report.skipped.entry(reason).or_default() += dropped;
                    }
                }
                manifest.shards.push(entry);
                progress(Progress::Shard {
                    done: manifest.shards.len(),
                    total: shards,
                });
            }
        }
        let with_file = self.inputs.iter().map(|input| input.source.has_file());
        let reports = reports.into_iter().zip(with_file);
        manifest.report.sources = reports.filter(|(_, file)| *file).map(|(r, _)| r).collect();
        manifest.report.users = manifest.shards.iter().map(|shard| shard.users).sum();
        manifest.write(store)?;
        Ok(manifest)
    }

    fn write_shard(
        &self,
        store: &Path,
        temporary: &Path,
        number: usize,
        sources: &[GroupSource<'_>],
    ) -> Result<(ShardEntry, Vec<u64>)> {
        let (shard, dropped) = group(temporary, number, sources)?;
        let mut entry = ShardEntry {
            users: shard.users.len() as u64,
            sizes: Vec::new(),
            time_range: None,
        };
        let write = |source: Option<&Source>, bytes: &[u8]| {
            let path = store.join(shard_file::file_name(number, source));
            fs::write(&path, bytes).map_err(Error::io(&path))
        };
        let users = shard_file::encode_users(self.schema, &shard)
            .map_err(|error| not_encoded(store, number, None, error))?;
        write(None, &users)?;
        entry.sizes.push(users.len() as u64);
        for (source, table) in self.schema.sources.iter().zip(&shard.sources) {
            let bytes = shard_file::encode_table(source, table)
                .map_err(|error| not_encoded(store, number, Some(source), error))?;
            if let Some(bytes) = &bytes {
                write(Some(source), bytes)?;
            }
            entry
                .sizes
                .push(bytes.map_or(0, |bytes| bytes.len() as u64));
            if source.kind == SourceKind::Events {
                for time in &table.times {
                    let (first, last) = entry.time_range.unwrap_or((*time, *time));
                    entry.time_range = Some((first.min(*time), last.max(*time)));
                }
            }
        }
        Ok((entry, dropped))
    }
}

impl<'a> SourceInput<'a> {
    fn find(schema: &Schema, source: &'a Source, data: &Path) -> Result<Self> {
        let errors = RowErrors {
            skip: source.on_error(schema) == OnError::Skip,
        };
        let mut input = Self {
            source,
            files: Vec::new(),
            rows: 0,
            lookup_files: Vec::new(),
            errors,
        };
        if !source.has_file() {
            return Ok(input);
        }
        let declared: Vec<&Column> = source.columns.iter().collect();
        input.files = source_files(data, &source.name, &source.file)?;
        for path in &input.files {
            input.rows = input
                .rows
                .saturating_add(Input::open(data, path, &declared)?.rows);
        }
        for lookup in &source.lookups {
            let key = source.key_column(lookup);
            let declared: Vec<&Column> = std::iter::once(key).chain(&lookup.columns).collect();
            let files = source_files(data, &source.name, &lookup.file)?;
            for path in &files {
                Input::open(data, path, &declared)?;
            }
            input.lookup_files.push(files);
        }
        Ok(input)
    }

    fn read_lookups(&self, data: &Path, report: &mut SourceReport) -> Result<Vec<LookupTable>> {
        let pairs = self.source.lookups.iter().zip(&self.lookup_files);
        pairs
            .map(|(lookup, files)| {
                LookupTable::read(self.source, lookup, data, files, &self.errors, report)
            })
            .collect()
    }
}

/// Adds the users of a file to `counter`; gives the number of its rows.
fn count_users(
    data: &Path,
    path: &Path,
    column: &Column,
    counter: &mut DistinctCounter,
) -> Result<u64> {
    let mut batches = Input::open(data, path, &[column])?.read()?;
    let (mut buffer, mut last, mut rows) = (String::new(), String::new(), 0);
    while let Some((first, batch)) = batches.next()? {
        let values = batches.load(first, &batch)?;
        rows += batch.num_rows() as u64;
        for row in 0..batch.num_rows() {
            // Bad ids are dealt with in the first pass.
            if let Ok(Some(user)) = values[0].text(row, column.ty, &mut buffer)
                && user != last
            {
                counter.add(user_hash(user));
                last.clear();
                last.push_str(user);
            }
        }
    }
    Ok(rows)
}

/// The Parquet writer works in memory, so this means a shard beyond what a file can hold.
fn not_encoded(
    store: &Path,
    shard: usize,
    source: Option<&Source>,
    error: parquet::errors::ParquetError,
) -> Error {
    let path = store.join(shard_file::file_name(shard, source));
    Error::Io {
        path,
        error: std::io::Error::other(error),
    }
}
