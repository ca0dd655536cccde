//! Writing a data set.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use instructue_schema::Schema;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::GenerateConfig;
use crate::error::{Error, Result};
use crate::person::{Person, person};
use crate::tables::{Table, batch, tables};
use crate::tasks::{task_set, truth};
use crate::traits::Trait;

/// Known answers: `user_id` and one boolean column per trait.
pub const LABELS_FILE: &str = "labels.parquet";
/// The schema of the sources.
pub const SCHEMA_FILE: &str = "schema.toml";
/// Downstream tasks.
pub const TASKS_FILE: &str = "tasks.toml";
/// What stands behind each task.
pub const TRUTH_FILE: &str = "truth.json";
/// Written last: a directory without it is not a complete data set.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Rows of a Parquet row group.
const ROW_GROUP: usize = 262_144;

/// What was generated; also the content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerateReport {
    /// Version of the generator: another one gives other users.
    pub version: u32,
    /// The configuration.
    pub config: GenerateConfig,
    /// Rows per source, and of the labels.
    pub rows: BTreeMap<String, u64>,
    /// Users with each trait.
    pub traits: BTreeMap<String, u64>,
}

const VERSION: u32 = 1;

/// Generates users and writes the six sources of [`Schema::default_six`], the
/// schema, labels, tasks and the truth into the directory `out`.
///
/// At most `chunk_users` users are in memory, plus one unfinished row group
/// per file, so memory does not depend on `users`. `progress` hears of (users
/// done, users in all) after each chunk. Files of these names are replaced;
/// they appear together at the end, the manifest last.
///
/// # Errors
/// A configuration out of range, or a file that cannot be written; then
/// nothing new is left in `out`.
pub fn generate(
    config: &GenerateConfig,
    out: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<GenerateReport> {
    config.validate()?;
    fs::create_dir_all(out).map_err(io(out))?;
    // In `out`, so that the renames at the end stay within one file system.
    let partial = tempfile::tempdir_in(out).map_err(io(out))?;
    let schema = Schema::default_six();
    let mut writers = tables(&schema)
        .into_iter()
        .map(|table| Writer::create(partial.path(), table))
        .collect::<Result<Vec<_>>>()?;
    let mut traits = BTreeMap::new();

    let mut first = 0;
    while first < config.users {
        let next = config
            .users
            .min(first.saturating_add(config.users_at_a_time()));
        let persons: Vec<Person> = (first..next)
            .into_par_iter()
            .map(|user| person(config, user))
            .collect();
        writers
            .par_iter_mut()
            .try_for_each(|writer| writer.write(&persons))?;
        for of in Trait::ALL {
            let holders = persons
                .iter()
                .filter(|person| person.traits[of as usize])
                .count();
            *traits.entry(of.info().name.to_owned()).or_default() += holders as u64;
        }
        first = next;
        progress(first, config.users);
    }

    let mut rows = BTreeMap::new();
    let mut files = Vec::new();
    for writer in writers {
        rows.insert(writer.table.name.to_owned(), writer.rows);
        files.push(writer.table.file.clone());
        writer.finish()?;
    }
    let text = |name: &str, text: String| {
        let file = partial.path().join(name);
        fs::write(&file, text).map_err(io(&file))
    };
    let tasks = toml::to_string(&task_set(config)).map_err(|error| Error::Text {
        file: TASKS_FILE.into(),
        reason: error.to_string(),
    })?;
    let report = GenerateReport {
        version: VERSION,
        config: config.clone(),
        rows,
        traits,
    };
    text(SCHEMA_FILE, schema.to_toml())?;
    text(TASKS_FILE, tasks)?;
    text(TRUTH_FILE, json(TRUTH_FILE, &truth(config))?)?;
    text(MANIFEST_FILE, json(MANIFEST_FILE, &report)?)?;

    let manifest = out.join(MANIFEST_FILE);
    if manifest.exists() {
        fs::remove_file(&manifest).map_err(io(&manifest))?;
    }
    let declarations = [SCHEMA_FILE, TASKS_FILE, TRUTH_FILE, MANIFEST_FILE];
    for name in files.iter().map(String::as_str).chain(declarations) {
        let file = out.join(name);
        fs::rename(partial.path().join(name), &file).map_err(io(&file))?;
    }
    Ok(report)
}

/// One Parquet file in the making.
struct Writer {
    table: Table,
    rows: u64,
    writer: ArrowWriter<File>,
}

impl Writer {
    fn create(dir: &Path, table: Table) -> Result<Self> {
        let path = dir.join(&table.file);
        let file = File::create(&path).map_err(io(&path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .build();
        let writer = ArrowWriter::try_new(file, table.schema.clone(), Some(properties))
            .map_err(parquet_error(&table))?;
        Ok(Self {
            table,
            rows: 0,
            writer,
        })
    }

    fn write(&mut self, persons: &[Person]) -> Result<()> {
        let batch = batch(&self.table, persons)?;
        self.rows += batch.num_rows() as u64;
        self.writer
            .write(&batch)
            .map_err(parquet_error(&self.table))
    }

    fn finish(self) -> Result<()> {
        let file = self
            .writer
            .into_inner()
            .map_err(parquet_error(&self.table))?;
        let path = &self.table.file;
        file.sync_all().map_err(|source| Error::Io {
            file: path.into(),
            source,
        })
    }
}

fn json(file: &str, value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| Error::Text {
        file: file.into(),
        reason: error.to_string(),
    })
}

fn io(file: &Path) -> impl Fn(std::io::Error) -> Error {
    let file = file.to_owned();
    move |source| Error::Io {
        file: file.clone(),
        source,
    }
}

fn parquet_error(table: &Table) -> impl Fn(ParquetError) -> Error {
    let file = table.file.clone();
    move |source| Error::Parquet {
        file: file.clone().into(),
        source,
    }
}
