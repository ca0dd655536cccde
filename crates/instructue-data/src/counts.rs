//! How much, how often and how lately: a baseline without any text.

use instructue_schema::{Schema, SourceKind, Timestamp};

use crate::aggregates::{active_days, sum};
use crate::features::{number_fields, signed_log1p};
use crate::history::History;

/// Windows in days; the last is the longest.
const WINDOWS: [i64; 3] = [7, 30, 90];
/// Stands for the days since an event that never was.
const NEVER_DAYS: f64 = 365.0;

/// What the events before `reference` say by their number alone, per events source.
///
/// The values are finite, on a logarithmic scale and in the order of
/// [`count_feature_names`]. A source without events has zeros, and a recency as
/// if its last event were a year ago.
///
/// # Panics
/// If `history` is not of `schema`.
pub fn count_features(schema: &Schema, history: &History<'_>, reference: Timestamp) -> Vec<f32> {
    let mut features = Vec::new();
    for (index, source) in schema.sources.iter().enumerate() {
        if source.kind != SourceKind::Events {
            continue;
        }
        let events = history.events(index).before(reference);
        let age = |time: &Timestamp| reference.days_since(*time);
        let recency = events.times().last().map_or(NEVER_DAYS, age);
        let windows = WINDOWS.map(|days| events.between(reference.plus_days(-days), reference));
        let longest = &windows[WINDOWS.len() - 1];

        let mut push = |value: f64| features.push(value as f32);
        push(recency.ln_1p());
        windows
            .iter()
            .for_each(|window| push((window.len() as f64).ln_1p()));
        push((active_days(longest.times()) as f64).ln_1p());
        push(events.times().first().map_or(0.0, age).ln_1p());
        if let Some(&field) = number_fields(source).first() {
            windows
                .iter()
                .for_each(|window| push(signed_log1p(sum(window, field).0)));
            let (total, values) = sum(longest, field);
            push(signed_log1p(total / values.max(1) as f64));
        }
    }
    features
}

/// The names of [`count_features`], in order; `source.amount.…` has the first number field's name.
pub fn count_feature_names(schema: &Schema) -> Vec<String> {
    let mut names = Vec::new();
    for source in schema
        .sources
        .iter()
        .filter(|source| source.kind == SourceKind::Events)
    {
        let mut push = |what: String| names.push(format!("{}.{what}", source.name));
        push("recency".into());
        WINDOWS
            .iter()
            .for_each(|days| push(format!("count.{days}d")));
        push("active_days.90d".into());
        push("days_since_first".into());
        if let Some(&field) = number_fields(source).first() {
            let field = &source.fields()[field].name;
            WINDOWS
                .iter()
                .for_each(|days| push(format!("{field}.sum.{days}d")));
            push(format!("{field}.mean.90d"));
        }
    }
    names
}
