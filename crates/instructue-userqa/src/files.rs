//! Writing and reading of a UserQA data set: `userqa.parquet` and `userqa.manifest.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use instructue_fs::{Entry, Files, NewFile, open, read_sealed_value, remove_file, write_sealed};
use instructue_schema::{Progress, Timestamp};
use instructue_store::UserStore;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};

use crate::builder::{ShardTriples, TripleBuilder};
use crate::candidate_pool::PopularValue;
use crate::config::{RunValues, UserQaConfig};
use crate::error::{Error, Result};
use crate::report::UserQaReport;
use crate::table;
use crate::thresholds::Thresholds;
use crate::triple::Triple;

/// The file of triples.
pub const TRIPLES_FILE: &str = "userqa.parquet";
/// The manifest. It is written last, so a directory without it is not a data set.
pub const MANIFEST_FILE: &str = "userqa.manifest.json";

const VERSION: u32 = 3;

/// The origin and content of a data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format.
    pub version: u32,
    /// The configuration. Its file has the keys, [`run`](Self::run) the other values.
    pub config: UserQaConfig,
    /// The values of the configuration that the run decided.
    pub run: RunValues,
    /// [`UserStore::fingerprint`] of the store.
    pub store: String,
    /// Digest of the store's schema.
    pub schema: String,
    /// The time up to which events are known.
    pub data_end: Timestamp,
    /// The number of triples per shard. Each shard with triples is one row group, in order.
    pub shard_rows: Vec<u64>,
    /// The size and digest of [`TRIPLES_FILE`].
    pub files: Files,
    /// The counts over the data set.
    pub report: UserQaReport,
    /// The thresholds, fitted on the training users.
    pub thresholds: Thresholds,
    /// The values that questions name, per `source.field`, fitted on the training users.
    pub popular: BTreeMap<String, Vec<PopularValue>>,
}

/// Builds the triples of all users of `store` into the directory `out`.
///
/// There are two passes over the store, with one shard in memory at a time. `progress` counts
/// steps, where a step is one shard of one pass. An earlier data set in
/// `out` is replaced; it is invalid from the start of the call until its end.
///
/// # Errors
/// A value of the configuration is out of range, the store cannot be read, there is no event to
/// fit on, or a file cannot be written.
pub fn build(
    store: &UserStore,
    config: &UserQaConfig,
    out: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<UserQaReport> {
    config.validate()?;
    let shards = store.shards();
    let data_end = store
        .time_range()
        .map_or(Timestamp(i64::MIN), |(_, last)| last);
    let mut done = 0;
    let mut step = || {
        done += 1;
        progress(Progress::of(done, 2 * shards));
    };
    let builder = {
        let read = (0..shards).map(|i| {
            let shard = store.shard(i);
            step();
            shard.map_err(Error::from)
        });
        TripleBuilder::fit(store.schema(), config, store.users(), data_end, read)?
    };

    let manifest_file = out.join(MANIFEST_FILE);
    remove_file(&manifest_file)?;
    let uncovered = config.references.iter().copied();
    let uncovered = uncovered.filter(|reference| !builder.covers(*reference, config.horizon_days));
    let mut report = UserQaReport::new(config, store.users(), uncovered.collect());
    let mut shard_rows = Vec::with_capacity(shards);
    let mut writer = Writer::create(out.join(TRIPLES_FILE))?;
    for i in 0..shards {
        let built = builder.shard(i as u32, &store.shard(i)?);
        writer.write(&built)?;
        shard_rows.push(built.triples.len() as u64);
        report.add(&built);
        step();
    }
    writer.finish()?;
    let mut files = Files::default();
    files.insert(TRIPLES_FILE, Entry::of(&out.join(TRIPLES_FILE))?);

    let manifest = Manifest {
        version: VERSION,
        config: config.clone(),
        run: config.run_values(),
        store: store.fingerprint().into(),
        schema: store.schema().digest(),
        data_end: config.data_end.unwrap_or(data_end),
        shard_rows,
        files,
        report,
        thresholds: builder.thresholds().clone(),
        popular: builder.popular().clone(),
    };
    write_sealed(&manifest_file, &manifest)?;
    Ok(manifest.report)
}

/// A data set on disk.
#[derive(Debug)]
pub struct UserQa {
    file: PathBuf,
    metadata: ArrowReaderMetadata,
    manifest: Manifest,
    /// The row group of each shard; `None` for a shard without triples.
    row_groups: Vec<Option<usize>>,
}

impl UserQa {
    /// Opens a data set that [`build`] wrote.
    ///
    /// # Errors
    /// A missing, unfinished or damaged data set, one of another version, or a
    /// triples file that does not fit its manifest.
    pub fn open(dir: &Path) -> Result<Self> {
        let manifest_file = dir.join(MANIFEST_FILE);
        let value = read_sealed_value(&manifest_file, "the manifest of a training set")?;
        // The version is checked first, because another version may have other keys.
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(VERSION.into()) {
            return Err(Error::Format {
                file: manifest_file,
                what: "version",
                expected: VERSION.to_string(),
                found: version.map_or("none".into(), |version| version.to_string()),
            });
        }
        let mut manifest: Manifest =
            serde_json::from_value(value).map_err(|source| Error::Json {
                file: manifest_file.clone(),
                source,
            })?;
        manifest.config = manifest.config.with_run_values(manifest.run.clone());
        let file = manifest.files.path(dir, TRIPLES_FILE)?;
        let reader = open(&file)?;
        let metadata = ArrowReaderMetadata::load(&reader, ArrowReaderOptions::new())
            .map_err(parquet_error(&file))?;
        let mut next = 0;
        let mut row_groups = Vec::with_capacity(manifest.shard_rows.len());
        for &rows in &manifest.shard_rows {
            row_groups.push((rows > 0).then_some(next));
            next += usize::from(rows > 0);
        }
        let groups = metadata.metadata().row_groups();
        let found: Vec<u64> = groups.iter().map(|group| group.num_rows() as u64).collect();
        let expected: Vec<u64> = manifest
            .shard_rows
            .iter()
            .copied()
            .filter(|rows| *rows > 0)
            .collect();
        if found != expected {
            return Err(Error::Format {
                file,
                what: "rows per row group",
                expected: format!(
                    "{} groups, {} rows",
                    expected.len(),
                    expected.iter().sum::<u64>()
                ),
                found: format!("{} groups, {} rows", found.len(), found.iter().sum::<u64>()),
            });
        }
        Ok(Self {
            file,
            metadata,
            manifest,
            row_groups,
        })
    }

    /// The number of shards, which is that of the store.
    pub fn shards(&self) -> usize {
        self.row_groups.len()
    }

    /// The triples of one shard, in the order of users, then reference times.
    ///
    /// # Errors
    /// The shard does not exist, or the file cannot be read.
    pub fn shard(&self, i: usize) -> Result<Vec<Triple>> {
        let shards = self.shards();
        let Some(group) = *self
            .row_groups
            .get(i)
            .ok_or(Error::Shard { shard: i, shards })?
        else {
            return Ok(Vec::new());
        };
        let reader = open(&self.file)?;
        let batches =
            ParquetRecordBatchReaderBuilder::new_with_metadata(reader, self.metadata.clone())
                .with_row_groups(vec![group])
                .with_batch_size(8192)
                .build()
                .map_err(parquet_error(&self.file))?;
        let mut triples = Vec::new();
        for batch in batches {
            let batch = batch.map_err(arrow_error(&self.file))?;
            triples.extend(table::decode(&batch, &self.file, triples.len())?);
        }
        Ok(triples)
    }

    /// The origin and content of the data set.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// A writer with one row group per shard. The file appears under its name when it is complete.
struct Writer {
    file: PathBuf,
    writer: ArrowWriter<NewFile>,
}

impl Writer {
    fn create(file: PathBuf) -> Result<Self> {
        let out = NewFile::create(&file)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(None)
            .build();
        let writer = ArrowWriter::try_new(out, table::schema(), Some(properties))
            .map_err(parquet_error(&file))?;
        Ok(Self { file, writer })
    }

    fn write(&mut self, shard: &ShardTriples) -> Result<()> {
        if shard.triples.is_empty() {
            return Ok(());
        }
        let batch = table::encode(&shard.triples).map_err(arrow_error(&self.file))?;
        self.writer
            .write(&batch)
            .map_err(parquet_error(&self.file))?;
        self.writer.flush().map_err(parquet_error(&self.file))
    }

    fn finish(self) -> Result<()> {
        let file = self.writer.into_inner();
        let file = file.map_err(parquet_error(&self.file))?;
        Ok(file.commit()?)
    }
}

fn parquet_error(file: &Path) -> impl Fn(ParquetError) -> Error {
    let file = file.to_owned();
    move |source| Error::Parquet {
        file: file.clone(),
        source,
    }
}

fn arrow_error(file: &Path) -> impl Fn(arrow::error::ArrowError) -> Error {
    let file = file.to_owned();
    move |source| Error::Arrow {
        file: file.clone(),
        source,
    }
}
