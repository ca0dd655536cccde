//! What a campaign looks at: who is reached first, and whether probabilities hold.

use serde::{Deserialize, Serialize};

use crate::binary::Ranking;
use crate::error::{Error, Result};

/// Users by score in equal parts, the highest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Deciles {
    /// One entry per part.
    pub parts: Vec<Decile>,
}

/// One of the parts. Users tied at an edge count in both parts, each by a share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Decile {
    /// Users.
    pub users: f64,
    /// Positives among them.
    pub positives: f64,
    /// The rate of positives over that of all users.
    pub lift: f64,
    /// Share of all positives in this and the parts before.
    pub gain: f64,
}

impl Deciles {
    /// Ten parts; `None` without positives or with NaN scores.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn new(scores: &[f64], labels: &[bool]) -> Option<Self> {
        let ranking = Ranking::new(scores, labels)?;
        let all = ranking.len() as f64;
        let positives = labels.iter().filter(|&&label| label).count() as f64;
        let found = |share: f64| match share > 0.0 {
            true => ranking
                .lift_at(share, None)
                .map(|lift| lift * share * positives),
            false => Some(0.0),
        };
        let mut parts = Vec::with_capacity(10);
        let mut before = found(0.0)?;
        for part in 1..=10 {
            let until = found(f64::from(part) / 10.0)?;
            // Rounding can leave a little less than none.
            let own = (until - before).max(0.0);
            parts.push(Decile {
                users: all / 10.0,
                positives: own,
                lift: own / positives * 10.0,
                gain: until / positives,
            });
            before = until;
        }
        Some(Self { parts })
    }
}

/// (Share of users by score, share of all positives among them), from (0, 0) to
/// (1, 1), at `points` equal steps. Empty without positives or with NaN scores.
///
/// # Panics
/// If the lengths differ.
pub fn gain_curve(scores: &[f64], labels: &[bool], points: usize) -> Vec<(f64, f64)> {
    let Some(ranking) = Ranking::new(scores, labels) else {
        return Vec::new();
    };
    let steps = points.max(2) - 1;
    let at = |step: usize| {
        let share = step as f64 / steps as f64;
        match step {
            0 => Some((0.0, 0.0)),
            _ => ranking
                .lift_at(share, None)
                .map(|lift| (share, lift * share)),
        }
    };
    (0..=steps)
        .map(at)
        .collect::<Option<_>>()
        .unwrap_or_default()
}

/// (Share of users above the threshold, true-positive rate − false-positive rate),
/// one point per distinct score, at most about `points`; the largest gap is kept.
/// Empty when a class is absent or a score is NaN.
///
/// # Panics
/// If the lengths differ.
pub fn ks_curve(scores: &[f64], labels: &[bool], points: usize) -> Vec<(f64, f64)> {
    let Some(ranking) = Ranking::new(scores, labels) else {
        return Vec::new();
    };
    let positives = labels.iter().filter(|&&label| label).count() as f64;
    let negatives = labels.len() as f64 - positives;
    let curve: Vec<(f64, f64)> = ranking
        .roc_curve()
        .into_iter()
        .map(|(fpr, tpr)| {
            let above = fpr * negatives + tpr * positives;
            (above / labels.len() as f64, tpr - fpr)
        })
        .collect();
    let widest = (0..curve.len()).max_by(|&a, &b| curve[a].1.abs().total_cmp(&curve[b].1.abs()));
    let step = curve.len().div_ceil(points.max(2)).max(1);
    let keep = |at: &usize| at.is_multiple_of(step) || Some(*at) == widest || at + 1 == curve.len();
    (0..curve.len()).filter(keep).map(|at| curve[at]).collect()
}

/// Predicted beside observed rates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Users in equal numbers by predicted probability, the lowest first.
    pub bins: Vec<CalibrationBin>,
    /// Mean distance of both rates, weighted by users.
    pub expected_error: f64,
    /// Mean squared distance of probability and truth.
    pub brier: f64,
}

/// One bin of a [`Calibration`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Mean predicted probability.
    pub predicted: f64,
    /// Share of positives.
    pub observed: f64,
    /// Users.
    pub users: usize,
}

impl Calibration {
    /// From probabilities; `bins` of equal size, fewer when there are fewer users.
    ///
    /// # Errors
    /// Lengths that differ, no user, a probability outside 0 to 1.
    pub fn new(probabilities: &[f64], labels: &[bool], bins: usize) -> Result<Self> {
        let n = labels.len();
        if probabilities.len() != n || n == 0 {
            let expected = format!("{n}, at least 1");
            return Err(Error::shape("probabilities", expected, probabilities.len()));
        }
        if let Some(bad) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(Error::shape("a probability", "0 to 1", bad));
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| {
            probabilities[a]
                .total_cmp(&probabilities[b])
                .then(a.cmp(&b))
        });
        let bins = bins.clamp(1, n);
        let truth = |user: usize| f64::from(u8::from(labels[user]));
        let bins: Vec<CalibrationBin> = (0..bins)
            .map(|bin| {
                let users = &order[bin * n / bins..(bin + 1) * n / bins];
                let mean = |of: &dyn Fn(usize) -> f64| {
                    users.iter().map(|&user| of(user)).sum::<f64>() / users.len() as f64
                };
                CalibrationBin {
                    predicted: mean(&|user| probabilities[user]),
                    observed: mean(&truth),
                    users: users.len(),
                }
            })
            .collect();
        let error = bins.iter();
        let error = error.map(|b| (b.predicted - b.observed).abs() * b.users as f64);
        let squares = (0..n).map(|user| (probabilities[user] - truth(user)).powi(2));
        Ok(Self {
            expected_error: error.sum::<f64>() / n as f64,
            brier: squares.sum::<f64>() / n as f64,
            bins,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twenty() -> (Vec<f64>, Vec<bool>) {
        let scores = (0..20).map(|at| f64::from(20 - at)).collect();
        // Positives at 1, 2, 3 and 12.
        (
            scores,
            (0..20).map(|at| [0, 1, 2, 11].contains(&at)).collect(),
        )
    }

    #[test]
    fn deciles_by_hand() {
        let (scores, labels) = twenty();
        let parts = Deciles::new(&scores, &labels).unwrap().parts;
        let positives: Vec<f64> = parts.iter().map(|part| part.positives.round()).collect();
        assert_eq!(
            positives,
            [2.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
        );
        assert!((parts[0].lift - 5.0).abs() < 1e-9 && (parts[1].gain - 0.75).abs() < 1e-9);
        assert!((parts[9].gain - 1.0).abs() < 1e-9);
        assert_eq!(Deciles::new(&scores, &[false; 20]), None);
        // All tied: each part has its share.
        let tied = Deciles::new(&[1.0; 20], &labels).unwrap();
        assert!(tied.parts.iter().all(|part| (part.lift - 1.0).abs() < 1e-9));
    }

    #[test]
    fn curves_by_hand() {
        let (scores, labels) = twenty();
        let gain = gain_curve(&scores, &labels, 21);
        assert_eq!((gain[0], gain.len()), ((0.0, 0.0), 21));
        assert!((gain[3].1 - 0.75).abs() < 1e-9 && (gain[20].1 - 1.0).abs() < 1e-9);
        let curve = ks_curve(&scores, &labels, 4);
        let widest = curve.iter().map(|point| point.1).fold(0.0, f64::max);
        assert!((widest - 0.75).abs() < 1e-9, "{curve:?}");
        assert!(curve.len() <= 7 && curve[0] == (0.0, 0.0));
        assert!((curve.last().unwrap().0 - 1.0).abs() < 1e-9);
        assert!(ks_curve(&scores, &[true; 20], 9).is_empty());
    }

    #[test]
    fn calibration_by_hand() {
        let probabilities = [0.1, 0.9, 0.3, 0.7];
        let labels = [false, true, true, false];
        let found = Calibration::new(&probabilities, &labels, 2).unwrap();
        assert_eq!(found.bins[0].users, 2);
        assert!((found.bins[0].predicted - 0.2).abs() < 1e-12);
        assert!((found.bins[1].observed - 0.5).abs() < 1e-12);
        assert!((found.expected_error - 0.3).abs() < 1e-12);
        assert!((found.brier - (0.01 + 0.01 + 0.49 + 0.49) / 4.0).abs() < 1e-12);
        assert!(Calibration::new(&[1.2], &[true], 2).is_err());
        assert!(Calibration::new(&[], &[], 2).is_err());
        assert_eq!(Calibration::new(&[0.5], &[true], 10).unwrap().bins.len(), 1);
    }
}
