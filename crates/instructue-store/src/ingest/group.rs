//! The second pass of an ingest: it groups the rows of one shard by user and sorts them by time.
//!
//! Events of one user at the same second are ordered by their fields, in the order of the schema:
//! a missing value first, texts by their bytes, numbers by [`f64::total_cmp`], vectors number by
//! number. Events that are
//! equal in all fields are interchangeable, so a shard does not depend on the order of rows or on
//! their files.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use instructue_schema::{Source, SourceKind, Timestamp, UserId, excerpt};

use super::bad_row::{BadValue, RowErrors};
use super::lookup::{FieldBuilder, LookupTable, NO_MATCH, is_field};
use super::spill::{Cursor, take};
use super::times::Near;
use crate::error::{Error, Result, RowProblem};
use instructue_schema::{ColumnData, NULL_CODE, Shard, SourceTable};

/// The inputs of the second pass for one source.
pub(crate) struct GroupSource<'a> {
    pub(crate) source: &'a Source,
    pub(crate) files: &'a [PathBuf],
    pub(crate) lookups: &'a [LookupTable],
    pub(crate) errors: RowErrors,
    /// The days that count. Rows on other days are left out; `None` keeps all rows.
    pub(crate) near: Option<&'a Near>,
}

/// The numbers of rows that the second pass leaves out, by reason.
pub(crate) type LeftOut = [(RowProblem, u64); 2];

/// The rows of one source in the order in which they were read.
#[derive(Default)]
struct Rows {
    users: Vec<u32>,
    times: Vec<i64>,
    origins: Vec<(u32, u64)>,
    /// For each lookup, the lookup's row.
    matched: Vec<Vec<u32>>,
    own: Vec<ColumnData>,
    /// The number of rows that were left out because their time is far from all others.
    far: u64,
}

/// Builds a shard from its spilled rows. Also returns the numbers of rows left out per source.
pub(crate) fn group(
    directory: &Path,
    shard: usize,
    sources: &[GroupSource<'_>],
) -> Result<(Shard, Vec<LeftOut>)> {
    let spilled = (0..sources.len()).map(|source| take(directory, source, shard));
    let spilled = spilled.collect::<Result<Vec<_>>>()?;
    let mut users = HashMap::new();
    let mut tables = Vec::with_capacity(sources.len());
    for (source, bytes) in sources.iter().zip(&spilled) {
        let rows = parse(source, bytes, &mut users).ok_or_else(|| Error::Corrupt {
            file: directory.into(),
            row: 0,
            message: "the temporary rows were changed while reading".into(),
        })?;
        tables.push(rows);
    }
    // Users were numbered in the order of their rows. In the shard they are sorted by id.
    let mut sorted: Vec<(&str, u32)> = users.into_iter().collect();
    sorted.sort_unstable();
    let mut ranks = vec![0; sorted.len()];
    for (rank, (_, user)) in sorted.iter().enumerate() {
        ranks[*user as usize] = rank as u32;
    }
    let users: Vec<UserId> = sorted
        .iter()
        .filter_map(|(id, _)| UserId::new(*id))
        .collect();
    let mut left_out = Vec::with_capacity(sources.len());
    let mut built = Vec::with_capacity(sources.len());
    for (source, rows) in sources.iter().zip(tables) {
        let mut order = sort(source, &rows, &ranks);
        let duplicates = drop_duplicates(source, &rows, &users, &mut order)?;
        left_out.push([
            (RowProblem::DuplicateUser, duplicates),
            (RowProblem::FarTime, rows.far),
        ]);
        built.push(table(source, rows, &order, users.len()));
    }
    Ok((
        Shard {
            users,
            sources: built,
        },
        left_out,
    ))
}

/// Sorted triples of the user's rank, the time and the row.
type Order = Vec<(u32, i64, usize)>;

fn sort(source: &GroupSource<'_>, rows: &Rows, ranks: &[u32]) -> Order {
    let keys = rows.users.iter().zip(&rows.times).enumerate();
    let mut order: Order = keys
        .map(|(row, (user, time))| (ranks[*user as usize], *time, row))
        .collect();
    order.sort_unstable();
    // Of tabular rows at the same time only the first is kept.
    if source.source.kind == SourceKind::Events {
        let same = order.chunk_by_mut(|a, b| (a.0, a.1) == (b.0, b.1));
        for events in same.filter(|events| events.len() > 1) {
            events.sort_unstable_by(|a, b| compare(source, rows, a.2, b.2));
        }
    }
    order
}

/// Compares two rows by their fields.
fn compare(source: &GroupSource<'_>, rows: &Rows, a: usize, b: usize) -> Ordering {
    let own = rows.own.iter();
    let own = own.map(|column| compare_values(column, Some(a), Some(b)));
    let looked_up = source.lookups.iter().zip(&rows.matched);
    let looked_up = looked_up.flat_map(|(lookup, matched)| {
        let (a, b) = (row_of(matched[a]), row_of(matched[b]));
        let columns = lookup.columns.iter();
        columns.map(move |column| compare_values(column, a, b))
    });
    own.chain(looked_up)
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares the values of two rows. A missing value comes first.
fn compare_values(column: &ColumnData, a: Option<usize>, b: Option<usize>) -> Ordering {
    match column {
        ColumnData::Number(numbers) => {
            let number = |row: usize| Some(numbers[row]).filter(|number| !number.is_nan());
            match (a.and_then(number), b.and_then(number)) {
                (Some(a), Some(b)) => a.total_cmp(&b),
                (a, b) => a.is_some().cmp(&b.is_some()),
            }
        }
        ColumnData::Vector { width, values } => {
            let numbers = |row: Option<usize>| {
                let rows = row.map(|row| row * width..(row + 1) * width);
                values[rows.unwrap_or(0..0)].iter()
            };
            let pairs = numbers(a).zip(numbers(b));
            let mut orders = pairs.map(|(a, b)| a.total_cmp(b));
            orders
                .find(|order| order.is_ne())
                .unwrap_or_else(|| a.is_some().cmp(&b.is_some()))
        }
        ColumnData::Text { codes, dictionary } => {
            let code = |row: usize| Some(codes[row]).filter(|code| *code != NULL_CODE);
            let (a, b) = (a.and_then(code), b.and_then(code));
            if a == b {
                return Ordering::Equal;
            }
            let text = |code: u32| &dictionary[code as usize];
            a.map(text).cmp(&b.map(text))
        }
    }
}

/// The row of a lookup that a row was joined with.
fn row_of(matched: u32) -> Option<usize> {
    (matched != NO_MATCH).then_some(matched as usize)
}

fn parse<'a>(
    input: &GroupSource<'_>,
    bytes: &'a [u8],
    users: &mut HashMap<&'a str, u32>,
) -> Option<Rows> {
    let source = input.source;
    let columns = source.columns.iter().filter(|column| is_field(column));
    let mut builders: Vec<FieldBuilder> = columns.map(FieldBuilder::new).collect();
    let mut rows = Rows {
        matched: vec![Vec::new(); source.lookups.len()],
        ..Rows::default()
    };
    let mut cursor = Cursor::new(bytes);
    let mut last = ("", 0);
    while !cursor.is_empty() {
        let user = cursor.text()??;
        let time = i64::from_le_bytes(cursor.array()?);
        if input.near.is_some_and(|near| !near.holds(time)) {
            skip(source, &builders, &mut cursor)?;
            rows.far += 1;
            continue;
        }
        if user != last.0 || rows.users.is_empty() {
            let next = users.len() as u32;
            last = (user, *users.entry(user).or_insert(next));
        }
        rows.users.push(last.1);
        rows.times.push(time);
        if source.kind == SourceKind::Tabular {
            let file = u32::from_le_bytes(cursor.array()?);
            rows.origins
                .push((file, u64::from_le_bytes(cursor.array()?)));
        }
        for matched in &mut rows.matched {
            matched.push(u32::from_le_bytes(cursor.array()?));
        }
        for builder in &mut builders {
            builder.read(&mut cursor)?;
        }
    }
    rows.own = builders.into_iter().map(FieldBuilder::finish).collect();
    Some(rows)
}

/// Skips the rest of an event, after its time.
fn skip(source: &Source, fields: &[FieldBuilder], cursor: &mut Cursor<'_>) -> Option<()> {
    for _ in &source.lookups {
        cursor.array::<4>()?;
    }
    fields.iter().try_for_each(|field| field.skip(cursor))
}

/// Drops all but the first of a user's tabular rows for the same time.
fn drop_duplicates(
    source: &GroupSource<'_>,
    rows: &Rows,
    users: &[UserId],
    order: &mut Order,
) -> Result<u64> {
    if source.source.kind != SourceKind::Tabular {
        return Ok(0);
    }
    let before = order.len();
    let mut first: Option<(u32, i64, usize)> = None;
    let mut kept = Vec::with_capacity(before);
    for entry in order.iter() {
        match first {
            Some(first) if (first.0, first.1) == (entry.0, entry.1) => {
                let (file, row) = rows.origins[entry.2];
                let (first_file, first_row) = rows.origins[first.2];
                let name = |file: u32| &source.files[file as usize];
                let expected = match source.source.time_column() {
                    Some(_) => "one row per user and time",
                    None => "one row per user",
                };
                let found = format!(
                    "user `{}` again, first in row {first_row} of {}",
                    excerpt(users[entry.0 as usize].as_str()),
                    name(first_file).display()
                );
                let bad = BadValue::new(RowProblem::DuplicateUser, expected, found);
                let column = &source.source.user_column().name;
                // The caller counts the dropped rows.
                source
                    .errors
                    .handle(name(file), row, column, bad, &mut Default::default())?;
            }
            _ => {
                first = Some(*entry);
                kept.push(*entry);
            }
        }
    }
    *order = kept;
    Ok((before - order.len()) as u64)
}

fn table(source: &GroupSource<'_>, rows: Rows, order: &Order, users: usize) -> SourceTable {
    let mut offsets = vec![0; users + 1];
    for (user, ..) in order {
        offsets[*user as usize + 1] += 1;
    }
    for user in 0..users {
        offsets[user + 1] += offsets[user];
    }
    let times = order.iter().map(|(_, time, _)| Timestamp(*time)).collect();
    let own = rows
        .own
        .iter()
        .map(|column| gather(column, order.iter().map(|(.., row)| Some(*row))));
    let mut columns: Vec<ColumnData> = own.collect();
    for (lookup, matched) in source.lookups.iter().zip(&rows.matched) {
        let at = |row: usize| row_of(matched[row]);
        let joined = lookup.columns.iter();
        columns.extend(joined.map(|column| gather(column, order.iter().map(|(.., row)| at(*row)))));
    }
    SourceTable {
        offsets,
        times,
        columns,
    }
}

/// The values at `rows`; `None` stands for a missing value. The dictionary holds only values that
/// occur, in the order of their first row, so that equal rows give equal columns.
fn gather(column: &ColumnData, rows: impl Iterator<Item = Option<usize>>) -> ColumnData {
    match column {
        ColumnData::Number(numbers) => ColumnData::Number(
            rows.map(|row| row.map_or(f64::NAN, |row| numbers[row]))
                .collect(),
        ),
        // Each row has its vector: a lookup has none.
        ColumnData::Vector { width, values } => {
            let vectors = rows
                .flatten()
                .map(|row| &values[row * width..(row + 1) * width]);
            ColumnData::Vector {
                width: *width,
                values: vectors.flatten().copied().collect(),
            }
        }
        ColumnData::Text { codes, dictionary } => {
            let mut renamed = vec![NULL_CODE; dictionary.len()];
            let mut kept = Vec::new();
            let code = |row: Option<usize>| {
                let old = row.map_or(NULL_CODE, |row| codes[row]);
                if old == NULL_CODE {
                    return NULL_CODE;
                }
                let new = &mut renamed[old as usize];
                if *new == NULL_CODE {
                    *new = kept.len() as u32;
                    kept.push(dictionary[old as usize].clone());
                }
                *new
            };
            let codes = rows.map(code).collect();
            ColumnData::Text {
                codes,
                dictionary: Arc::new(kept),
            }
        }
    }
}
