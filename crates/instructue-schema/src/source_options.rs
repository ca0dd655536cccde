//! The parts of a source beside its columns: kind, policies, aggregates.

use serde::{Deserialize, Serialize};

/// The kind of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Many rows per user, each with a time; each becomes one token.
    Events,
    /// One row of features per user, plus aggregates over event sources; becomes one token.
    Tabular,
}

/// What ingest does with a bad row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Ingest stops with an error that names the row.
    #[default]
    Fail,
    /// Ingest leaves the row out and counts it.
    Skip,
}

/// Which times are valid. A row with another time is a bad row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimePolicy {
    /// From 1970 to a day past the present, and not far from the times of all other events.
    #[default]
    Plausible,
    /// Every time is valid.
    Any,
}

impl TimePolicy {
    // The default is not written, so that the text and digest of schemas without the key stay the
    // same.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The order of the rows in an events file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOrder {
    /// Any order: ingest groups and sorts the rows on disk.
    #[default]
    Any,
    /// The file is sorted by user, then time. A row out of order is a bad row.
    UserTime,
}

/// How a profile shows a user's events that have the same text, or the same vector bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeats {
    /// Each event is a token of its own.
    #[default]
    Keep,
    /// Events of the window with the same text or vector are one token. Its features hold their number, the
    /// times of the first and the newest, and the sums of their number fields. A profile thus
    /// reaches further back with the same number of slots.
    Merge,
}

/// Tabular features that are computed from an events source: counts and sums per window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// The events source.
    pub source: String,
    /// Windows before the reference time, in days.
    #[serde(default = "windows_days")]
    pub windows_days: Vec<u32>,
    /// Category fields of the source. Each of their frequent values gets aggregates of its own.
    #[serde(default)]
    pub group_by: Vec<String>,
    /// How many values of a field get aggregates of their own, the most frequent first.
    #[serde(default = "top_groups")]
    pub top_groups: usize,
}

fn windows_days() -> Vec<u32> {
    vec![7, 30, 90]
}

fn top_groups() -> usize {
    20
}
