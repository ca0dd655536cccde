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
