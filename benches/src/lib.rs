//! Fixtures of the benches: users in memory and token ids, which are the same in every run.
//!
//! ```
//! use instructue::schema::Schema;
//!
//! let schema = Schema::default_six();
//! let shard = instructue_benches::shard(&schema, 2, 10);
//! assert_eq!(shard.len(), 2);
//! assert_eq!(shard.history(0).events(0).len(), 10);
//! ```

use std::sync::Arc;

use instructue::schema::seed;
use instructue::schema::{ColumnData, Shard, SourceTable};
use instructue::schema::{ColumnRole, Schema, Source, SourceKind, Timestamp, UserId};
use instructue::{Device, DeviceName};

/// The seed of every fixture.
const SEED: u64 = 1;

/// The number of distinct values of a text column. As in real logs, most texts repeat.
const VALUES: u64 = 400;

/// The seconds between two events of a user in a source.
const GAP: i64 = 3_600;

/// The words of the generated values.
const WORDS: [&str; 16] = [
    "bakery",
    "market",
    "north",
    "station",
    "monthly",
    "ticket",
    "garden",
    "coffee",
    "repair",
    "insurance",
    "transfer",
    "mobile",
    "fresh",
    "city",
    "school",
    "travel",
];

/// The device that `INSTRUCTUE_DEVICE` names, or the CPU.
///
/// # Panics
/// If the variable names no device, or the build lacks it.
pub fn device() -> Device {
    let device = DeviceName::from_env().and_then(DeviceName::open);
    device.unwrap_or_else(|error| panic!("{error}"))
}

/// The number of passes that a default run computes at the same time on that device.
///
/// # Panics
/// As [`device`].
pub fn workers() -> usize {
    let device = DeviceName::from_env().unwrap_or_else(|error| panic!("{error}"));
    device.replicas(0)
}

/// A time after every event of [`shard`].
///
/// # Shapes
/// `events` is the argument of [`shard`].
pub fn reference(events: usize) -> Timestamp {
    Timestamp(GAP * (events as i64 + 1))
}

/// `users` users with `events` events in each events source.
pub fn shard(schema: &Schema, users: usize, events: usize) -> Shard {
    let sources = schema.sources.iter().enumerate();
    Shard {
        users: (0..users).map(user).collect(),
        sources: sources
            .map(|(index, source)| table(index as u64, source, users, events))
            .collect(),
    }
}

/// Rows of token ids below `vocabulary`, each `length` long. Ids below 10 are reserved and do not
/// occur.
pub fn token_ids(rows: usize, length: usize, vocabulary: u64) -> Vec<Vec<u32>> {
    let id = |row: usize, at: usize| {
        let number = seed::derive(SEED, "token", &[row as u64, at as u64]);
        (10 + number % (vocabulary - 10)) as u32
    };
    (0..rows)
        .map(|row| (0..length).map(|at| id(row, at)).collect())
        .collect()
}

/// A user's id. All ids have the same width, so they are sorted.
fn user(index: usize) -> UserId {
    UserId::new(format!("user{index:09}")).expect("the id is not empty")
}

fn table(index: u64, source: &Source, users: usize, events: usize) -> SourceTable {
    let fields = source.fields();
    let rows = match source.kind {
        SourceKind::Events => events,
        // A tabular source of aggregates has no rows of its own.
        SourceKind::Tabular => usize::from(!fields.is_empty()),
    };
    let total = users * rows;
    let draw =
        |field: usize, row: usize| seed::derive(SEED, "value", &[index, field as u64, row as u64]);
    let columns = fields
        .iter()
        .enumerate()
        .map(|(field, declared)| match declared.role {
            ColumnRole::Number => {
                let amounts = (0..total).map(|row| (draw(field, row) % 10_000) as f64 / 100.0);
                ColumnData::Number(amounts.collect())
            }
            _ => ColumnData::Text {
                codes: (0..total)
                    .map(|row| (draw(field, row) % VALUES) as u32)
                    .collect(),
                dictionary: Arc::new(
                    (0..VALUES)
                        .map(|value| words(index, field as u64, value))
                        .collect(),
                ),
            },
        });
    SourceTable {
        offsets: (0..=users).map(|user| user * rows).collect(),
        times: (0..total)
            .map(|row| Timestamp(GAP * (row % rows) as i64))
            .collect(),
        columns: columns.collect(),
    }
}

/// Two to five words and a number, so that all values of a column differ.
fn words(source: u64, field: u64, value: u64) -> Arc<str> {
    let draw = |part: u64| seed::derive(SEED, "word", &[source, field, value, part]);
    let mut text = String::new();
    for part in 0..2 + draw(0) % 4 {
        text.push_str(WORDS[(draw(part + 1) % WORDS.len() as u64) as usize]);
        text.push(' ');
    }
    text.push_str(&value.to_string());
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_sorted_and_events_are_ordered() {
        let schema = Schema::default_six();
        let shard = shard(&schema, 12, 5);
        assert!(shard.users.is_sorted());
        for history in shard.histories() {
            let events = history.events(0);
            assert_eq!(events.len(), 5);
            assert!(events.times().is_sorted());
            assert_eq!(events.before(reference(5)).len(), 5);
        }
    }

    #[test]
    fn the_same_fixture_comes_back() {
        let schema = Schema::default_six();
        assert_eq!(shard(&schema, 3, 4), shard(&schema, 3, 4));
        let ids = token_ids(2, 8, 100);
        assert_eq!(ids, token_ids(2, 8, 100));
        assert!(ids.iter().flatten().all(|id| (10..100).contains(id)));
    }
}
