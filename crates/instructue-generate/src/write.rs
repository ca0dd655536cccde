//! Writing and checking of a generated data set.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use instructue_fs::{Files, NewDirectory, NewFile, check_replaceable, read_sealed, read_text};
use instructue_schema::{Progress, Schema, TimePolicy};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::GenerateConfig;
use crate::error::{Error, Result};
use crate::names::{MANIFEST_FILE, SCHEMA_FILE, TASKS_FILE, TRUTH_FILE};
use crate::person::{Person, person};
use crate::tables::{Table, batch, tables};
use crate::tasks::{task_set, truth};
use crate::traits::Trait;

/// The number of rows in a Parquet row group.
const ROW_GROUP: usize = 262_144;

/// The report of a generation, which is also the content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerateReport {
    /// The version of the generator. Another version gives other users.
    pub version: u32,
    /// The configuration.
    pub config: GenerateConfig,
    /// The number of rows of each source, and of the labels.
    pub rows: BTreeMap<String, u64>,
    /// The number of users with each trait.
    pub traits: BTreeMap<String, u64>,
    /// A text that says what the directory holds.
    pub content: String,
    /// The size and digest of each table. Schema and tasks may be edited by hand, so they are not
    /// included.
    pub files: Files,
}

const VERSION: u32 = 1;
/// The reference times around which every event is plausible: 1975 to 2026.
const PLAUSIBLE: Range<i64> = 157_766_400..1_767_225_600;
/// The text that distinguishes this manifest from others.
const CONTENT: &str = "generated users";

/// Generates users and writes the six sources of [`Schema::default_six`], the schema, labels,
/// tasks and the truth into the directory `out`.
///
/// At most `chunk_users` users are in memory, plus one unfinished row group per file, so memory
/// does not depend on `users`. `progress` counts users. The directory appears complete or not at all. It replaces an earlier data set, but no
/// directory with other content.
///
/// # Errors
/// A value of the configuration is out of range, `out` holds other files, or a file cannot be
/// written. `out` is then as it was.
pub fn generate(
    config: &GenerateConfig,
    out: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<GenerateReport> {
    config.validate()?;
    let mut schema = Schema::default_six();
    if !PLAUSIBLE.contains(&config.reference.0) {
        // Otherwise an ingest would blame a broken clock.
        schema.times = TimePolicy::Any;
    }
    let tables = tables(&schema);
    let belongs = |name: &str| {
        [SCHEMA_FILE, TASKS_FILE, TRUTH_FILE].contains(&name)
            || tables.iter().any(|table| table.file == name)
    };
    check_replaceable(out, CONTENT, MANIFEST_FILE, belongs)?;
    let new = NewDirectory::create(out)?;
    let mut writers = tables
        .into_iter()
        .map(|table| Writer::create(new.path(), table))
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
        progress(Progress::Done {
            done: first,
            total: config.users,
        });
    }

    let mut rows = BTreeMap::new();
    for writer in writers {
        rows.insert(writer.table.name.to_owned(), writer.rows);
        writer.finish()?;
    }
    let tasks = toml::to_string(&task_set(config)).map_err(|error| Error::Text {
        file: TASKS_FILE.into(),
        reason: error.to_string(),
    })?;
    let report = GenerateReport {
        version: VERSION,
        config: config.clone(),
        rows,
        traits,
        content: CONTENT.into(),
        files: Files::of(new.path())?,
    };
    new.write(SCHEMA_FILE, schema.to_toml().as_bytes())?;
    new.write(TASKS_FILE, tasks.as_bytes())?;
    new.write(TRUTH_FILE, json(TRUTH_FILE, &truth(config))?.as_bytes())?;
    new.write_sealed(MANIFEST_FILE, &report)?;
    new.commit()?;
    Ok(report)
}

/// Checks that the tables of `data` were generated together. A directory of other data passes,
/// because it has no manifest of this crate.
///
/// # Errors
/// [`Error::File`] names a table or a manifest that was changed, or a table that is missing.
pub fn check(data: &Path) -> Result<()> {
    let path = data.join(MANIFEST_FILE);
    let what = "the manifest of generated users";
    // Only this crate writes the truth. A manifest may belong to any program.
    let generated = data.join(TRUTH_FILE).exists();
    let ours = |text: &str| {
        let json = serde_json::from_str::<serde_json::Value>(text);
        json.map_or(generated, |json| json["content"] == CONTENT)
    };
    match read_text(&path) {
        Ok(text) if !ours(&text) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(_) if !generated => Ok(()),
        _ => Ok(read_sealed::<GenerateReport>(&path, what)?
            .files
            .check(data)?),
    }
}

/// A Parquet file that is being written.
struct Writer {
    table: Table,
    rows: u64,
    writer: ArrowWriter<NewFile>,
}

impl Writer {
    fn create(dir: &Path, table: Table) -> Result<Self> {
        let file = NewFile::create(&dir.join(&table.file))?;
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
        Ok(file.commit()?)
    }
}

fn json(file: &str, value: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|error| Error::Text {
        file: file.into(),
        reason: error.to_string(),
    })
}

fn parquet_error(table: &Table) -> impl Fn(ParquetError) -> Error {
    let file = table.file.clone();
    move |source| Error::Parquet {
        file: file.clone().into(),
        source,
    }
}
