//! When the rows of a table happened.

use instructue_schema::{Column, ColumnRole, ColumnType, TimeUnit};

use super::content::plain;
use crate::look::{self, Looked};
use crate::words;

const DAY: f64 = 86_400.0;

/// The column of a table with the time of its rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Time {
    pub column: String,
    pub unit: Option<TimeUnit>,
}

/// The time of a table's rows: its likeliest column.
pub fn time(table: &Looked) -> Option<Time> {
    let candidates = table.columns.iter().filter_map(|column| {
        let unit = match column.ty? {
            ColumnType::Timestamp => None,
            ColumnType::Text if column.is_time_text() => None,
            ColumnType::Int | ColumnType::Float if words::is_time(&column.name) => {
                Some(epoch(column.range?)?)
            }
            _ => return None,
        };
        let likeness = words::time_likeness(&column.name);
        let time = Time {
            column: column.name.clone(),
            unit,
        };
        Some(((likeness, column.distinct()), time))
    });
    let best = candidates.max_by_key(|(order, _)| *order);
    best.map(|(_, time)| time)
}

/// The unit in which numbers are times between 1990 and 2060.
fn epoch((least, greatest): (f64, f64)) -> Option<TimeUnit> {
    TimeUnit::ALL.into_iter().find(|unit| {
        let each = unit.per_second() as f64;
        least >= 631_152_000.0 * each && greatest <= 2_840_140_800.0 * each
    })
}

/// Days between first and last time.
pub fn days(column: &look::Column, unit: Option<TimeUnit>) -> f64 {
    let each = unit.map_or(1.0, |unit| unit.per_second() as f64);
    // Times that are texts are not ranged; their distinct values are days or more.
    let (first, last) = column.range.unwrap_or((0.0, 180.0 * DAY * each));
    (last - first) / each / DAY
}

/// How far back profiles look: two thirds of the data, at most half a year.
pub fn window(days: f64) -> u32 {
    match days * 2.0 / 3.0 {
        days if days >= 180.0 => 180,
        days if days >= 60.0 => (days / 30.0) as u32 * 30,
        days => (days as u32).max(7),
    }
}

pub fn time_column(time: &Time) -> Column {
    Column {
        unit: time.unit,
        ..plain(&time.column, ColumnType::Timestamp, ColumnRole::Time)
    }
}
