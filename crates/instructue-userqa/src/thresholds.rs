//! Fitted thresholds: the limits of bands such as "high", and the values that may be named.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The values fitted on the training users: the limits of bands, which sources have times of day,
/// and the values of the data that questions and answers may name.
///
/// The name of a quantity holds time, measure and place, such as `past.days.bill` or
/// `next.sum.bill.amount`. Nothing here comes from fewer than
/// [`min_users`](crate::UserQaConfig::min_users) users.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// The 20, 40, 60 and 80 % quantiles of each quantity, in two significant digits. A quantile
    /// is some user's value, so it is not more exact than an answer would be.
    pub cuts: BTreeMap<String, [f64; 4]>,
    /// Whether a source's times have a time of day. Dates alone have none.
    pub clock: BTreeMap<String, bool>,
    /// The values of each category field, named `source.field`, that enough users have. Questions
    /// and answers name no others.
    pub common: BTreeMap<String, BTreeSet<String>>,
}

impl Thresholds {
    /// The band of a value, 0 (very low) to 4 (very high); `None` for an unknown quantity.
    pub fn band(&self, quantity: &str, value: f64) -> Option<u8> {
        let cuts = self.cuts.get(quantity)?;
        Some(cuts.partition_point(|cut| *cut < value) as u8)
    }

    /// Whether the source's times have a time of day.
    pub fn clock(&self, source: &str) -> bool {
        self.clock.get(source).copied().unwrap_or(false)
    }

    /// The values of a field that questions and answers may name.
    pub(crate) fn common(&self, source: &str, field: &str) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.common.get(&field_name(source, field)).unwrap_or(&NONE)
    }

    pub(crate) fn set(&mut self, quantity: String, mut values: Vec<f64>) {
        if values.is_empty() {
            return;
        }
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        let cut = |fifth: usize| two_digits(values[last * fifth / 5]);
        self.cuts.insert(quantity, [cut(1), cut(2), cut(3), cut(4)]);
    }
}

/// The name of a quantity, such as `past.days.bill` or `next.sum.bill.amount`.
pub(crate) fn quantity(measure: &str, source: &str, field: Option<&str>) -> String {
    match field {
        Some(field) => format!("{measure}.{source}.{field}"),
        None => format!("{measure}.{source}"),
    }
}

/// The name `source.field`, under which the fitted values of a field are kept.
pub(crate) fn field_name(source: &str, field: &str) -> String {
    format!("{source}.{field}")
}

/// The nearest number of two significant digits.
fn two_digits(x: f64) -> f64 {
    // Formatting and parsing give the float that is nearest to the decimal.
    let rounded: f64 = format!("{x:.1e}").parse().unwrap_or(x);
    // JSON has no infinity, so an overflowed sum becomes the largest number.
    rounded.clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_are_quintiles() {
        let mut thresholds = Thresholds::default();
        thresholds.set("q".into(), (1..=100).rev().map(f64::from).collect());
        let bands: Vec<u8> = (1..=100)
            .filter_map(|x| thresholds.band("q", f64::from(x)))
            .collect();
        for band in 0..5 {
            let size = bands.iter().filter(|b| **b == band).count();
            assert!((19..=21).contains(&size), "band {band}: {size}");
        }
        assert_eq!(thresholds.band("unknown", 1.0), None);
    }

    #[test]
    fn cuts_tell_no_value_exactly() {
        let mut thresholds = Thresholds::default();
        thresholds.set("q".into(), vec![5_550_198_765.0; 7]);
        assert_eq!(thresholds.cuts["q"], [5.6e9; 4]);
        for (x, rounded) in [(0.0, 0.0), (-0.0123, -0.012), (7.0, 7.0), (43.21, 43.0)] {
            assert_eq!(two_digits(x), rounded, "{x}");
        }
        for (x, rounded) in [(f64::MAX, f64::MAX), (f64::NEG_INFINITY, f64::MIN)] {
            assert_eq!(two_digits(x), rounded, "{x}");
        }
    }
}
