//! Count features of a user: recency, counts and sums. They are a baseline that reads no text.

use instructue_schema::{Schema, SourceKind, Timestamp};

use crate::aggregates::active_days;
use crate::fields::{number_fields, signed_log1p, sum};
use instructue_schema::History;

/// The windows in days. The last is the longest.
const WINDOWS: [i64; 3] = [7, 30, 90];
/// The days since the last event of a source without events.
const NEVER_DAYS: f64 = 365.0;

/// Recency, counts and sums of the events before `reference`, per events source.
///
/// The values are finite, on a logarithmic scale and in the order of [`count_feature_names`]. A
/// source without events has zeros, and its recency is that of a last event a year ago.
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

/// The names of [`count_features`], in order. `source.amount.…` stands for the first number field
/// and has its name.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Null, Number, day, row, schema, shard, text};

    #[test]
    fn counts_of_a_known_history() {
        let schema = schema();
        let bill = |at: f64, amount| row("u", 0, day(at), &[text("a"), amount, Null, Null]);
        let rows = [
            bill(0.0, Number(50.0)),
            bill(150.0, Number(10.0)),
            bill(180.0, Number(-4.0)),
            bill(198.0, Null),
            bill(198.5, Number(2.0)),
            bill(200.0, Number(1e6)), // not before
        ];
        let shard = shard(&schema, &rows, 0);
        let found = count_features(&schema, &shard.history(0), day(200.0));
        let log = |x: f64| x.ln_1p() as f32;
        let bill = [
            log(1.5), // days since the last event
            log(2.0),
            log(3.0),
            log(4.0),
            log(3.0), // days with events
            log(200.0),
            log(2.0), // sums of the amount
            -log(2.0),
            log(8.0),
            log(8.0 / 3.0),
        ];
        let search = [log(365.0), 0.0, 0.0, 0.0, 0.0, 0.0];
        let expected: Vec<f32> = bill.into_iter().chain(search).collect();
        assert_eq!(found.len(), expected.len());
        for ((name, a), b) in count_feature_names(&schema)
            .iter()
            .zip(&found)
            .zip(&expected)
        {
            assert!((a - b).abs() < 1e-6, "{name}: {a} is not {b}");
        }
    }

    #[test]
    fn names_are_distinct_and_fit() {
        let schema = schema();
        let names = count_feature_names(&schema);
        assert_eq!(names.len(), 16);
        assert_eq!(names[6], "bill.amount.sum.7d");
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }
}
