//! The types behind a schema file: the schema and its sources.

use serde::{Deserialize, Serialize};

use crate::column::{Column, Lookup};
use crate::raw::RawSource;
use crate::source_options::{Aggregate, EventOrder, OnError, Repeats, SourceKind, TimePolicy};

/// One source of behaviour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RawSource")]
pub struct Source {
    /// The unique name: `[a-z0-9_-]+`.
    pub name: String,
    /// The kind.
    pub kind: SourceKind,
    /// A noun phrase such as "grocery purchases".
    pub description: String,
    /// A file, a directory (all `*.parquet` below it) or a `*.parquet` pattern below the data
    /// directory; default `<name>.parquet`.
    pub file: String,
    /// The look-back window in days before the reference time; default 90.
    pub window_days: u32,
    /// The largest number of the source's tokens in a profile, the newest first; default 100,
    /// tabular 1.
    pub slots: usize,
    /// The largest number of text tokens of an event; default 32.
    pub max_tokens: usize,
    /// The name of the delimiter around the source's tokens; default: the source's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// What ingest does with a bad row; default: the schema's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
    /// Which times are valid; default: the schema's choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<TimePolicy>,
    /// The order of the file's rows.
    pub order: EventOrder,
    /// How a profile shows events that have the same text or vector.
    pub repeats: Repeats,
    /// The columns that are read from the file (TOML key `column`).
    #[serde(rename = "column", skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// The tables that are joined to the source (TOML key `lookup`).
    #[serde(rename = "lookup", skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<Lookup>,
    /// The aggregates, in tabular sources only (TOML key `aggregate`).
    #[serde(rename = "aggregate", skip_serializing_if = "Vec::is_empty")]
    pub aggregates: Vec<Aggregate>,
}

impl From<RawSource> for Source {
    fn from(raw: RawSource) -> Self {
        let tabular = raw.kind == SourceKind::Tabular;
        Self {
            file: raw.file.unwrap_or_else(|| format!("{}.parquet", raw.name)),
            slots: raw.slots.unwrap_or(if tabular { 1 } else { 100 }),
            max_tokens: raw.max_tokens.unwrap_or(32),
            name: raw.name,
            kind: raw.kind,
            description: raw.description,
            window_days: raw.window_days,
            delimiter: raw.delimiter,
            on_error: raw.on_error,
            times: raw.times,
            order: raw.order,
            repeats: raw.repeats,
            columns: raw.columns,
            lookups: raw.lookups,
            aggregates: raw.aggregates,
        }
    }
}

/// The sources of a deployment, in the order in which a profile holds them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The schema's name in reports.
    pub name: String,
    /// What ingest does with a bad row, unless a source says otherwise.
    #[serde(default)]
    pub on_error: OnError,
    /// Which times are valid, unless a source says otherwise.
    #[serde(default, skip_serializing_if = "TimePolicy::is_default")]
    pub times: TimePolicy,
    /// The sources (TOML key `source`).
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}
