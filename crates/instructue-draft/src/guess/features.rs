//! Features of users: tables with a row for each, and counts of their events.

use instructue_schema::{Aggregate, ColumnRole, Source, SourceKind};

use super::content::{content, plain};
use super::note::Note;
use super::source::{free_name, source, source_of};
use super::times::{time, time_column};
use crate::look::Looked;

/// Groups of an aggregate.
const GROUPS: usize = 30;

/// Features of users, if there are some.
pub fn tabular(table: &Looked, user: &str, notes: &mut Vec<Note>) -> Option<Source> {
    let time = time(table);
    let mut columns = Vec::new();
    let mut content_columns = 0;
    for column in &table.columns {
        let found = match column.name.as_str() {
            name if name == user => Some(plain(name, column.ty?, ColumnRole::User)),
            name if time.as_ref().is_some_and(|time| time.column == name) => {
                time.as_ref().map(time_column)
            }
            _ => {
                let found = content(column, table, SourceKind::Tabular, notes);
                content_columns += usize::from(found.is_some());
                found
            }
        };
        columns.extend(found);
    }
    let place = table.table.file.clone();
    if content_columns == 0 {
        let text = "left out: nothing beside ids and times".into();
        notes.push(Note {
            place,
            text,
            doubt: false,
        });
        return None;
    }
    let text = "taken for features of users, one row each; take it out if a task asks for one of \
                its columns"
        .into();
    notes.push(Note {
        place,
        text,
        doubt: true,
    });
    Some(source_of(table, SourceKind::Tabular, columns))
}

/// Counts and sums of each log, with those of its finest rendered category, in the first source of
/// features or one of its own.
pub fn aggregates(sources: &mut Vec<Source>) {
    let logs = sources
        .iter()
        .filter(|source| source.kind == SourceKind::Events);
    let found: Vec<Aggregate> = logs
        .map(|source| {
            let fields = source.fields();
            let mut shown = fields
                .iter()
                .filter(|f| f.role == ColumnRole::Category && f.rendered);
            Aggregate {
                source: source.name.clone(),
                windows_days: vec![7, 30, 90],
                // The last is the finest where a joined table has several.
                group_by: shown
                    .next_back()
                    .map(|field| field.name.clone())
                    .into_iter()
                    .collect(),
                top_groups: GROUPS,
            }
        })
        .collect();
    if found.is_empty() {
        return;
    }
    let features = sources
        .iter_mut()
        .find(|source| source.kind == SourceKind::Tabular);
    if let Some(features) = features {
        features.aggregates = found;
        return;
    }
    let name = free_name("counts", sources);
    let file = format!("{name}.parquet");
    sources.push(Source {
        aggregates: found,
        ..source(name, "counts and sums".into(), file, SourceKind::Tabular)
    });
}
