//! Everything that is drawn of one method at one task.

use crate::error::Result;
use crate::results::Curves;
use crate::scores::FoldScores;
use instructue_metrics::roc_curve;
use instructue_metrics::{Calibration, Deciles, gain_curve, ks_curve};

/// The curves of a method, all folds together. `probabilities`: scores are
/// probabilities; otherwise they are log-odds.
///
/// At most about `points` points are kept of each. Probes of different folds are
/// comparable as far as they are calibrated.
pub(crate) fn curves(
    method: &str,
    folds: &[&FoldScores],
    probabilities: bool,
    points: usize,
) -> Result<Curves> {
    let scores: Vec<f64> = folds.iter().flat_map(|fold| fold.scores.clone()).collect();
    let labels: Vec<bool> = folds.iter().flat_map(|fold| fold.labels.clone()).collect();
    let predicted: Vec<f64> = match probabilities {
        true => scores.clone(),
        false => scores
            .iter()
            .map(|score| 1.0 / (1.0 + (-score).exp()))
            .collect(),
    };
    Ok(Curves {
        method: method.into(),
        roc: thinned(&roc_curve(&scores, &labels), points),
        ks: ks_curve(&scores, &labels, points),
        gain: gain_curve(&scores, &labels, 51),
        deciles: Deciles::new(&scores, &labels).unwrap_or_default(),
        calibration: Calibration::new(&predicted, &labels, 10).ok(),
    })
}

/// At most about `most` points of a curve, first and last included.
fn thinned(curve: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let step = curve.len().div_ceil(most.max(2)).max(1);
    let last = curve.len().saturating_sub(1);
    let keep = |at: &usize| at.is_multiple_of(step) || *at == last;
    (0..curve.len()).filter(keep).map(|at| curve[at]).collect()
}
