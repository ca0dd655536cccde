//! Ingest: Parquet files are read, checked and written as a user store.
//!
//! Two passes use bounded memory. The first reads each source in batches, checks each row, and
//! appends it to a file of its user's shard. The second takes one shard after the other, groups
//! its rows by user, sorts them by time and writes the shard. The number of shards follows from
//! the number of rows and an estimate of the number of users, so memory grows with neither.

mod bad_row;
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
mod times;
mod types;
mod user_values;
mod vectors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use instructue_fs::{Entry, NewDirectory};
use instructue_schema::{Column, OnError, Schema, Source, SourceKind, TimePolicy, Timestamp};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use self::bad_row::RowErrors;
pub(crate) use self::count::shard_of;
use self::count::{DistinctCounter, user_hash};
use self::files::{Input, digest, hex};
pub use self::find::{remote_advice, source_files};
use self::group::{GroupSource, LeftOut, group};
use self::lookup::LookupTable;
use self::rows::SourcePass;
use self::spill::Spill;
pub use self::survey::survey;
use self::times::{DayCounts, Near, TimeBounds, now};
pub use self::types::declared_type;
pub use self::user_values::{UserValue, UserValues, read_user_values};
use crate::error::{Error, Result};
use crate::manifest::{Manifest, ShardEntry};
use crate::report::{SourceReport, union};
use crate::shard_file;
use instructue_schema::Progress;

/// The options of [`UserStore::ingest`](crate::UserStore::ingest).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestOptions {
    /// The latest valid time. A later row is a bad row, whatever the schema's `times` are. `None`
    /// means a day past the machine's clock with `plausible` times, and no bound otherwise. It is
    /// part of the options as given, so a store that was made at another hour is the same store.
    pub latest: Option<Timestamp>,
    /// The largest average number of users per shard.
    pub users_per_shard: usize,
    /// The largest average number of rows per shard, over all sources.
    pub max_rows_per_shard: usize,
}

impl Default for IngestOptions {
    /// The latest time of the clock, 4096 users, 2^18 rows.
    fn default() -> Self {
        Self {
            latest: None,
            users_per_shard: 4096,
            max_rows_per_shard: 1 << 18,
        }
    }
}

/// The version of the rules by which rows are checked and ordered. A store of another version is
/// rebuilt.
const ROWS: u32 = 2;

/// The numbers of a vector that take about as much memory as an ordinary row.
const NUMBERS_PER_ROW: u64 = 32;

/// A shard's manifest entry, its files with size and digest, and its content per source.
type WrittenShard = (ShardEntry, Vec<(String, Entry)>, Vec<WrittenSource>);

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
    times: TimePolicy,
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
            "user store {}, rows {}\n{}\n{:?}\n",
            Manifest::FORMAT,
            ROWS,
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

    /// The number of shards that keeps the averages within the options.
    fn shards(&self) -> Result<usize> {
        let users_per_shard = self.options.users_per_shard as u64;
        let rows_per_shard = self.options.max_rows_per_shard as u64;
        let footers = self
            .inputs
            .iter()
            .map(|input| input.rows.saturating_mul(input.row_size()))
            .fold(0, u64::saturating_add);
        if footers <= users_per_shard.min(rows_per_shard) {
            return Ok(1);
        }
        // The number in a damaged footer could be anything, so the rows themselves are counted.
        let (mut users, mut rows) = (DistinctCounter::new(), 0);
        for input in self.inputs.iter().filter(|input| input.source.has_file()) {
            for path in &input.files {
                let user = input.source.user_column();
                rows += count_users(self.data, path, user, &mut users)? * input.row_size();
            }
        }
        let by_users = users.estimate().div_ceil(users_per_shard);
        Ok(rows.div_ceil(rows_per_shard).max(by_users).max(1) as usize)
    }

    /// Writes shards and manifest to `store`; `temporary` holds the spilled rows.
    pub(crate) fn run(
        &self,
        store: &NewDirectory,
        temporary: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Manifest> {
        let shards = self.shards()?;
        let mut reports = Vec::with_capacity(self.inputs.len());
        let mut lookups = Vec::with_capacity(self.inputs.len());
        let mut days = Vec::with_capacity(self.inputs.len());
        let now = now();
        for (number, input) in self.inputs.iter().enumerate() {
            let mut report = SourceReport {
                name: input.source.name.clone(),
                ..SourceReport::default()
            };
            lookups.push(input.read_lookups(self.data, &mut report)?);
            let mut counted = DayCounts::default();
            if input.source.has_file() {
                let pass = SourcePass {
                    source: input.source,
                    data: self.data,
                    lookups: &lookups[number],
                    lookup_files: &input.lookup_files,
                    errors: input.errors,
                    bounds: TimeBounds::new(input.times, self.options.latest, now),
                    shards,
                };
                let mut spill = Spill::new(temporary, number, shards, spill::BUDGET);
                let days = input.compares_times().then_some(&mut counted);
                pass.run(
                    &input.files,
                    input.rows,
                    &mut spill,
                    days,
                    &mut report,
                    progress,
                )?;
            }
            reports.push(report);
            days.push(counted);
        }
        let near = Near::of(days.iter());
        // If a whole source is of another period, this is no sign of a broken clock.
        let near_of = |days: &DayCounts| near.as_ref().filter(|near| days.any_near(near));
        for (input, days) in self.inputs.iter().zip(&days) {
            if let Some(near) = near_of(days) {
                input.refuse_far(days, near)?;
            }
        }
        let sources: Vec<GroupSource<'_>> = self
            .inputs
            .iter()
            .zip(&lookups)
            .zip(&days)
            .map(|((input, lookups), days)| GroupSource {
                source: input.source,
                files: &input.files,
                lookups,
                errors: input.errors,
                near: near_of(days),
            })
            .collect();
        let mut manifest = Manifest::new(self.schema, &self.fingerprint);
        // Few shards are handled at a time, so that memory stays bounded on machines with many
        // cores.
        let wave = rayon::current_num_threads().clamp(1, 8);
        for start in (0..shards).step_by(wave) {
            let wave = start..(start + wave).min(shards);
            let done: Vec<Result<_>> = wave
                .into_par_iter()
                .map(|shard| self.write_shard(store, temporary, shard, &sources))
                .collect();
            for result in done {
                let (entry, files, written) = result?;
                for (name, entry) in files {
                    manifest.files.insert(name, entry);
                }
                for (report, written) in reports.iter_mut().zip(written) {
                    for (problem, rows) in written.left_out.into_iter().filter(|(_, n)| *n > 0) {
                        report.kept -= rows;
                        let reason = problem.as_str().to_string();
                        *report.skipped.entry(reason).or_default() += rows;
                    }
                    report.times = union(report.times, written.times);
                }
                manifest.shards.push(entry);
                progress(Progress::of(manifest.shards.len(), shards));
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
        store: &NewDirectory,
        temporary: &Path,
        number: usize,
        sources: &[GroupSource<'_>],
    ) -> Result<WrittenShard> {
        let (shard, left_out) = group(temporary, number, sources)?;
        let mut written = Vec::with_capacity(sources.len());
        let mut entry = ShardEntry {
            users: shard.users.len() as u64,
            time_range: None,
        };
        let mut files = Vec::new();
        let mut write = |source: Option<&Source>, bytes: &[u8]| {
            let name = shard_file::file_name(number, source);
            let entry = store.write(&name, bytes)?;
            files.push((name, entry));
            Ok::<_, Error>(())
        };
        let users = shard_file::encode_users(self.schema, &shard)
            .map_err(|error| not_encoded(store.path(), number, None, error))?;
        write(None, &users)?;
        let tables = self.schema.sources.iter().zip(&shard.sources);
        for ((source, table), left_out) in tables.zip(left_out) {
            let bytes = shard_file::encode_table(source, table)
                .map_err(|error| not_encoded(store.path(), number, Some(source), error))?;
            if let Some(bytes) = &bytes {
                write(Some(source), bytes)?;
            }
            let times = source.time_column().map(|_| &table.times[..]);
            let times = times.unwrap_or_default().iter();
            let times = times.map(|time| Some((*time, *time))).fold(None, union);
            if source.kind == SourceKind::Events {
                entry.time_range = union(entry.time_range, times);
            }
            written.push(WrittenSource { left_out, times });
        }
        Ok((entry, files, written))
    }
}

/// The result of one source in one shard.
struct WrittenSource {
    /// The numbers of rows left out, by reason.
    left_out: LeftOut,
    times: Option<(Timestamp, Timestamp)>,
}

impl<'a> SourceInput<'a> {
    /// How many ordinary rows a row is as large as. A vector takes far more memory than the rest.
    fn row_size(&self) -> u64 {
        let width = self.source.vector_field().map_or(0, |(_, width)| width);
        1 + width as u64 / NUMBERS_PER_ROW
    }

    /// Whether a time far from those of all events is bad in this source.
    fn compares_times(&self) -> bool {
        self.times == TimePolicy::Plausible && self.source.kind == SourceKind::Events
    }

    /// Returns the error of the first row that is not `near`, unless bad rows are skipped.
    fn refuse_far(&self, days: &DayCounts, near: &Near) -> Result<()> {
        let Some((file, row, time)) = days.first_beyond(near) else {
            return Ok(());
        };
        let column = self.source.time_column();
        let column = column.map_or("", |column| column.name.as_str());
        let file = &self.files[file as usize];
        // This count is dropped: the second pass counts the rows that it leaves out.
        let mut counted = BTreeMap::new();
        self.errors
            .handle(file, row, column, near.refuse(time), &mut counted)
    }

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
            // A tabular row may be valid since long ago, or from next month on.
            times: match (source.kind, source.times) {
                (SourceKind::Tabular, None) => TimePolicy::Any,
                _ => source.times(schema),
            },
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

/// Adds the users of a file to `counter` and returns the file's number of rows.
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
            // The first pass reports bad ids.
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

/// The error of the Parquet writer. The writer works in memory, so the shard exceeds what a file
/// can hold.
fn not_encoded(
    store: &Path,
    shard: usize,
    source: Option<&Source>,
    error: parquet::errors::ParquetError,
) -> Error {
    let path = store.join(shard_file::file_name(shard, source));
    Error::io(&path)(std::io::Error::other(error))
}
