//! The first pass of an ingest over one source: it checks each row and sends it to its user's
//! shard.

use std::path::{Path, PathBuf};

use instructue_schema::{Column, ColumnRole, EventOrder, Source, SourceKind, excerpt};

use super::bad_row::{BadValue, RowErrors};
use super::columns::Values;
use super::count::shard_of;
use super::files::Input;
use super::lookup::{LookupTable, NO_MATCH, is_field, no_match};
use super::spill::{Spill, put_text};
use super::times::{DayCounts, TimeBounds};
use crate::error::{Result, RowProblem};
use crate::report::SourceReport;
use instructue_schema::Progress;

/// The inputs of the first pass for one source.
pub(crate) struct SourcePass<'a> {
    pub(crate) source: &'a Source,
    /// The data directory.
    pub(crate) data: &'a Path,
    pub(crate) lookups: &'a [LookupTable],
    /// The first file of each lookup, for messages.
    pub(crate) lookup_files: &'a [Vec<PathBuf>],
    pub(crate) errors: RowErrors,
    pub(crate) bounds: TimeBounds,
    pub(crate) shards: usize,
}

/// The previous row of a file that is declared as sorted.
struct Previous {
    user: String,
    number: Option<i128>,
    time: i64,
}

impl SourcePass<'_> {
    /// Reads `files`, pushes each good row to `spill` and adds its time to `days`.
    pub(crate) fn run(
        &self,
        files: &[PathBuf],
        total_rows: u64,
        spill: &mut Spill,
        mut days: Option<&mut DayCounts>,
        report: &mut SourceReport,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<()> {
        let declared: Vec<&Column> = self.source.columns.iter().collect();
        let mut encoder = Encoder::new(self);
        for (number, path) in files.iter().enumerate() {
            let mut batches = Input::open(self.data, path, &declared)?.read()?;
            encoder.previous = None;
            while let Some((first, batch)) = batches.next()? {
                let values = batches.load(first, &batch)?;
                for row in 0..batch.num_rows() {
                    let at = first + row as u64;
                    let origin = (number as u32, at);
                    match encoder.encode(&values, row, origin) {
                        Ok((shard, time)) => {
                            spill.push(shard, &encoder.row)?;
                            if let Some(days) = &mut days {
                                days.add(time, origin);
                            }
                            report.kept += 1;
                            encoder.count_unmatched(report);
                        }
                        Err((column, bad)) => {
                            self.errors
                                .handle(path, at, column, bad, &mut report.skipped)?;
                        }
                    }
                }
                report.rows += batch.num_rows() as u64;
                progress(Progress::Done {
                    done: report.rows,
                    total: total_rows,
                });
            }
        }
        spill.flush()
    }
}

/// An encoder of rows as bytes: user, time, file and row (tabular sources only), lookup rows, own
/// fields in schema order.
struct Encoder<'a> {
    pass: &'a SourcePass<'a>,
    user: usize,
    /// The source's own time column. Without one, a lookup has the time, or the source has no
    /// times.
    time: Option<usize>,
    time_lookup: Option<usize>,
    /// The source's key column of each lookup.
    keys: Vec<usize>,
    fields: Vec<usize>,
    row: Vec<u8>,
    matched: Vec<u32>,
    previous: Option<Previous>,
    buffer: String,
    scratch: String,
}

impl<'a> Encoder<'a> {
    fn new(pass: &'a SourcePass<'a>) -> Self {
        let columns = &pass.source.columns;
        let at = |role| {
            columns
                .iter()
                .position(|column: &Column| column.role == role)
        };
        let key = |name: &str| columns.iter().position(|column| column.name == name);
        Self {
            pass,
            user: at(ColumnRole::User).unwrap_or_default(),
            time: at(ColumnRole::Time),
            time_lookup: pass
                .lookups
                .iter()
                .position(|lookup| lookup.times.is_some()),
            keys: pass
                .source
                .lookups
                .iter()
                .filter_map(|lookup| key(&lookup.key))
                .collect(),
            fields: (0..columns.len())
                .filter(|i| is_field(&columns[*i]))
                .collect(),
            row: Vec::new(),
            matched: Vec::new(),
            previous: None,
            buffer: String::new(),
            scratch: String::new(),
        }
    }

    /// Encodes a row into `self.row`. Returns its shard and time; the error is the column and the
    /// problem.
    fn encode(
        &mut self,
        values: &[Values],
        row: usize,
        origin: (u32, u64),
    ) -> Result<(usize, i64), (&'a str, BadValue)> {
        // The user id may borrow the buffer while other parts of the encoder are used.
        let mut buffer = std::mem::take(&mut self.buffer);
        let shard = self.encode_with(&mut buffer, values, row, origin);
        self.buffer = buffer;
        shard
    }

    fn encode_with(
        &mut self,
        buffer: &mut String,
        values: &[Values],
        row: usize,
        origin: (u32, u64),
    ) -> Result<(usize, i64), (&'a str, BadValue)> {
        let columns = &self.pass.source.columns;
        let named = |at: usize| move |bad| (columns[at].name.as_str(), bad);
        self.row.clear();

        let column = &columns[self.user];
        let user = values[self.user].text(row, column.ty, buffer);
        let user = match user.map_err(named(self.user))? {
            Some("") => Err(BadValue::new(
                RowProblem::EmptyUser,
                "a user id",
                "an empty one",
            )),
            None => Err(BadValue::new(RowProblem::NullUser, "a user id", "null")),
            Some(user) => Ok(user),
        };
        let user = user.map_err(named(self.user))?;
        put_text(&mut self.row, Some(user));
        let shard = shard_of(user, self.pass.shards);

        self.matched.clear();
        for (lookup, at) in self.pass.lookups.iter().zip(&self.keys) {
            let key = values[*at].text(row, columns[*at].ty, &mut self.scratch);
            let key = key.map_err(named(*at))?;
            check_present(&columns[*at], key.is_none()).map_err(named(*at))?;
            self.matched.push(lookup.find(key));
        }
        let time = self.time(values, row, &self.matched)?;
        self.row.extend_from_slice(&time.to_le_bytes());
        if self.pass.source.order == EventOrder::UserTime {
            let number = values[self.user].whole(row).ok().flatten();
            check_order(&mut self.previous, user, number, time).map_err(named(self.user))?;
        }
        if self.pass.source.kind == SourceKind::Tabular {
            self.row.extend_from_slice(&origin.0.to_le_bytes());
            self.row.extend_from_slice(&origin.1.to_le_bytes());
        }
        for matched in &self.matched {
            self.row.extend_from_slice(&matched.to_le_bytes());
        }
        for at in &self.fields {
            let column = &columns[*at];
            if column.role == ColumnRole::Vector {
                let width = column.width.unwrap_or(0);
                let vector = values[*at].vector(row, width).map_err(named(*at))?;
                let bytes = vector.iter().flat_map(|number| number.to_le_bytes());
                self.row.extend(bytes);
            } else if column.role == ColumnRole::Number {
                let number = values[*at].number(row, column.ty).map_err(named(*at))?;
                check_present(column, number.is_nan()).map_err(named(*at))?;
                self.row.extend_from_slice(&number.to_le_bytes());
            } else {
                let text = values[*at].text(row, column.ty, &mut self.scratch);
                let text = text.map_err(named(*at))?;
                check_present(column, text.is_none()).map_err(named(*at))?;
                put_text(&mut self.row, text);
            }
        }
        Ok((shard, time))
    }

    /// The time of the row; `i64::MIN`, before all times, in a source without times.
    fn time(
        &self,
        values: &[Values],
        row: usize,
        matched: &[u32],
    ) -> Result<i64, (&'a str, BadValue)> {
        let source = self.pass.source;
        let Some(column) = source.time_column() else {
            return Ok(i64::MIN);
        };
        let named = |bad| (column.name.as_str(), bad);
        let null = || named(BadValue::new(RowProblem::NullTime, "a time", "null"));
        let time = match (self.time, self.time_lookup) {
            (Some(at), _) => {
                let time = values[at].time(row, column.unit()).map_err(named)?;
                time.ok_or_else(null)?
            }
            (None, Some(lookup)) => {
                let matched = matched[lookup];
                if matched == NO_MATCH {
                    let at = self.keys[lookup];
                    let mut buffer = String::new();
                    let key = values[at].text(row, source.columns[at].ty, &mut buffer);
                    let path = self.pass.lookup_files[lookup].first();
                    let path = path.map_or(Path::new(""), PathBuf::as_path);
                    return Err(named(no_match(path, key.ok().flatten())));
                }
                let times = self.pass.lookups[lookup].times.as_ref();
                times
                    .and_then(|times| times[matched as usize])
                    .ok_or_else(null)?
            }
            (None, None) => return Err(null()),
        };
        self.pass.bounds.check(column, time).map_err(named)?;
        Ok(time)
    }

    fn count_unmatched(&self, report: &mut SourceReport) {
        for (lookup, matched) in self.pass.source.lookups.iter().zip(&self.matched) {
            if *matched == NO_MATCH {
                report
                    .lookups
                    .entry(lookup.file.clone())
                    .or_default()
                    .unmatched += 1;
            }
        }
    }
}

fn check_present(column: &Column, missing: bool) -> Result<(), BadValue> {
    match missing && column.required {
        true => Err(BadValue::new(RowProblem::MissingValue, "a value", "null")),
        false => Ok(()),
    }
}

/// Checks that the row does not come before the previous one, and remembers it. Ids that are
/// numbers are compared as numbers.
fn check_order(
    previous: &mut Option<Previous>,
    user: &str,
    number: Option<i128>,
    time: i64,
) -> Result<(), BadValue> {
    let Some(last) = previous else {
        *previous = Some(Previous {
            user: user.into(),
            number,
            time,
        });
        return Ok(());
    };
    let order = match (last.number, number) {
        (Some(last), Some(number)) => last.cmp(&number),
        _ => last.user.as_str().cmp(user),
    };
    if order.then(last.time.cmp(&time)).is_gt() {
        let expected = format!(
            "user `{}` from time {} on, or a later user",
            excerpt(&last.user),
            last.time
        );
        let found = format!("user `{}` at {time}", excerpt(user));
        return Err(BadValue::new(RowProblem::Unsorted, expected, found));
    }
    if order.is_ne() {
        last.user.clear();
        last.user.push_str(user);
        last.number = number;
    }
    last.time = time;
    Ok(())
}
