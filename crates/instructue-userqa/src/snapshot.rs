//! A user's history before and after a reference time, and counts over its events. Rules compute
//! their findings from it.
//!
//! Rules about the past receive a [`Past`] only, so the type system keeps the future out of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use instructue_schema::{Events, History};
use instructue_schema::{SECONDS_PER_DAY, Schema, SourceKind, Timestamp};

use crate::thresholds::Thresholds;
use crate::triple::RankedValue;
use crate::words::shown;

/// The subject of a question, as positions in the schema.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Target {
    pub source: Option<usize>,
    pub field: Option<usize>,
    pub number: Option<usize>,
    pub second: Option<usize>,
    pub value: Option<Arc<str>>,
    pub other: Option<Arc<str>>,
    /// The length in days of the time asked about.
    pub days: i64,
}

/// The history before the reference time: each source's events in its window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Past<'a> {
    pub schema: &'a Schema,
    pub thresholds: &'a Thresholds,
    pub reference: Timestamp,
    history: History<'a>,
}

impl<'a> Past<'a> {
    pub fn new(
        schema: &'a Schema,
        thresholds: &'a Thresholds,
        history: History<'a>,
        reference: Timestamp,
    ) -> Self {
        Self {
            schema,
            thresholds,
            reference,
            history,
        }
    }

    /// The events of the source's window.
    pub fn events(&self, source: usize) -> Events<'a> {
        self.recent(source, self.window(source))
    }

    /// The length in days of the source's window.
    pub fn window(&self, source: usize) -> i64 {
        i64::from(self.schema.sources[source].window_days)
    }

    /// The events of the last `days`, at most those of the window.
    pub fn recent(&self, source: usize, days: i64) -> Events<'a> {
        self.stretch(source, days, 0)
    }

    /// The events from `from` to `to` days before the reference, within the window.
    pub fn stretch(&self, source: usize, from: i64, to: i64) -> Events<'a> {
        let from = from.min(self.window(source));
        let events = self.history.events(source);
        events.between(
            self.reference.plus_days(-from),
            self.reference.plus_days(-to),
        )
    }

    /// The event sources, in schema order.
    pub fn sources(&self) -> impl Iterator<Item = usize> {
        event_sources(self.schema)
    }

    /// Whether all windows are empty, so that no question applies.
    pub fn is_empty(&self) -> bool {
        self.sources().all(|source| self.events(source).is_empty())
    }

    pub fn name(&self, source: usize) -> &'a str {
        &self.schema.sources[source].name
    }

    /// The values of a field that an answer may name, because enough training users have them.
    pub fn common(&self, source: usize, field: usize) -> &'a BTreeSet<String> {
        let field = &self.schema.sources[source].fields()[field].name;
        self.thresholds.common(self.name(source), field)
    }
}

/// The history from the reference time on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Future<'a> {
    history: History<'a>,
    pub reference: Timestamp,
    pub days: i64,
}

impl<'a> Future<'a> {
    pub fn new(history: History<'a>, reference: Timestamp, days: i64) -> Self {
        Self {
            history,
            reference,
            days,
        }
    }

    pub fn events(&self, source: usize) -> Events<'a> {
        let events = self.history.events(source);
        events.between(self.reference, self.reference.plus_days(self.days))
    }

    /// The whole days from the reference time to `time`.
    pub fn day(&self, time: Timestamp) -> u32 {
        (time.0.saturating_sub(self.reference.0) / SECONDS_PER_DAY) as u32
    }
}

/// Whether events are known for `days` from `reference` on, if they are known up to `data_end`.
pub(crate) fn covers(reference: Timestamp, days: i64, data_end: Timestamp) -> bool {
    reference.plus_days(days - 1) <= data_end
}

/// The positions of the events sources.
pub(crate) fn event_sources(schema: &Schema) -> impl Iterator<Item = usize> {
    let sources = schema.sources.iter().enumerate();
    sources
        .filter(|(_, source)| source.kind == SourceKind::Events)
        .map(|(index, _)| index)
}

/// The values of a category field by falling count, then by name.
pub(crate) fn rank<'a>(events: &Events<'a>, field: usize) -> Vec<(&'a Arc<str>, u32)> {
    let mut codes: Vec<(u32, usize)> = (0..events.len())
        .filter_map(|i| Some((events.code(i, field)?, i)))
        .collect();
    codes.sort_unstable();
    let mut ranked: Vec<(&Arc<str>, u32)> = codes
        .chunk_by(|a, b| a.0 == b.0)
        .filter_map(|run| Some((events.text(run[0].1, field)?, run.len() as u32)))
        .collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    ranked
}

/// The number of events whose field has exactly this value.
pub(crate) fn occurrences(events: &Events<'_>, field: usize, value: &str) -> u32 {
    positions(events, field, value).count() as u32
}

/// The events whose field has exactly this value, oldest first.
pub(crate) fn positions(
    events: &Events<'_>,
    field: usize,
    value: &str,
) -> impl Iterator<Item = usize> {
    (0..events.len()).filter(move |&i| events.text(i, field).is_some_and(|text| &**text == value))
}

pub(crate) fn ranked(entry: &(&Arc<str>, u32)) -> RankedValue {
    RankedValue {
        value: shown(entry.0),
        count: entry.1,
    }
}

/// The sum of a number field's values, and how many events have one.
pub(crate) fn sum(events: &Events<'_>, number: usize) -> (f64, u32) {
    let numbers = (0..events.len()).filter_map(|i| events.number(i, number));
    numbers.fold((0.0, 0), |(sum, n), x| (sum + x, n + 1))
}

/// An amount with two decimals, as facts keep it. The sum of nothing is 0, never −0.
pub(crate) fn cents(x: f64) -> f64 {
    (x * 100.0).round() / 100.0 + 0.0
}

/// The days with an event, as day numbers since 1970, ascending and distinct.
pub(crate) fn active_days(events: &Events<'_>) -> Vec<i64> {
    let mut days: Vec<i64> = events
        .times()
        .iter()
        .map(|time| time.0.div_euclid(SECONDS_PER_DAY))
        .collect();
    days.dedup();
    days
}

/// The most frequent slot, its count and the sum of all counts. Of equal slots the first is
/// taken.
pub(crate) fn mode<const N: usize>(slots: impl Iterator<Item = u32>) -> (Option<u32>, u32, u32) {
    let mut counts = [0u32; N];
    for slot in slots {
        counts[slot as usize % N] += 1;
    }
    let whole = counts.iter().sum();
    let best = (0..N).rev().max_by_key(|&slot| counts[slot]).unwrap_or(0);
    ((whole > 0).then_some(best as u32), counts[best], whole)
}
