//! Drafts of `schema.toml` and `tasks.toml` for a directory of tables. One needs it to begin: it
//! looks at Parquet or CSV files and guesses which columns are users, times, numbers, categories
//! and texts, which tables are joined by which key, and which questions the data answers.
//!
//! ```no_run
//! use std::path::Path;
//!
//! let draft = instructue_draft::draft(Path::new("data/mine"), &mut |_| {})?;
//! println!("{}", draft.schema);
//! for note in draft.notes.iter().filter(|note| note.doubt) {
//!     println!("look at {}: {}", note.place, note.text);
//! }
//! # Ok::<(), instructue_draft::Error>(())
//! ```
//!
//! A draft is tried before it is given: its schema reads all events into a user store, and its
//! tasks have users of both answers. What was guessed stands in the files beside its reason, and
//! what may be wrong is marked.
//!
//! # How columns are told
//!
//! - **Users**: a name with a word such as *user*, *customer* or *household*. If no column has one:
//!   the identifier that comes again and again beside times.
//! - **Times**: timestamps, dates, texts in the form of ISO 8601, and numbers that are seconds to
//!   nanoseconds since 1970 under a name such as *time*; of several the one that says when
//!   something happened and has most values.
//! - **Logs** have many rows per user, and times of their own or from a joined table. A table with
//!   a row per user has *features*, or *truths* if its names say so.
//! - **Joined**: a table without users whose rows a column names once each, and a log has by the
//!   same name.
//! - **Left out**: identifiers that no table explains, second times, parts of dates, columns of one
//!   value, and what may say who somebody is.

mod error;
mod guess;
mod look;
mod questions;
mod tables;
mod words;
mod write;

use std::path::{Path, PathBuf};

use instructue_eval::TaskSet;
use instructue_fs::NewDirectory;
use instructue_schema::{OnError, Progress, Schema, SourceKind, TimePolicy};
use instructue_store::{IngestOptions, UserStore};

pub use error::{Error, Result};
pub use guess::Note;
use look::Looked;

/// Users of each answer below which a task is not kept.
const MIN_USERS: usize = 1;

/// A draft that was tried on the data.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Draft {
    /// The text of `schema.toml`.
    pub schema: String,
    /// The text of `tasks.toml`, if the data answers questions.
    pub tasks: Option<String>,
    /// What was guessed, and what should be looked at.
    pub notes: Vec<Note>,
    /// CSV files that were written as Parquet beside them.
    pub converted: Vec<PathBuf>,
}

/// Looks at the tables of `data` and drafts its declarations. CSV files are written as Parquet
/// beside them; nothing else is written there.
///
/// # Errors
/// No table, no column of users or of times, and files that do not read.
pub fn draft(data: &Path, watch: &mut dyn FnMut(Progress)) -> Result<Draft> {
    watch(Progress::Stage {
        name: "looking at tables",
    });
    let (tables, converted) = tables::tables(data)?;
    let total = tables.len() as u64;
    let mut looked = Vec::new();
    for (done, table) in (1..).zip(tables) {
        looked.push(Looked::read(table)?);
        watch(Progress::Done { done, total });
    }
    let mut guess = guess::guess(&looked);
    let logs = guess
        .sources
        .iter()
        .filter(|source| source.kind == SourceKind::Events);
    if logs.count() == 0 {
        return Err(Error::Nothing {
            place: data.into(),
            expected: "a table with a column of users' ids, many rows for a user, and times".into(),
            found: listed(&looked),
        });
    }
    let name = data.canonicalize().ok().and_then(|path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        Some(words::source_name(&name))
    });
    let mut schema = Schema {
        name: name.unwrap_or_else(|| "data".into()),
        on_error: OnError::Fail,
        times: TimePolicy::Plausible,
        sources: guess.sources.clone(),
    };
    let invalid = |file: &'static str, reason: String| Error::Invalid { file, reason };
    schema
        .validate()
        .map_err(|error| invalid("schema.toml", error.to_string()))?;
    watch(Progress::Stage {
        name: "trying the draft",
    });
    let aside = std::env::temp_dir().join("instructue-draft");
    let aside = NewDirectory::create_private(&aside)?;
    let options = IngestOptions::default();
    let store = aside.path().join("store");
    let first = UserStore::ingest(&schema, data, &store, &options, watch);
    let (store, _) = match first {
        Ok(ingested) => ingested,
        Err(error) => {
            // A file with bad rows is what a user has; the draft says which is the first of them.
            schema.on_error = OnError::Skip;
            guess.notes.push(Note {
                place: "on_error".into(),
                text: format!("\"skip\", because of a bad row: {error}"),
                doubt: true,
            });
            UserStore::ingest(&schema, data, &store, &options, watch).map_err(|_| error)?
        }
    };
    let truths: Vec<(&Looked, &str)> = guess
        .labels
        .iter()
        .map(|(at, user)| (&looked[*at], user.as_str()))
        .collect();
    let tasks = questions::tasks_text(&store, &truths, &mut guess.notes)?;
    if let Some(text) = &tasks {
        let set = TaskSet::from_toml(text).map_err(|e| invalid("tasks.toml", e.to_string()))?;
        for text in instructue_eval::check_tasks(&set, &store, data, MIN_USERS)? {
            guess.notes.push(Note {
                place: "tasks.toml".into(),
                text,
                doubt: true,
            });
        }
    }
    let text = write::schema_text(&schema, &guess.notes);
    let again = Schema::from_toml(&text).map_err(|e| invalid("schema.toml", e.to_string()))?;
    if again != schema {
        return Err(invalid("schema.toml", "it reads as another schema".into()));
    }
    Ok(Draft {
        schema: text,
        tasks,
        notes: guess.notes,
        converted,
    })
}

/// The tables and their columns, shortened.
fn listed(looked: &[Looked]) -> String {
    let tables = looked.iter().map(|one| {
        let columns = one
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .take(12);
        format!(
            "{} ({})",
            one.table.file,
            columns.collect::<Vec<_>>().join(", ")
        )
    });
    tables.take(5).collect::<Vec<_>>().join("; ")
}
