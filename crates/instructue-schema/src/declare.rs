//! Declarations: which sources a deployment has and how their files look.

use serde::{Deserialize, Serialize};

use crate::raw;

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Many rows per user, each with a time; each becomes one token.
    Events,
    /// One row of features per user, plus aggregates over event sources; becomes one token.
    Tabular,
}

/// The declared type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// A whole number. As a time: since 1970-01-01 UTC, in the column's [`TimeUnit`].
    Int,
    /// A 64-bit floating-point number; NaN counts as missing.
    Float,
    /// True or false.
    Bool,
    /// A timestamp or date, also as text in a form of ISO 8601; without a time zone it is UTC.
    Timestamp,
}

impl ColumnType {
    /// The name used in TOML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Timestamp => "timestamp",
        }
    }
}

/// What a column is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnRole {
    /// The user id: `text` or `int`.
    User,
    /// The time of the event, or from when a tabular row is valid: `timestamp` or `int`.
    Time,
    /// Part of the event's text; not grouped: `text` or `int`.
    Text,
    /// Part of the event's text, and groups can be counted: `text`, `int` or `bool`.
    Category,
    /// A numeric feature of the event: `int`, `float` or `bool`; in the text only with `render = true`.
    Number,
    /// Joins a lookup table; nothing else: `text` or `int`.
    Key,
}

impl ColumnRole {
    /// The name used in TOML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Time => "time",
            Self::Text => "text",
            Self::Category => "category",
            Self::Number => "number",
            Self::Key => "key",
        }
    }
}

/// What a number that stands for a time counts since 1970-01-01 UTC. A finer unit is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimeUnit {
    /// `s`
    #[serde(rename = "s")]
    Second,
    /// `ms`
    #[serde(rename = "ms")]
    Millisecond,
    /// `us`
    #[serde(rename = "us")]
    Microsecond,
    /// `ns`
    #[serde(rename = "ns")]
    Nanosecond,
}

impl TimeUnit {
    /// All, the coarsest first.
    pub const ALL: [Self; 4] = [
        Self::Second,
        Self::Millisecond,
        Self::Microsecond,
        Self::Nanosecond,
    ];

    /// The name used in TOML.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Millisecond => "ms",
            Self::Microsecond => "us",
            Self::Nanosecond => "ns",
        }
    }

    /// The name in words, plural.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Second => "seconds",
            Self::Millisecond => "milliseconds",
            Self::Microsecond => "microseconds",
            Self::Nanosecond => "nanoseconds",
        }
    }

    /// How many of it make a second.
    pub fn per_second(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Millisecond => 1_000,
            Self::Microsecond => 1_000_000,
            Self::Nanosecond => 1_000_000_000,
        }
    }
}

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The column's name in the file.
    pub name: String,
    /// Its type (TOML key `type`).
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// Its use.
    pub role: ColumnRole,
    /// A name for people and models; default: `name` with `_` replaced by a space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether it is part of the event's text; default: text and category yes, numbers no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub render: Option<bool>,
    /// Whether a missing value is an error. User and time are always required.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// A time's unit where the file holds numbers; default: seconds for `int`. With it a
    /// `timestamp` column may be numbers too; a file's own timestamps must be of this unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<TimeUnit>,
}

impl Column {
    /// The label, or its default.
    pub fn label(&self) -> String {
        self.label
            .clone()
            .unwrap_or_else(|| self.name.replace('_', " "))
    }

    /// What numbers count where this is a column of times.
    pub fn unit(&self) -> TimeUnit {
        self.unit.unwrap_or(TimeUnit::Second)
    }
}

/// A small table joined to the rows of a source by a key; it is held in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// File, directory or `*.parquet` pattern below the data directory.
    pub file: String,
    /// The joining column: of this name in the lookup's file, and a `key` column of the source.
    pub key: String,
    /// The columns taken over. One may have the role `time`.
    #[serde(rename = "column")]
    pub columns: Vec<Column>,
}

/// What to do with a bad row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnError {
    /// Stop with an error that names it.
    #[default]
    Fail,
    /// Leave it out and count it.
    Skip,
}

/// Which times a row may have; a row with another one is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimePolicy {
    /// From 1970 to a day past the present, and not far from the times of all other events.
    #[default]
    Plausible,
    /// Whatever the file says.
    Any,
}

impl TimePolicy {
    // Written out only where it was chosen, so that the text of other schemas stays.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How the rows of an events file are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventOrder {
    /// In any order: they are regrouped and sorted on disk.
    #[default]
    Any,
    /// Declared as sorted by user, then time, within each file; a violation is a bad row.
    UserTime,
}

/// What becomes of events of a user that read the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Repeats {
    /// Each is a token of its own.
    #[default]
    Keep,
    /// Those of the window are one token, which carries how many there were,
    /// when the first and the newest were, and the sums of their numbers. So a
    /// profile reaches further back with the same number of slots.
    Merge,
}

/// Numbers computed from an events source for the tabular source: counts and sums per window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// The events source.
    pub source: String,
    /// Windows before the reference time, in days.
    #[serde(default = "raw::windows_days")]
    pub windows_days: Vec<u32>,
    /// Category fields of the source whose values are counted apart.
    #[serde(default)]
    pub group_by: Vec<String>,
    /// How many of a field's most frequent values get their own numbers.
    #[serde(default = "raw::top_groups")]
    pub top_groups: usize,
}

/// One source of behaviour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "raw::RawSource")]
pub struct Source {
    /// Name, unique: `[a-z0-9_-]+`.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// A noun phrase such as "grocery purchases".
    pub description: String,
    /// File, directory (all `*.parquet` below it) or `*.parquet` pattern below the data directory;
    /// default `<name>.parquet`.
    pub file: String,
    /// Days before the reference time that count; default 90.
    pub window_days: u32,
    /// How many tokens (the newest) a profile keeps; default 100, tabular 1.
    pub slots: usize,
    /// How many text tokens an event may have; default 32.
    pub max_tokens: usize,
    /// Name of the delimiter around the source's tokens; default the source's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// What to do with a bad row; default the schema's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
    /// Which times are taken; default the schema's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<TimePolicy>,
    /// How the rows are ordered.
    pub order: EventOrder,
    /// What becomes of events that read the same.
    pub repeats: Repeats,
    /// The file's columns that are used (TOML key `column`).
    #[serde(rename = "column", skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// Tables joined to it (TOML key `lookup`).
    #[serde(rename = "lookup", skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<Lookup>,
    /// Tabular sources only (TOML key `aggregate`).
    #[serde(rename = "aggregate", skip_serializing_if = "Vec::is_empty")]
    pub aggregates: Vec<Aggregate>,
}

/// The sources of a deployment, in the order in which a profile holds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// A name for reports.
    pub name: String,
    /// What to do with a bad row, unless a source says otherwise.
    #[serde(default)]
    pub on_error: OnError,
    /// Which times are taken, unless a source says otherwise.
    #[serde(default, skip_serializing_if = "TimePolicy::is_default")]
    pub times: TimePolicy,
    /// The sources (TOML key `source`).
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// A column that carries content: text, category or number. In [`Source::fields`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// Its name for people and models.
    pub label: String,
    /// `Text`, `Category` or `Number`.
    pub role: ColumnRole,
    /// Whether it is part of the event's text.
    pub rendered: bool,
    /// Its declared type.
    pub ty: ColumnType,
}
