//! Against scikit-learn and NumPy: `scripts/golden/measures.py` makes the file.

use instructue_metrics::{Calibration, Candidates, RidgeRanker, VarianceShares};
use instructue_schema::Matrix;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    calibration: Calibrated,
    rankings: Vec<Ranked>,
    ridge: Ridge,
    variance: Variance,
}

#[derive(Deserialize)]
struct Calibrated {
    probabilities: Vec<f64>,
    labels: Vec<bool>,
    bins: usize,
    observed: Vec<f64>,
    predicted: Vec<f64>,
    brier: f64,
}

#[derive(Deserialize)]
struct Ranked {
    scores: Vec<f32>,
    relevant: Vec<usize>,
    k: usize,
    ndcg: f64,
    hit: f64,
}

#[derive(Deserialize)]
struct Ridge {
    x: Vec<Vec<f32>>,
    taken: Vec<Vec<usize>>,
    new: Vec<Vec<f32>>,
    l2: f64,
    scores: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Variance {
    vectors: Vec<Vec<Vec<f32>>>,
    shares: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/measures.json")).unwrap()
}

fn near(found: f64, expected: f64, bound: f64) {
    assert!((found - expected).abs() <= bound, "{found} {expected}");
}

#[test]
fn calibration_is_that_of_scikit_learn() {
    let case = golden().calibration;
    let found = Calibration::new(&case.probabilities, &case.labels, case.bins).unwrap();
    assert_eq!(found.bins.len(), case.bins);
    for (bin, (observed, predicted)) in found
        .bins
        .iter()
        .zip(case.observed.into_iter().zip(case.predicted))
    {
        near(bin.observed, observed, 1e-9);
        near(bin.predicted, predicted, 1e-9);
    }
    near(found.brier, case.brier, 1e-9);
}

#[test]
fn rankings_are_those_of_scikit_learn() {
    for case in golden().rankings {
        let found = Candidates::new(&case.scores, &case.relevant, &[]);
        near(found.ndcg_at_k(case.k), case.ndcg, 1e-9);
        near(found.hit_rate_at_k(case.k), case.hit, 1e-9);
    }
}

#[test]
fn a_ridge_is_that_of_scikit_learn() {
    let case = golden().ridge;
    let x = Matrix::from_rows(&case.x).unwrap();
    let taken: Vec<&[usize]> = case.taken.iter().map(Vec::as_slice).collect();
    let ranker = RidgeRanker::fit(&x, &taken, case.scores[0].len(), case.l2).unwrap();
    let found = ranker
        .scores(&Matrix::from_rows(&case.new).unwrap())
        .unwrap();
    for (row, expected) in case.scores.iter().enumerate() {
        for (&found, &expected) in found.row(row).iter().zip(expected) {
            near(f64::from(found), expected, 1e-6);
        }
    }
}

#[test]
fn shares_of_variance_are_those_of_numpy() {
    let case = golden().variance;
    let vectors: Vec<Matrix> = case
        .vectors
        .iter()
        .map(|rows| Matrix::from_rows(rows).unwrap())
        .collect();
    let found = VarianceShares::of(&vectors).unwrap();
    let shares = [found.user, found.instruction, found.interaction];
    for (found, expected) in shares.into_iter().zip(case.shares) {
        near(found, expected, 1e-9);
    }
}
