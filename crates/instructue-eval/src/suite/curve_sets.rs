//! Everything that is drawn of one method at one task.

use crate::curves::{Calibration, Deciles, gain_curve, ks_curve};
use crate::error::Result;
use crate::measure::thinned;
use crate::metrics::roc_curve;
use crate::suite::proof::Curves;
use crate::suite::scores::FoldScores;

/// Points kept of each curve.
const POINTS: usize = 120;

/// The curves of a method, all folds together. `probabilities`: scores are
/// probabilities; otherwise they are log-odds.
///
/// Probes of different folds are comparable as far as they are calibrated.
pub fn curves(method: &str, folds: &[&FoldScores], probabilities: bool) -> Result<Curves> {
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
        roc: thinned(&roc_curve(&scores, &labels), POINTS),
        ks: ks_curve(&scores, &labels, POINTS),
        gain: gain_curve(&scores, &labels, 51),
        deciles: Deciles::new(&scores, &labels).unwrap_or_default(),
        calibration: Calibration::new(&predicted, &labels, 10).ok(),
    })
}
