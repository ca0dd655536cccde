//! The TOML form of a source before its defaults are filled in.

use serde::Deserialize;

use crate::column::{Column, Lookup};
use crate::source_options::{Aggregate, EventOrder, OnError, Repeats, SourceKind, TimePolicy};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSource {
    pub name: String,
    pub kind: SourceKind,
    pub description: String,
    pub file: Option<String>,
    #[serde(default = "window_days")]
    pub window_days: u32,
    pub slots: Option<usize>,
    pub max_tokens: Option<usize>,
    pub delimiter: Option<String>,
    pub on_error: Option<OnError>,
    pub times: Option<TimePolicy>,
    #[serde(default)]
    pub order: EventOrder,
    #[serde(default)]
    pub repeats: Repeats,
    #[serde(default, rename = "column")]
    pub columns: Vec<Column>,
    #[serde(default, rename = "lookup")]
    pub lookups: Vec<Lookup>,
    #[serde(default, rename = "aggregate")]
    pub aggregates: Vec<Aggregate>,
}

fn window_days() -> u32 {
    90
}
