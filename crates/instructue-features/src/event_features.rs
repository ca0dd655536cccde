//! Numeric features of each event, which the model reads beside the event's text. They make times
//! and amounts explicit.

use std::f64::consts::TAU;

use instructue_schema::{Repeats, SECONDS_PER_DAY, Source, Timestamp};

use crate::fields::{LARGEST, number_fields, signed_log1p};
use instructue_schema::DistinctUsers;
use instructue_schema::Events;

/// The names of the features that every event has, in order.
const TIME_FEATURES: [&str; 6] = [
    "days_before",
    "days_since_previous",
    "hour_sin",
    "hour_cos",
    "weekday_sin",
    "weekday_cos",
];

/// The names of the further features of merged events, in order.
const REPEAT_FEATURES: [&str; 3] = ["repeats", "days_before_first", "recent_share"];

/// The number of repetitions whose feature is 1.
const MANY_REPEATS: f64 = 50.0;

/// Scaled numbers are clipped to this bound.
const LIMIT: f64 = 2.0;
/// The scale of a number field for which too few users had a value.
const UNFITTED_SCALE: f32 = 8.0;

/// The number of features of an event: six of time and two per number field, plus three where
/// repeated events are merged.
pub fn event_feature_width(source: &Source) -> usize {
    TIME_FEATURES.len() + repeat_features(source).len() + 2 * number_fields(source).len()
}

fn repeat_features(source: &Source) -> &'static [&'static str] {
    match source.repeats {
        Repeats::Keep => &[],
        Repeats::Merge => &REPEAT_FEATURES,
    }
}

/// The names of the features of an event, in order.
///
/// `days_before` and `days_since_previous` are log(1 + days) / log(1 + window). The latter is
/// clipped at 1, which also stands for "no previous event". Hour and weekday (UTC) are points on
/// a circle. A number field `x` has two features: `x` is its signed log(1 + |value|) over twice
/// its root mean square in fitting, and `x_missing` is 1 when there is no value and 0 otherwise.
///
/// Where repeated events are merged, the features of time are those of the newest of them, the
/// previous event is the one before it with the same text or vector, and `x` is computed from the sum of
/// the values. Three features are added: `repeats` is log(1 + repetitions) / log(51),
/// `days_before_first` is scaled as `days_before`, and `recent_share` is the share of the
/// repetitions in the newest third of the window.
pub fn event_feature_names(source: &Source) -> Vec<String> {
    let fields = source.fields();
    let numbers = number_fields(source).into_iter().flat_map(|field| {
        let name = &fields[field].name;
        [name.clone(), format!("{name}_missing")]
    });
    TIME_FEATURES
        .iter()
        .chain(repeat_features(source))
        .map(|name| name.to_string())
        .chain(numbers)
        .collect()
}

/// Sums from which the scale of one number field follows.
#[derive(Debug, Clone, Default)]
pub(crate) struct ScaleFit {
    min_users: usize,
    users: DistinctUsers,
    squares: f64,
    count: u64,
}

impl ScaleFit {
    /// With values of fewer than `min_users` users a default scale is used, because the scale
    /// would reveal their values.
    pub(crate) fn new(min_users: usize) -> Self {
        Self {
            min_users,
            ..Self::default()
        }
    }

    pub(crate) fn add(&mut self, user: u64, value: f64) {
        self.users.add(user, self.min_users);
        self.squares += signed_log1p(value).powi(2);
        self.count += 1;
    }

    /// The scale: twice the root mean square, so that most values lie within ±1.
    pub(crate) fn scale(self) -> f32 {
        if !self.users.enough() {
            return UNFITTED_SCALE;
        }
        let mean = self.squares / self.count.max(1) as f64;
        let scale = 2.0 * mean.sqrt() as f32;
        if scale.is_finite() && scale > 1e-6 {
            scale
        } else {
            UNFITTED_SCALE
        }
    }
}

/// The computation of a source's event features.
#[derive(Debug, Clone)]
pub(crate) struct EventFeatures {
    /// The window in days.
    window: f64,
    repeats: Repeats,
    /// The position of each number field among the source's fields, with its scale.
    numbers: Vec<(usize, f64)>,
}

impl EventFeatures {
    /// `scales` has one entry per number field.
    pub(crate) fn new(source: &Source, scales: &[f32]) -> Self {
        let scales = scales.iter().map(|&scale| f64::from(scale));
        Self {
            window: f64::from(source.window_days.max(1)),
            repeats: source.repeats,
            numbers: number_fields(source).into_iter().zip(scales).collect(),
        }
    }

    /// The features of event `i` of `events`. `reference` must be later than the event.
    pub(crate) fn of_one(&self, events: &Events<'_>, i: usize, reference: Timestamp) -> Vec<f32> {
        let mut features = self.time(events, i, i.checked_sub(1), reference);
        self.push_numbers(events, &[i], &mut features);
        features
    }

    /// The features of merged events: `same` holds the positions of the events of one text in
    /// ascending order, at least one.
    pub(crate) fn of_merged(
        &self,
        events: &Events<'_>,
        same: &[usize],
        reference: Timestamp,
    ) -> Vec<f32> {
        let (first, newest) = (same[0], same[same.len() - 1]);
        let previous = same.len().checked_sub(2).map(|at| same[at]);
        let mut features = self.time(events, newest, previous, reference);
        let recent = same
            .iter()
            .filter(|&&i| reference.days_since(events.time(i)) <= self.window / 3.0);
        features.extend(
            [
                ((same.len() as f64).ln_1p() / MANY_REPEATS.ln_1p()).min(LIMIT),
                self.log_days(reference.days_since(events.time(first))),
                recent.count() as f64 / same.len() as f64,
            ]
            .map(|value| value as f32),
        );
        self.push_numbers(events, same, &mut features);
        features
    }

    fn log_days(&self, days: f64) -> f64 {
        days.max(0.0).ln_1p() / self.window.ln_1p()
    }

    fn time(
        &self,
        events: &Events<'_>,
        i: usize,
        previous: Option<usize>,
        reference: Timestamp,
    ) -> Vec<f32> {
        let time = events.time(i);
        let since_previous = previous.map(|previous| {
            self.log_days(time.days_since(events.time(previous)))
                .min(1.0)
        });
        let second = time.0.rem_euclid(SECONDS_PER_DAY) as f64;
        let hour = TAU * second / SECONDS_PER_DAY as f64;
        let weekday = TAU * f64::from(time.weekday()) / 7.0;
        let more = match self.repeats {
            Repeats::Keep => 0,
            Repeats::Merge => REPEAT_FEATURES.len(),
        };
        let mut features = Vec::with_capacity(TIME_FEATURES.len() + more + 2 * self.numbers.len());
        features.extend(
            [
                self.log_days(reference.days_since(time)),
                since_previous.unwrap_or(1.0),
                hour.sin(),
                hour.cos(),
                weekday.sin(),
                weekday.cos(),
            ]
            .map(|value| value as f32),
        );
        features
    }

    fn push_numbers(&self, events: &Events<'_>, same: &[usize], features: &mut Vec<f32>) {
        for &(field, scale) in &self.numbers {
            let values = same.iter().filter_map(|&i| events.number(i, field));
            let sum = values.fold(None, |sum: Option<f64>, value| {
                Some(sum.unwrap_or(0.0) + value.clamp(-LARGEST, LARGEST))
            });
            let scaled = sum.map_or(0.0, |v| (signed_log1p(v) / scale).clamp(-LIMIT, LIMIT));
            features.extend([scaled as f32, f32::from(u8::from(sum.is_none()))]);
        }
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
        // Day 4 was a Monday (1970-01-05), and 6 o'clock is a quarter of the day.
        let rows = [
            row("u", 0, day(3.25), &[text("a"), Number(-99.0), Null, Null]),
            row("u", 0, day(4.25), &[text("a"), Null, Null, Number(0.0)]),
        ];
        let shard = shard(&schema, &rows, 0);
        let events = shard.history(0).events(0);
        let features = EventFeatures::new(source, &[10.0, 1.0]);
        let first = features.of_one(&events, 0, day(5.0));
        let second = features.of_one(&events, 1, day(4.75));

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
        let mut fit = ScaleFit::new(1);
        assert_eq!(fit.clone().scale(), UNFITTED_SCALE);
        fit.add(0, 0.0);
        assert_eq!(fit.scale(), UNFITTED_SCALE);
        let mut fit = ScaleFit::new(2);
        [5.0, -5.0].into_iter().for_each(|value| fit.add(0, value));
        assert_eq!(fit.clone().scale(), UNFITTED_SCALE, "of one user");
        fit.add(1, 5.0);
        assert!((f64::from(fit.scale()) - 2.0 * 6_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn extreme_numbers_stay_finite() {
        let schema = schema();
        let cells = [Null, Number(f64::MAX), Null, Number(f64::MIN)];
        let shard = shard(&schema, &[row("u", 0, day(0.0), &cells)], 0);
        let features = EventFeatures::new(&schema.sources[0], &[1e-3, 1e30]);
        let features = features.of_one(&shard.history(0).events(0), 0, Timestamp(i64::MAX));
        assert!(
            features.iter().all(|value| value.is_finite()),
            "{features:?}"
        );
        assert_eq!(features[6], 2.0);
    }
}
