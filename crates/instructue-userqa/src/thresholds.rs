//! Bands: quantiles of the training users.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where bands begin, per quantity, and what was learned about each source's clock.
///
/// A quantity is named by time, measure and place, such as `past.days.bill` or
/// `next.sum.bill.amount`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// The 20, 40, 60 and 80 % quantiles of each quantity.
    pub cuts: BTreeMap<String, [f64; 4]>,
    /// Whether a source's times tell the time of day (dates alone do not).
    pub clock: BTreeMap<String, bool>,
}

impl Thresholds {
    /// The band of a value, 0 (very low) to 4 (very high); `None` for an unknown quantity.
    pub fn band(&self, quantity: &str, value: f64) -> Option<u8> {
        let cuts = self.cuts.get(quantity)?;
        Some(cuts.partition_point(|cut| *cut < value) as u8)
    }

    /// Whether the source's times tell the time of day.
    pub fn clock(&self, source: &str) -> bool {
        self.clock.get(source).copied().unwrap_or(false)
    }

    pub(crate) fn set(&mut self, quantity: String, mut values: Vec<f64>) {
        if values.is_empty() {
            return;
        }
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        let cut = |quarter: usize| values[last * quarter / 5];
        self.cuts.insert(quantity, [cut(1), cut(2), cut(3), cut(4)]);
    }
}

/// `past.days.bill`, `next.sum.bill.amount` …
pub(crate) fn quantity(measure: &str, source: &str, field: Option<&str>) -> String {
    match field {
        Some(field) => format!("{measure}.{source}.{field}"),
        None => format!("{measure}.{source}"),
    }
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
}
