//! Users and their events in memory: what a user store's shard holds, and views of one user.
//!
//! The data are columnar. A [`Shard`] holds one [`SourceTable`] per declared source, a
//! [`History`] is one user of the shard, and [`Events`] are a slice of that user's events of one
//! source, oldest first. Views borrow, so selecting the events before a reference time costs a
//! binary search and no copy.

use std::ops::Range;
use std::sync::Arc;

use crate::ids::{Timestamp, UserId};

/// The code of a missing text value.
pub const NULL_CODE: u32 = u32::MAX;

/// One column of one source over all users of a shard.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// Text and category columns: `codes[row]` indexes `dictionary`, or is [`NULL_CODE`].
    Text {
        /// One code per row.
        codes: Vec<u32>,
        /// The distinct values of this shard.
        dictionary: Arc<Vec<Arc<str>>>,
    },
    /// Number columns; NaN stands for a missing value.
    Number(Vec<f64>),
    /// A vector column. Every row has a vector of finite numbers.
    Vector {
        /// The numbers of each row.
        width: usize,
        /// `[rows, width]`, flat.
        values: Vec<f32>,
    },
}

impl ColumnData {
    /// The values of `rows`, in that order.
    fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Text { codes, dictionary } => Self::Text {
                codes: rows.iter().map(|&row| codes[row]).collect(),
                dictionary: dictionary.clone(),
            },
            Self::Number(values) => Self::Number(rows.iter().map(|&row| values[row]).collect()),
            Self::Vector { width, values } => {
                let vectors = rows
                    .iter()
                    .map(|&row| &values[row * width..(row + 1) * width]);
                Self::Vector {
                    width: *width,
                    values: vectors.flatten().copied().collect(),
                }
            }
        }
    }
}

/// All rows of one source in a shard, grouped by user and sorted by time within a user.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceTable {
    /// `offsets[u]..offsets[u + 1]` are the rows of user `u`.
    pub offsets: Vec<usize>,
    /// One time per row. For a tabular source: the time the row was valid from.
    pub times: Vec<Timestamp>,
    /// The declared fields (text, category, number and vector roles) in schema order.
    pub columns: Vec<ColumnData>,
}

/// A group of users that fits in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Shard {
    /// The users, sorted by id.
    pub users: Vec<UserId>,
    /// One table per declared source, in schema order.
    pub sources: Vec<SourceTable>,
}

impl Shard {
    /// Number of users.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether the shard holds no user.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The history of the user at `index`.
    ///
    /// # Panics
    /// If `index >= self.len()`.
    pub fn history(&self, index: usize) -> History<'_> {
        assert!(index < self.len(), "user {index} of {}", self.len());
        History { shard: self, index }
    }

    /// A copy of the shard with the user at `index` alone. `replaced` is called with the source
    /// of each of the user's rows. It may return another row of that source, whose columns then
    /// replace the row's own; the time stays.
    ///
    /// # Panics
    /// If `index >= self.len()`, or a returned row is not in the shard.
    pub fn with_rows_of_others(
        &self,
        index: usize,
        mut replaced: impl FnMut(usize) -> Option<usize>,
    ) -> Self {
        assert!(index < self.len(), "user {index} of {}", self.len());
        let tables = self.sources.iter().enumerate().map(|(source, table)| {
            let own = table.offsets[index]..table.offsets[index + 1];
            let rows = own.clone().map(|row| replaced(source).unwrap_or(row));
            let rows: Vec<usize> = rows.collect();
            let columns = table.columns.iter().map(|column| column.select(&rows));
            SourceTable {
                offsets: vec![0, rows.len()],
                times: table.times[own].to_vec(),
                columns: columns.collect(),
            }
        });
        Self {
            users: vec![self.users[index].clone()],
            sources: tables.collect(),
        }
    }

    /// The position of `user`, if it is in this shard.
    pub fn find(&self, user: &UserId) -> Option<usize> {
        self.users.binary_search(user).ok()
    }

    /// All histories in order.
    pub fn histories(&self) -> impl Iterator<Item = History<'_>> {
        (0..self.len()).map(|index| History { shard: self, index })
    }
}

/// One user of a shard.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    shard: &'a Shard,
    index: usize,
}

impl<'a> History<'a> {
    /// The user's id.
    pub fn user(&self) -> &'a UserId {
        &self.shard.users[self.index]
    }

    /// All rows of the source at `source` (schema order), oldest first.
    ///
    /// # Panics
    /// If the schema has no such source.
    pub fn events(&self, source: usize) -> Events<'a> {
        let table = &self.shard.sources[source];
        Events {
            table,
            rows: table.offsets[self.index]..table.offsets[self.index + 1],
        }
    }
}

/// Events of one user from one source, oldest first.
#[derive(Debug, Clone)]
pub struct Events<'a> {
    table: &'a SourceTable,
    rows: Range<usize>,
}

impl<'a> Events<'a> {
    /// The number of events.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// When event `i` happened.
    pub fn time(&self, i: usize) -> Timestamp {
        self.table.times[self.rows.start + i]
    }

    /// The times of all events, ascending.
    pub fn times(&self) -> &'a [Timestamp] {
        &self.table.times[self.rows.clone()]
    }

    /// The text value of field `field` of event `i`; `None` when missing or not a text field.
    pub fn text(&self, i: usize, field: usize) -> Option<&'a Arc<str>> {
        match &self.table.columns[field] {
            ColumnData::Text { codes, dictionary } => {
                let code = codes[self.rows.start + i];
                (code != NULL_CODE).then(|| &dictionary[code as usize])
            }
            ColumnData::Number(_) | ColumnData::Vector { .. } => None,
        }
    }

    /// The shard-wide code of a text field of event `i`; `None` when missing or not a text field.
    pub fn code(&self, i: usize, field: usize) -> Option<u32> {
        match &self.table.columns[field] {
            ColumnData::Text { codes, .. } => {
                Some(codes[self.rows.start + i]).filter(|&code| code != NULL_CODE)
            }
            ColumnData::Number(_) | ColumnData::Vector { .. } => None,
        }
    }

    /// The distinct values that the codes of a text field stand for; `None` when the field is no
    /// text field.
    ///
    /// All histories of a shard share the dictionary, so equal pointers mean equal codes.
    pub fn dictionary(&self, field: usize) -> Option<&'a Arc<Vec<Arc<str>>>> {
        match &self.table.columns[field] {
            ColumnData::Text { dictionary, .. } => Some(dictionary),
            ColumnData::Number(_) | ColumnData::Vector { .. } => None,
        }
    }

    /// The number in field `field` of event `i`; `None` when missing or not a number field.
    pub fn number(&self, i: usize, field: usize) -> Option<f64> {
        match &self.table.columns[field] {
            ColumnData::Number(values) => {
                Some(values[self.rows.start + i]).filter(|value| !value.is_nan())
            }
            ColumnData::Text { .. } | ColumnData::Vector { .. } => None,
        }
    }

    /// The vector in field `field` of event `i`; `None` when it is no vector field.
    pub fn vector(&self, i: usize, field: usize) -> Option<&'a [f32]> {
        match &self.table.columns[field] {
            ColumnData::Vector { width, values } => {
                let row = self.rows.start + i;
                Some(&values[row * width..(row + 1) * width])
            }
            ColumnData::Text { .. } | ColumnData::Number(_) => None,
        }
    }

    /// The events strictly before `time`.
    pub fn before(&self, time: Timestamp) -> Self {
        let end = self.times().partition_point(|t| *t < time);
        self.slice(0..end)
    }

    /// The events with `from <= time < to`.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> Self {
        let start = self.times().partition_point(|t| *t < from);
        let end = self.times().partition_point(|t| *t < to);
        self.slice(start..end.max(start))
    }

    /// The newest `n` events.
    pub fn newest(&self, n: usize) -> Self {
        self.slice(self.len().saturating_sub(n)..self.len())
    }

    fn slice(&self, within: Range<usize>) -> Self {
        let start = self.rows.start;
        Self {
            table: self.table,
            rows: start + within.start..start + within.end,
        }
    }
}
