//! The TOML form of a source, before its defaults are filled in.

use serde::Deserialize;

use crate::declare::{
    Aggregate, Column, EventOrder, Lookup, OnError, Repeats, Source, SourceKind, TimePolicy,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSource {
    name: String,
    kind: SourceKind,
    description: String,
    file: Option<String>,
    #[serde(default = "window_days")]
    window_days: u32,
    slots: Option<usize>,
    max_tokens: Option<usize>,
    delimiter: Option<String>,
    on_error: Option<OnError>,
    times: Option<TimePolicy>,
    #[serde(default)]
    order: EventOrder,
    #[serde(default)]
    repeats: Repeats,
    #[serde(default, rename = "column")]
    columns: Vec<Column>,
    #[serde(default, rename = "lookup")]
    lookups: Vec<Lookup>,
    #[serde(default, rename = "aggregate")]
    aggregates: Vec<Aggregate>,
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

fn window_days() -> u32 {
    90
}

pub(crate) fn windows_days() -> Vec<u32> {
    vec![7, 30, 90]
}

pub(crate) fn top_groups() -> usize {
    20
}
