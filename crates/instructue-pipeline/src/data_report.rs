//! What a data directory holds: a look before a model is trained on it.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use instructue_features::render_event;
use instructue_schema::ColumnData;
use instructue_schema::{
    ColumnRole, DataText, History, NULL_CODE, Progress, Schema, SourceKind, SourceTable, Timestamp,
};
use instructue_store::UserStore;
use serde::Serialize;

use crate::config::PrivacySettings;
use crate::error::Result;
use crate::prepare::{check_tasks, ingest};
use crate::windows::end_of_data;

/// Events of a source that a user is shown with, the newest.
const SHOWN: usize = 6;
/// Distinct values of a field that are told apart.
const DISTINCT: usize = 1_000_000;

/// What the sources of a data directory hold.
#[derive(Debug, Clone, Serialize)]
pub struct DataReport {
    /// Users with a row in any source.
    pub users: u64,
    /// Windows end here: the first moment after all events.
    pub reference: String,
    /// Each source, in the order of the schema; those of aggregates alone are left out.
    pub sources: Vec<SourceSummary>,
    /// Some users as events are called.
    pub shown: Vec<ShownUser>,
}

/// One source.
#[derive(Debug, Clone, Serialize)]
pub struct SourceSummary {
    /// Its name.
    pub name: String,
    /// `events` or `tabular`.
    pub kind: &'static str,
    /// Rows read.
    pub rows: u64,
    /// Rows kept.
    pub kept: u64,
    /// Rows left out, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Users with a row.
    pub users: u64,
    /// First and last time.
    pub times: Option<[String; 2]>,
    /// Rows of a user that has any: median, nine tenths, most.
    pub per_user: [usize; 3],
    /// The share of all users without an event in the window before the reference time; `None` for
    /// features.
    pub window_empty: Option<f64>,
    /// Its fields.
    pub fields: Vec<FieldSummary>,
}

/// One field.
#[derive(Debug, Clone, Serialize)]
pub struct FieldSummary {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: &'static str,
    /// Distinct values of texts and categories, at most a million.
    pub distinct: Option<usize>,
    /// The share of rows without a value.
    pub missing: f64,
}

/// A user as a model is told of it.
#[derive(Debug, Clone, Serialize)]
pub struct ShownUser {
    /// The user's id.
    pub id: String,
    /// The newest events of each source, oldest first: time and text.
    pub lines: Vec<String>,
}

/// What is counted of a source while shards go by.
#[derive(Default)]
struct Count {
    rows_of_users: Vec<usize>,
    empty: u64,
    fields: Vec<(HashSet<u64>, u64)>,
}

/// Reads the files of `data` into a user store at `store`, checks its tasks, and looks at
/// everything in it and at `shown` of its users.
///
/// # Errors
/// Anything wrong with the files, by name, row and column.
pub fn check_data(
    data: &Path,
    store: &Path,
    shown: usize,
    watch: &mut dyn FnMut(Progress),
) -> Result<DataReport> {
    let ingested = ingest(data, store, watch)?;
    check_tasks(&ingested, data, PrivacySettings::default().min_users, watch)?;
    report(&ingested.store, shown, watch)
}

fn report(store: &UserStore, shown: usize, watch: &mut dyn FnMut(Progress)) -> Result<DataReport> {
    let schema = store.schema();
    let reference = end_of_data(store).unwrap_or(Timestamp(0));
    watch(Progress::Stage {
        name: "looking at users",
    });
    let mut counts: Vec<Count> = schema.sources.iter().map(|_| Count::default()).collect();
    let mut users = Vec::new();
    for number in 0..store.shards() {
        let shard = store.shard(number)?;
        for (source, (count, table)) in counts.iter_mut().zip(&shard.sources).enumerate() {
            count.fields(table);
            let window = i64::from(schema.sources[source].window_days);
            for history in shard.histories() {
                let events = history.events(source);
                let seen = events.between(reference.plus_days(-window), reference);
                count.empty += u64::from(seen.is_empty());
                if !events.is_empty() {
                    count.rows_of_users.push(events.len());
                }
            }
        }
        if number == 0 {
            let step = (shard.len() / shown.saturating_add(1)).max(1);
            let chosen = (1..=shown)
                .map(|nth| nth * step)
                .filter(|at| *at < shard.len());
            users.extend(chosen.map(|at| show(schema, &shard.history(at))));
        }
        watch(Progress::Done {
            done: number as u64 + 1,
            total: store.shards() as u64,
        });
    }
    let sources = schema.sources.iter().zip(counts);
    let sources = sources.filter(|(source, _)| source.has_file());
    Ok(DataReport {
        users: store.users(),
        reference: reference.to_string(),
        sources: sources
            .map(|(source, count)| count.summary(source, store))
            .collect(),
        shown: users,
    })
}

impl Count {
    fn fields(&mut self, table: &SourceTable) {
        self.fields
            .resize_with(table.columns.len(), Default::default);
        for ((distinct, missing), column) in self.fields.iter_mut().zip(&table.columns) {
            match column {
                ColumnData::Text { codes, dictionary } => {
                    *missing += codes.iter().filter(|code| **code == NULL_CODE).count() as u64;
                    for text in dictionary
                        .iter()
                        .take(DISTINCT.saturating_sub(distinct.len()))
                    {
                        let mut hasher = DefaultHasher::new();
                        text.hash(&mut hasher);
                        distinct.insert(hasher.finish());
                    }
                }
                ColumnData::Number(values) => {
                    *missing += values.iter().filter(|value| value.is_nan()).count() as u64;
                }
                ColumnData::Vector { .. } => {}
            }
        }
    }

    fn summary(mut self, source: &instructue_schema::Source, store: &UserStore) -> SourceSummary {
        let reports = &store.report().sources;
        let report = reports.iter().find(|report| report.name == source.name);
        let report = report.cloned().unwrap_or_default();
        let events = source.kind == SourceKind::Events;
        self.rows_of_users.sort_unstable();
        let at = |share: f64| {
            let last = self.rows_of_users.len().saturating_sub(1);
            let at = (share * last as f64).round() as usize;
            self.rows_of_users.get(at).copied().unwrap_or(0)
        };
        let fields = source.fields().into_iter().zip(&self.fields);
        let fields = fields.map(|(field, (distinct, missing))| FieldSummary {
            distinct: matches!(field.role, ColumnRole::Text | ColumnRole::Category)
                .then_some(distinct.len()),
            missing: *missing as f64 / report.kept.max(1) as f64,
            role: field.role.as_str(),
            name: field.name,
        });
        let fields = fields.collect();
        SourceSummary {
            kind: if events { "events" } else { "tabular" },
            rows: report.rows,
            kept: report.kept,
            skipped: report
                .skipped
                .into_iter()
                .filter(|(_, rows)| *rows > 0)
                .collect(),
            users: self.rows_of_users.len() as u64,
            times: report
                .times
                .map(|(first, last)| [first.to_string(), last.to_string()]),
            per_user: [at(0.5), at(0.9), at(1.0)],
            window_empty: events.then(|| self.empty as f64 / store.users().max(1) as f64),
            fields,
            name: source.name.clone(),
        }
    }
}

fn show(schema: &Schema, history: &History<'_>) -> ShownUser {
    let mut lines = Vec::new();
    for (at, source) in schema.sources.iter().enumerate() {
        if source.kind != SourceKind::Events {
            continue;
        }
        let events = history.events(at).newest(SHOWN);
        for event in 0..events.len() {
            let text: DataText = render_event(source, &events, event);
            let time = events.time(event);
            lines.push(format!("{}: {time} {}", source.name, text.as_str()));
        }
    }
    ShownUser {
        id: history.user().as_str().into(),
        lines,
    }
}
