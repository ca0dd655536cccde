//! Hand-made shards for the tests of this crate.

use std::collections::BTreeSet;
use std::sync::Arc;

use instructue_schema::{ColumnRole, SECONDS_PER_DAY, Schema, Timestamp, UserId};

use instructue_schema::{ColumnData, NULL_CODE, Shard, SourceTable};

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    Number(f64),
    Null,
}

pub(crate) fn text(value: &str) -> Cell {
    Cell::Text(value.into())
}

pub(crate) use Cell::{Null, Number};

/// A row of a source: user, source, time, and a cell per field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) user: &'static str,
    pub(crate) source: usize,
    pub(crate) time: Timestamp,
    pub(crate) cells: Vec<Cell>,
}

pub(crate) fn row(user: &'static str, source: usize, time: Timestamp, cells: &[Cell]) -> Row {
    Row {
        user,
        source,
        time,
        cells: cells.to_vec(),
    }
}

/// The given day's midnight plus a fraction of a day.
pub(crate) fn day(days: f64) -> Timestamp {
    Timestamp((days * SECONDS_PER_DAY as f64) as i64)
}

/// Three sources: purchases (product, shop, amount), searches (query), and a tabular source with
/// age, region and aggregates over the purchases.
pub(crate) fn schema() -> Schema {
    Schema::from_toml(
        r#"
        name = "test"

        [[source]]
        name = "bill"
        kind = "events"
        description = "purchases"
        slots = 5
        window_days = 90
        column = [
            { name = "user", type = "text", role = "user" },
            { name = "time", type = "timestamp", role = "time" },
            { name = "product", type = "text", role = "category" },
            { name = "amount", type = "float", role = "number", render = true },
            { name = "shop", type = "text", role = "text" },
            { name = "items", type = "int", role = "number" },
        ]

        [[source]]
        name = "search"
        kind = "events"
        description = "searches"
        slots = 3
        window_days = 30
        column = [
            { name = "user", type = "text", role = "user" },
            { name = "time", type = "timestamp", role = "time" },
            { name = "query", type = "text", role = "text" },
        ]

        [[source]]
        name = "person"
        kind = "tabular"
        description = "facts and counts"
        column = [
            { name = "user", type = "text", role = "user" },
            { name = "since", type = "timestamp", role = "time" },
            { name = "age", type = "int", role = "number" },
            { name = "region", type = "text", role = "category" },
        ]
        aggregate = [
            { source = "bill", windows_days = [30, 7, 90], group_by = ["product"], top_groups = 2 },
        ]
        "#,
    )
    .expect("a valid schema")
}

/// The shard with these rows. `dictionary_salt` changes codes but no value.
pub(crate) fn shard(schema: &Schema, rows: &[Row], dictionary_salt: usize) -> Shard {
    let users: BTreeSet<&str> = rows.iter().map(|row| row.user).collect();
    let sources = schema.sources.iter().enumerate().map(|(index, source)| {
        let mut rows: Vec<&Row> = rows.iter().filter(|row| row.source == index).collect();
        rows.sort_by_key(|row| (row.user, row.time));
        let mut offsets = vec![0];
        for user in &users {
            offsets.push(rows.partition_point(|row| row.user <= *user));
        }
        let columns = source
            .fields()
            .into_iter()
            .enumerate()
            .map(|(field, declared)| {
                let cells = || rows.iter().map(|row| &row.cells[field]);
                if declared.role == ColumnRole::Number {
                    let numbers = cells().map(|cell| match cell {
                        Number(value) => *value,
                        Null => f64::NAN,
                        Cell::Text(_) => panic!("text in a number field"),
                    });
                    return ColumnData::Number(numbers.collect());
                }
                let texts = || {
                    cells().map(|cell| match cell {
                        Cell::Text(value) => Some(value.as_str()),
                        Null => None,
                        Number(_) => panic!("a number in a text field"),
                    })
                };
                let mut values: Vec<&str> = texts()
                    .flatten()
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect();
                if !values.is_empty() {
                    let turn = dictionary_salt % values.len();
                    values.rotate_left(turn);
                }
                let code =
                    |text: &str| values.iter().position(|value| *value == text).unwrap() as u32;
                ColumnData::Text {
                    codes: texts().map(|text| text.map_or(NULL_CODE, code)).collect(),
                    dictionary: Arc::new(values.iter().map(|value| Arc::from(*value)).collect()),
                }
            });
        SourceTable {
            times: rows.iter().map(|row| row.time).collect(),
            columns: columns.collect(),
            offsets,
        }
    });
    let sources = sources.collect();
    let users = users
        .into_iter()
        .map(|user| UserId::new(user).unwrap())
        .collect();
    Shard { users, sources }
}
