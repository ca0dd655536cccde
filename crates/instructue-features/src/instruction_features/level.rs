//! How much of a text a user has.

/// How much of a text the user has: the logarithm of 1 + the decayed number of `days`.
pub(super) fn level(days: &[i64], unit: f64) -> f64 {
    let ages = days.iter().map(|day| *day as f64 + 0.5);
    ages.map(|age| decay(age, 3.0 * unit)).sum::<f64>().ln_1p()
}

/// What an event of this age counts, if one counts half after `half_life`.
pub(super) fn decay(age: f64, half_life: f64) -> f64 {
    0.5f64.powf(age / half_life)
}
