//! Against scikit-learn and SciPy: `scripts/golden/eval.py` makes the file.

use instructue_metrics::{
    CrossValidation, LogisticRegression, Map2d, auc, ks, log_loss, roc_curve,
};
use instructue_schema::Matrix;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    regressions: Vec<Regression>,
    grid: Grid,
    rankings: Vec<Ranked>,
    pca: Pca,
}

#[derive(Deserialize)]
struct Regression {
    name: String,
    x: Vec<Vec<f32>>,
    y: Vec<bool>,
    new: Vec<Vec<f32>>,
    fits: Vec<Fit>,
}

#[derive(Deserialize)]
struct Fit {
    l2: f64,
    weights: Vec<f64>,
    intercept: f64,
    auc: f64,
    log_loss: f64,
    new_scores: Vec<f64>,
}

#[derive(Deserialize)]
struct Grid {
    case: String,
    folds: Vec<usize>,
    points: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    l2: f64,
    log_loss: f64,
    auc: f64,
}

#[derive(Deserialize)]
struct Ranked {
    scores: Vec<f64>,
    labels: Vec<bool>,
    auc: f64,
    ks: f64,
    roc: Vec<(f64, f64)>,
}

#[derive(Deserialize)]
struct Pca {
    x: Vec<Vec<f32>>,
    explained: (f64, f64),
    points: Vec<(f64, f64)>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/eval.json")).unwrap()
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let bound = tolerance * expected.abs().max(1.0);
    assert!(
        (found - expected).abs() <= bound,
        "{what}: {found}, expected {expected}"
    );
}

#[test]
fn logistic_regression_equals_scikit_learn() {
    for case in golden().regressions {
        let (x, new) = (
            Matrix::from_rows(&case.x).unwrap(),
            Matrix::from_rows(&case.new).unwrap(),
        );
        for expected in &case.fits {
            let what = format!("{}, l2 {}", case.name, expected.l2);
            let fit = LogisticRegression::fit(&x, &case.y, expected.l2).unwrap();
            assert_eq!(fit.weights.len(), expected.weights.len());
            for (&found, &weight) in fit.weights.iter().zip(&expected.weights) {
                close(found, weight, 1e-6, &what);
            }
            close(fit.intercept, expected.intercept, 1e-6, &what);
            let scores = fit.scores(&x).unwrap();
            close(auc(&scores, &case.y).unwrap(), expected.auc, 1e-9, &what);
            close(log_loss(&scores, &case.y), expected.log_loss, 1e-7, &what);
            for (found, &score) in fit
                .scores(&new)
                .unwrap()
                .into_iter()
                .zip(&expected.new_scores)
            {
                close(found, score, 1e-5, &what);
            }
        }
    }
}

#[test]
fn cross_validation_equals_scikit_learn() {
    let golden = golden();
    let case = golden
        .regressions
        .iter()
        .find(|case| case.name == golden.grid.case)
        .unwrap();
    let grid = golden.grid.points.iter().map(|point| point.l2).collect();
    let cross_validation = CrossValidation {
        grid,
        ..CrossValidation::default()
    };
    let x = Matrix::from_rows(&case.x).unwrap();
    let points = cross_validation
        .evaluate(&x, &case.y, &golden.grid.folds)
        .unwrap();
    assert_eq!(points.len(), golden.grid.points.len());
    for (found, expected) in points.iter().zip(&golden.grid.points) {
        assert_eq!(found.l2, expected.l2);
        close(found.log_loss, expected.log_loss, 1e-6, "log-loss");
        close(found.auc, expected.auc, 1e-9, "AUC");
    }
}

#[test]
fn rankings_equal_scikit_learn_and_scipy() {
    for case in golden().rankings {
        close(
            auc(&case.scores, &case.labels).unwrap(),
            case.auc,
            1e-12,
            "AUC",
        );
        close(
            ks(&case.scores, &case.labels).unwrap(),
            case.ks,
            1e-12,
            "KS",
        );
        let curve = roc_curve(&case.scores, &case.labels);
        assert_eq!(curve.len(), case.roc.len());
        for (found, expected) in curve.iter().zip(&case.roc) {
            close(found.0, expected.0, 1e-12, "false-positive rate");
            close(found.1, expected.1, 1e-12, "true-positive rate");
        }
    }
}

#[test]
fn components_equal_scikit_learn_up_to_sign() {
    let Pca {
        x,
        explained,
        points,
    } = golden().pca;
    let map = Map2d::pca(
        &Matrix::from_rows(&x).unwrap(),
        vec![String::new(); x.len()],
        "",
    )
    .unwrap();
    close(map.explained.0, explained.0, 1e-6, "first share");
    close(map.explained.1, explained.1, 1e-6, "second share");
    let sign = |found: f64, expected: f64| (found * expected).signum();
    let first = &map.points[0];
    let signs = (
        sign(f64::from(first.0), points[0].0),
        sign(f64::from(first.1), points[0].1),
    );
    for (found, expected) in map.points.iter().zip(&points) {
        close(
            f64::from(found.0) * signs.0,
            expected.0,
            1e-4,
            "first component",
        );
        close(
            f64::from(found.1) * signs.1,
            expected.1,
            1e-4,
            "second component",
        );
    }
}
