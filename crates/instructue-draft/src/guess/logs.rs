//! Logs: tables with many rows for a user, and the tables that are joined to them.

use std::collections::BTreeMap;

use instructue_schema::{Column, ColumnRole, ColumnType, Lookup, Repeats, Source, SourceKind};

use super::content::{content, plain};
use super::note::Note;
use super::render::render;
use super::source::source_of;
use super::times::{Time, days, time, time_column, window};
use crate::look::Looked;

/// Events of a user in a window from which equal ones are merged.
const MANY: f64 = 60.0;

/// A source of events, if its rows have times.
pub fn events(
    table: &Looked,
    user: &str,
    tables: &[Looked],
    lookups: &[usize],
    joined: &mut [bool],
    notes: &mut Vec<Note>,
) -> Option<Source> {
    let own = time(table);
    let keys = joins(table, user, own.as_ref(), tables, lookups);
    // A joined table may say when: a mailing arrives when its campaign starts.
    let lent = match &own {
        Some(_) => None,
        None => keys
            .iter()
            .find_map(|(key, at)| Some((key.clone(), time(&tables[*at])?))),
    };
    let (timed, time) = match (&own, &lent) {
        (Some(time), _) => (table, time),
        (None, Some((key, time))) => (&tables[keys[key]], time),
        (None, None) => return None,
    };
    let days = days(timed.column(&time.column)?, time.unit);
    let mut columns = Vec::new();
    for column in &table.columns {
        columns.extend(match column.name.as_str() {
            name if name == user => Some(plain(name, column.ty?, ColumnRole::User)),
            name if own.as_ref().is_some_and(|time| time.column == name) => {
                own.as_ref().map(time_column)
            }
            name if keys.contains_key(name) => Some(plain(name, column.ty?, ColumnRole::Key)),
            _ => content(column, table, SourceKind::Events, notes),
        });
    }
    let mut found: Vec<Lookup> = Vec::new();
    for (key, &at) in &keys {
        let other = &tables[at];
        let lent = lent
            .as_ref()
            .filter(|(of, _)| of == key)
            .map(|(_, time)| time);
        let mut of_lookup = Vec::new();
        for column in &other.columns {
            let name = &column.name;
            if name == key || columns.iter().any(|known| known.name == *name) {
                continue;
            }
            of_lookup.extend(match lent.filter(|time| time.column == *name) {
                Some(time) => Some(time_column(time)),
                None => content(column, other, SourceKind::Events, notes),
            });
        }
        if !of_lookup.is_empty() {
            joined[at] = true;
            found.push(Lookup {
                file: other.table.file.clone(),
                key: key.clone(),
                columns: of_lookup,
            });
        }
    }
    // A key that nothing is joined by says nothing.
    columns.retain(|column| {
        column.role != ColumnRole::Key || found.iter().any(|lookup| lookup.key == column.name)
    });
    one_vector(&mut columns, &mut found, &table.table.file, notes);
    let window = window(days);
    let each = table.column(user)?.repeats() * (f64::from(window) / days.max(1.0)).min(1.0);
    // Equal events of users with many are one token with their number.
    let repeats = match each > MANY {
        true => Repeats::Merge,
        false => Repeats::Keep,
    };
    let mut source = Source {
        window_days: window,
        slots: ((1.5 * each).ceil() as usize).clamp(10, 160),
        repeats,
        lookups: found,
        ..source_of(table, SourceKind::Events, columns)
    };
    let length = render(&mut source, table, tables, &keys);
    source.max_tokens = ((length / 3.0).ceil() as usize + 4).clamp(8, 32);
    Some(source)
}

/// The tables whose rows a column of this one names: key and table.
fn joins(
    table: &Looked,
    user: &str,
    own: Option<&Time>,
    tables: &[Looked],
    lookups: &[usize],
) -> BTreeMap<String, usize> {
    let mut keys = BTreeMap::new();
    for column in &table.columns {
        let name = &column.name;
        let taken = name == user || own.is_some_and(|time| time.column == *name);
        if taken || !matches!(column.ty, Some(ColumnType::Int | ColumnType::Text)) {
            continue;
        }
        let fits = |at: &&usize| {
            let other = tables[**at].column(name);
            other.is_some_and(|other| other.is_unique() && column.share_in(other) >= 0.5)
        };
        if let Some(at) = lookups.iter().find(fits) {
            keys.insert(name.clone(), *at);
        }
    }
    keys
}

/// Leaves out all vectors but the first: an event has one.
fn one_vector(
    columns: &mut Vec<Column>,
    lookups: &mut [Lookup],
    file: &str,
    notes: &mut Vec<Note>,
) {
    let mut first = true;
    let mut keep = |column: &Column| {
        if column.role != ColumnRole::Vector || std::mem::take(&mut first) {
            return true;
        }
        notes.push(Note {
            place: format!("{file}: {}", column.name),
            text: "left out: another vector of the same events".into(),
            doubt: true,
        });
        false
    };
    columns.retain(&mut keep);
    lookups
        .iter_mut()
        .for_each(|lookup| lookup.columns.retain(&mut keep));
}
