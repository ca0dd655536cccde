//! Numbers that go with each event beside its text (method, explicit time).

use std::f64::consts::TAU;

use instructue_schema::{ColumnRole, SECONDS_PER_DAY, Source, Timestamp};

use crate::history::Events;

/// Names of the features that every event has, in order.
const TIME_FEATURES: [&str; 6] = [
    "days_before",
    "days_since_previous",
    "hour_sin",
    "hour_cos",
    "weekday_sin",
    "weekday_cos",
];

/// Scaled numbers beyond this are cut.
const LIMIT: f64 = 2.0;
/// The scale of a number field of which no value was seen in fitting.
const UNFITTED_SCALE: f32 = 8.0;

/// Number of features of an event: six of time, two per number field.
pub fn event_feature_width(source: &Source) -> usize {
    TIME_FEATURES.len() + 2 * number_fields(source).len()
}

/// The names of the features of an event, in order.
///
/// `days_before` and `days_since_previous` are log(1 + days) / log(1 + window),
/// the latter cut at 1, which also stands for "no previous event". Hour and
/// weekday (UTC) are points on a circle. A number field `x` has `x`, its signed
/// log(1 + |value|) over twice its root mean square in fitting, and `x_missing`,
/// which is 1 when there is no value and 0 otherwise.
pub fn event_feature_names(source: &Source) -> Vec<String> {
    let fields = source.fields();
    let numbers = number_fields(source).into_iter().flat_map(|field| {
        let name = &fields[field].name;
        [name.clone(), format!("{name}_missing")]
    });
    TIME_FEATURES
        .iter()
        .map(|name| name.to_string())
        .chain(numbers)
        .collect()
}

/// Positions of the number fields among a source's fields.
pub(crate) fn number_fields(source: &Source) -> Vec<usize> {
    fields_with(source, ColumnRole::Number)
}

/// Positions of the fields with `role` among a source's fields.
pub(crate) fn fields_with(source: &Source, role: ColumnRole) -> Vec<usize> {
    let fields = source.fields();
    (0..fields.len())
        .filter(|&i| fields[i].role == role)
        .collect()
}

/// log(1 + |value|) with the sign of the value.
pub(crate) fn signed_log1p(value: f64) -> f64 {
    value.abs().ln_1p().copysign(value)
}

/// Sums what is needed for the scale of one number field.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ScaleFit {
    squares: f64,
    count: u64,
}

impl ScaleFit {
    pub(crate) fn add(&mut self, value: f64) {
        self.squares += signed_log1p(value).powi(2);
        self.count += 1;
    }

    /// Twice the root mean square, so that most values lie within ±1.
    pub(crate) fn scale(self) -> f32 {
        let mean = self.squares / self.count.max(1) as f64;
        let scale = 2.0 * mean.sqrt() as f32;
        if scale.is_finite() && scale > 1e-6 {
            scale
        } else {
            UNFITTED_SCALE
        }
    }
}

/// How to compute the features of a source's events.
#[derive(Debug, Clone)]
pub(crate) struct EventFeatures {
    log_window: f64,
    /// Position among the source's fields, and scale.
    numbers: Vec<(usize, f64)>,
}

impl EventFeatures {
    /// `scales` has one entry per number field.
    pub(crate) fn new(source: &Source, scales: &[f32]) -> Self {
        let scales = scales.iter().map(|&scale| f64::from(scale));
        Self {
            log_window: f64::from(source.window_days.max(1)).ln_1p(),
            numbers: number_fields(source).into_iter().zip(scales).collect(),
        }
    }

    /// The features of event `i` of `events` as seen from `reference`, which is later.
    pub(crate) fn compute(&self, events: &Events<'_>, i: usize, reference: Timestamp) -> Vec<f32> {
        let time = events.time(i);
        let since_previous = i.checked_sub(1).map(|previous| {
            let days = time.days_since(events.time(previous)).max(0.0);
            (days.ln_1p() / self.log_window).min(1.0)
        });
        let second = time.0.rem_euclid(SECONDS_PER_DAY) as f64;
        let hour = TAU * second / SECONDS_PER_DAY as f64;
        let weekday = TAU * f64::from(time.weekday()) / 7.0;
        let mut features = Vec::with_capacity(TIME_FEATURES.len() + 2 * self.numbers.len());
        features.extend(
            [
                reference.days_since(time).max(0.0).ln_1p() / self.log_window,
                since_previous.unwrap_or(1.0),
                hour.sin(),
                hour.cos(),
                weekday.sin(),
                weekday.cos(),
            ]
            .map(|value| value as f32),
        );
        for &(field, scale) in &self.numbers {
            let value = events.number(i, field);
            let scaled = value.map_or(0.0, |v| (signed_log1p(v) / scale).clamp(-LIMIT, LIMIT));
            features.extend([scaled as f32, f32::from(u8::from(value.is_none()))]);
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Null, Number, day, row, schema, shard, text};

    #[test]
    fn features_of_known_events() {
        let schema = schema();
        let source = &schema.sources[0];
        // Day 4 was a Monday (1970-01-05); 6 o'clock is a quarter of the day.
        let rows = [
            row("u", 0, day(3.25), &[text("a"), Number(-99.0), Null, Null]),
            row("u", 0, day(4.25), &[text("a"), Null, Null, Number(0.0)]),
        ];
        let shard = shard(&schema, &rows, 0);
        let events = shard.history(0).events(0);
        let features = EventFeatures::new(source, &[10.0, 1.0]);
        let first = features.compute(&events, 0, day(5.0));
        let second = features.compute(&events, 1, day(4.75));

        let log = |days: f64| (days.ln_1p() / 91_f64.ln()) as f32;
        let near = |found: &[f32], expected: &[f32]| {
            assert_eq!(found.len(), expected.len());
            let close = found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(close, "{found:?} is not {expected:?}");
        };
        let amount = -(100_f64.ln() / 10.0) as f32;
        let sunday = TAU * 6.0 / 7.0;
        near(
            &first,
            &[
                log(1.75),
                1.0,
                1.0,
                0.0,
                sunday.sin() as f32,
                sunday.cos() as f32,
                amount,
                0.0,
                0.0,
                1.0,
            ],
        );
        near(
            &second,
            &[log(0.5), log(1.0), 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0],
        );
    }

    #[test]
    fn names_and_width_agree() {
        let schema = schema();
        for source in &schema.sources[..2] {
            assert_eq!(
                event_feature_names(source).len(),
                event_feature_width(source)
            );
        }
        assert_eq!(
            event_feature_names(&schema.sources[0])[6..],
            ["amount", "amount_missing", "items", "items_missing"]
        );
    }

    #[test]
    fn scales_bring_values_near_one() {
        let mut fit = ScaleFit::default();
        assert_eq!(fit.scale(), UNFITTED_SCALE);
        fit.add(0.0);
        assert_eq!(fit.scale(), UNFITTED_SCALE);
        let mut fit = ScaleFit::default();
        [5.0, -5.0].into_iter().for_each(|value| fit.add(value));
        assert!((f64::from(fit.scale()) - 2.0 * 6_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn extreme_numbers_stay_finite() {
        let schema = schema();
        let cells = [Null, Number(f64::MAX), Null, Number(f64::MIN)];
        let shard = shard(&schema, &[row("u", 0, day(0.0), &cells)], 0);
        let features = EventFeatures::new(&schema.sources[0], &[1e-3, 1e30]);
        let features = features.compute(&shard.history(0).events(0), 0, Timestamp(i64::MAX));
        assert!(
            features.iter().all(|value| value.is_finite()),
            "{features:?}"
        );
        assert_eq!(features[6], 2.0);
    }
}
