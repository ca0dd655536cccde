//! What tables are: logs of events, features of users, tables to join, labels.

mod content;
mod features;
mod logs;
mod note;
mod render;
mod source;
mod times;

use std::collections::BTreeMap;

use instructue_schema::{ColumnType, Source, shown};

use crate::look::{self, Looked};
use crate::words;
use features::{aggregates, tabular};
use logs::events;
pub use note::Note;
use source::free_name;
use times::time;

/// What was guessed.
#[derive(Debug, Default)]
pub(crate) struct Guess {
    pub sources: Vec<Source>,
    /// Tables of truths: table, user column.
    pub labels: Vec<(usize, String)>,
    pub notes: Vec<Note>,
}

pub(crate) fn guess(tables: &[Looked]) -> Guess {
    let mut guess = Guess::default();
    let users = user_columns(tables, &mut guess.notes);
    let lookups: Vec<usize> = (0..tables.len())
        .filter(|at| users[*at].is_none())
        .collect();
    for table in tables.iter().filter(|table| !table.unnamed.is_empty()) {
        let names: Vec<String> = table.unnamed.iter().map(|name| shown(name)).collect();
        guess.notes.push(Note {
            place: table.table.file.clone(),
            text: format!(
                "columns left out, whose names cannot be written: {}",
                names.join(", ")
            ),
            doubt: true,
        });
    }
    let mut joined = vec![false; tables.len()];
    let mut features = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let Some(user) = &users[at] else { continue };
        let place = table.table.file.clone();
        let once = table.column(user).is_some_and(look::Column::is_unique);
        if once {
            match is_labels(table, user) {
                true => guess.labels.push((at, user.clone())),
                false => features.push(at),
            }
            continue;
        }
        match events(table, user, tables, &lookups, &mut joined, &mut guess.notes) {
            Some(source) => push(&mut guess.sources, source),
            None => guess.notes.push(Note {
                place,
                text: "left out: many rows for a user, and no time".into(),
                doubt: true,
            }),
        }
    }
    for at in features {
        let user = users[at].as_deref().unwrap_or_default();
        if let Some(source) = tabular(&tables[at], user, &mut guess.notes) {
            push(&mut guess.sources, source);
        }
    }
    for at in lookups.into_iter().filter(|at| !joined[*at]) {
        guess.notes.push(Note {
            place: tables[at].table.file.clone(),
            text: "left out: no column of users, and no column that names each of its rows once \
                   and that a log has, too"
                .into(),
            doubt: false,
        });
    }
    aggregates(&mut guess.sources);
    // A table that several logs join was remarked on by each.
    let mut once: Vec<Note> = Vec::new();
    for note in guess.notes {
        let taken = guess.sources.iter().any(|source| {
            let time = source.time_column().map(|time| &time.name);
            let lookups = source.lookups.iter().map(|lookup| &lookup.file);
            let place =
                |file: &String| time.is_some_and(|name| note.place == format!("{file}: {name}"));
            lookups.chain([&source.file]).any(place)
        });
        if !taken && !once.contains(&note) {
            once.push(note);
        }
    }
    guess.notes = once;
    guess
}

/// Names come from files; two files may be called alike.
fn push(sources: &mut Vec<Source>, mut source: Source) {
    source.name = free_name(&source.name, sources);
    sources.push(source);
}

/// The column of users' ids of each table that has one.
fn user_columns(tables: &[Looked], notes: &mut Vec<Note>) -> Vec<Option<String>> {
    let id = |column: &&look::Column| {
        matches!(column.ty, Some(ColumnType::Int | ColumnType::Text)) && column.distinct() > 1
    };
    let mut spread: BTreeMap<&str, usize> = BTreeMap::new();
    for column in tables.iter().flat_map(|table| &table.columns) {
        *spread.entry(&column.name).or_default() += 1;
    }
    let named: Vec<Option<String>> = tables
        .iter()
        .map(|table| {
            let columns = table.columns.iter().filter(id);
            let columns = columns.filter(|column| words::is_user(&column.name));
            let best = columns.max_by_key(|column| spread[column.name.as_str()]);
            best.map(|column| column.name.clone())
        })
        .collect();
    if named.iter().any(Option::is_some) {
        return named;
    }
    // No name says it: an id that comes again and again beside a time.
    let candidates = tables.iter().filter(|table| time(table).is_some());
    let candidates = candidates.flat_map(|table| &table.columns).filter(id);
    let candidates = candidates.filter(|c| words::is_id(&c.name) && c.repeats() >= 1.5);
    let best = candidates.max_by_key(|column| (spread[column.name.as_str()], column.distinct()));
    let Some(best) = best.map(|column| column.name.clone()) else {
        return named;
    };
    notes.push(Note {
        place: best.clone(),
        text: "taken for the ids of users: it comes again and again beside times".into(),
        doubt: true,
    });
    let has = |table: &Looked| table.column(&best).map(|_| best.clone());
    tables.iter().map(has).collect()
}

/// Whether a table with a row per user holds truths rather than features.
fn is_labels(table: &Looked, user: &str) -> bool {
    let named = words::is_label(&table.table.stem);
    let mut others = table
        .columns
        .iter()
        .filter(|column| column.name != user)
        .peekable();
    let any = others.peek().is_some();
    named || (any && others.all(|column| words::is_label(&column.name)))
}
