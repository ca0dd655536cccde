//! What must hold of metrics and probes whatever the data.

use instructue_metrics::{
    CrossValidation, LogisticRegression, auc, ks, lift_at, log_loss, recall_at_k, roc_curve,
};
use instructue_schema::{Matrix, seed};
use proptest::prelude::*;

/// Scores on a coarse grid (so that ties occur) with labels of both classes.
fn ranked() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    prop::collection::vec((-20i32..20, any::<bool>()), 2..80)
        .prop_filter("both classes", |rows| {
            rows.iter().any(|row| row.1) && rows.iter().any(|row| !row.1)
        })
        .prop_map(|rows| {
            rows.into_iter()
                .map(|(s, l)| (f64::from(s) / 4.0, l))
                .unzip()
        })
}

/// Inputs of three columns with labels of both classes.
fn examples() -> impl Strategy<Value = (Matrix, Vec<bool>)> {
    prop::collection::vec(((-9i8..9, -9i8..9, -9i8..9), any::<bool>()), 4..40)
        .prop_filter("both classes", |rows| {
            rows.iter().any(|row| row.1) && rows.iter().any(|row| !row.1)
        })
        .prop_map(|rows| {
            let inputs: Vec<[f32; 3]> = rows
                .iter()
                .map(|((a, b, c), _)| [f32::from(*a), f32::from(*b), f32::from(*c)])
                .collect();
            (
                Matrix::from_rows(&inputs).unwrap(),
                rows.iter().map(|row| row.1).collect(),
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn auc_is_the_share_of_pairs_won((scores, labels) in ranked()) {
        let (mut won, mut pairs) = (0.0, 0.0);
        for (s, &positive) in scores.iter().zip(&labels) {
            for (t, &other) in scores.iter().zip(&labels) {
                if positive && !other {
                    pairs += 1.0;
                    won += if s > t { 1.0 } else if s == t { 0.5 } else { 0.0 };
                }
            }
        }
        prop_assert!((auc(&scores, &labels).unwrap() - won / pairs).abs() < 1e-12);
    }

    #[test]
    fn negated_scores_give_the_complement((scores, labels) in ranked()) {
        let negated: Vec<f64> = scores.iter().map(|s| -s).collect();
        let sum = auc(&scores, &labels).unwrap() + auc(&negated, &labels).unwrap();
        prop_assert!((sum - 1.0).abs() < 1e-12);
        let difference = ks(&scores, &labels).unwrap() - ks(&negated, &labels).unwrap();
        prop_assert!(difference.abs() < 1e-12);
    }

    #[test]
    fn only_the_order_counts((scores, labels) in ranked(), order in any::<prop::sample::Index>()) {
        let mapped: Vec<f64> = scores.iter().map(|s| (s / 3.0).exp() * 7.0 - 100.0).collect();
        prop_assert_eq!(auc(&scores, &labels), auc(&mapped, &labels));
        prop_assert_eq!(ks(&scores, &labels), ks(&mapped, &labels));
        prop_assert_eq!(roc_curve(&scores, &labels), roc_curve(&mapped, &labels));
        // Nor does the order of the users.
        let (mut scores2, mut labels2) = (scores.clone(), labels.clone());
        let turn = order.index(scores.len());
        scores2.rotate_left(turn);
        labels2.rotate_left(turn);
        prop_assert_eq!(auc(&scores, &labels), auc(&scores2, &labels2));
        prop_assert_eq!(ks(&scores, &labels), ks(&scores2, &labels2));
    }

    #[test]
    fn ks_is_bounded_and_read_from_the_curve((scores, labels) in ranked()) {
        let distance = ks(&scores, &labels).unwrap();
        let curve = roc_curve(&scores, &labels);
        let greatest = curve.iter().map(|(x, y)| (y - x).abs()).fold(0.0, f64::max);
        prop_assert!((0.0..=1.0).contains(&distance));
        prop_assert!((distance - greatest).abs() < 1e-12);
        // The triangle below the highest point lies under the curve.
        let area = auc(&scores, &labels).unwrap();
        prop_assert!(area <= 0.5 + distance + 1e-12 && area >= 0.5 - distance - 1e-12);
    }

    #[test]
    fn the_curve_rises_and_its_area_is_the_auc((scores, labels) in ranked()) {
        let curve = roc_curve(&scores, &labels);
        prop_assert_eq!((curve[0], curve[curve.len() - 1]), ((0.0, 0.0), (1.0, 1.0)));
        let mut area = 0.0;
        for pair in curve.windows(2) {
            prop_assert!(pair[1].0 >= pair[0].0 && pair[1].1 >= pair[0].1);
            area += (pair[1].0 - pair[0].0) * (pair[1].1 + pair[0].1) / 2.0;
        }
        prop_assert!((area - auc(&scores, &labels).unwrap()).abs() < 1e-12);
    }

    #[test]
    fn lift_is_bounded((scores, labels) in ranked(), share in 0.01f64..=1.0) {
        let rate = labels.iter().filter(|&&l| l).count() as f64 / labels.len() as f64;
        let lift = lift_at(&scores, &labels, share).unwrap();
        prop_assert!(lift >= -1e-12 && lift <= 1.0 / rate + 1e-9);
    }

    #[test]
    fn recall_grows_with_k(values in prop::collection::vec(0u8..6, 12), target in 0usize..12) {
        let row: Vec<f32> = values.iter().map(|&v| f32::from(v)).collect();
        let similarities = Matrix::from_rows(&[row]).unwrap();
        let relevant = [vec![target]];
        let mut before = 0.0;
        for k in 0..=12 {
            let now = recall_at_k(&similarities, &relevant, k).unwrap();
            prop_assert!(now >= before - 1e-12 && now <= 1.0 + 1e-12);
            before = now;
        }
        prop_assert!((before - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_fit_is_a_minimum((x, y) in examples(), exponent in -2i32..4) {
        let l2 = 10f64.powi(exponent);
        let fit = LogisticRegression::fit(&x, &y, l2).unwrap();
        let objective = |fit: &LogisticRegression| {
            let penalty: f64 = fit.weights.iter().map(|w| w * w).sum();
            log_loss(&fit.scores(&x).unwrap(), &y) * y.len() as f64 + l2 / 2.0 * penalty
        };
        let least = objective(&fit);
        for at in 0..4 {
            for step in [-1e-3, 1e-3] {
                let mut other = fit.clone();
                match other.weights.get_mut(at) {
                    Some(weight) => *weight += step,
                    None => other.intercept += step,
                }
                prop_assert!(objective(&other) >= least - 1e-9, "{at} {step}");
            }
        }
        // The intercept is free, so the mean probability is the share of positives.
        let mean = fit.probabilities(&x).unwrap().iter().sum::<f64>() / y.len() as f64;
        let share = y.iter().filter(|&&label| label).count() as f64 / y.len() as f64;
        prop_assert!((mean - share).abs() < 1e-6, "{mean} {share}");
    }

    #[test]
    fn scale_and_shift_of_inputs_do_not_matter((x, y) in examples(), power in -8i32..8) {
        let factor = 2f32.powi(power);
        let mut other = x.clone();
        for row in 0..other.rows {
            other.values[row * 3] = x.values[row * 3] * factor + 3.0 * factor;
        }
        let scores = |x: &Matrix| LogisticRegression::fit(x, &y, 1.0).unwrap().scores(x).unwrap();
        for (a, b) in scores(&x).into_iter().zip(scores(&other)) {
            prop_assert!((a - b).abs() < 1e-6);
        }
    }
}

#[test]
fn bad_inputs_are_errors() {
    let x = Matrix::from_rows(&[[1.0f32], [2.0], [3.0]]).unwrap();
    let y = [true, false, true];
    let says = |result: instructue_metrics::Result<LogisticRegression>, words: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    says(
        LogisticRegression::fit(&x, &y[..2], 1.0),
        "expected 3, found 2",
    );
    says(LogisticRegression::fit(&x, &[true; 3], 1.0), "0 negative");
    for l2 in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        says(LogisticRegression::fit(&x, &y, l2), "above 0");
    }
    let mut bad = x.clone();
    bad.values[1] = f32::INFINITY;
    says(LogisticRegression::fit(&bad, &y, 1.0), "row 1, column 0");
    bad.values.pop();
    says(LogisticRegression::fit(&bad, &y, 1.0), "3 × 1");
    let fit = LogisticRegression::fit(&x, &y, 1.0).unwrap();
    let wide = Matrix::from_rows(&[[1.0f32, 2.0]]).unwrap();
    assert!(
        fit.scores(&wide)
            .unwrap_err()
            .to_string()
            .contains("expected 1, found 2")
    );
}

#[test]
fn a_constant_column_has_no_weight() {
    let x = Matrix::from_rows(&[[0.1f32, 1.0], [0.1, 2.0], [0.1, 0.5], [0.1, 3.0]]).unwrap();
    let fit = LogisticRegression::fit(&x, &[false, true, false, true], 1.0).unwrap();
    assert!(fit.weights[0].abs() < 1e-9 && fit.weights[1] > 0.1);
    // A user in whom it varies is scored by the other column.
    let new = Matrix::from_rows(&[[1e6f32, 1.0], [0.1, 1.0]]).unwrap();
    let scores = fit.scores(&new).unwrap();
    assert!((scores[0] - scores[1]).abs() < 1e-3);
}

/// Users whose label shows in column 0; column 1 holds it, too, the more clearly
/// the larger `second`; the rest is noise.
fn blocks(second: f64, noise: usize, seed: u64) -> (Matrix, Vec<bool>) {
    let draw = |user: u64, column: u64| {
        seed::derive(seed, "blocks", &[user, column]) as f64 / u64::MAX as f64 * 2.0 - 1.0
    };
    let labels: Vec<bool> = (0..300).map(|user| draw(user, 1000) > 0.0).collect();
    let rows: Vec<Vec<f32>> = (0..300)
        .map(|user| {
            let sign = if labels[user as usize] { 1.0 } else { -1.0 };
            let of = |column: u64| match column {
                0 => 0.5 * sign + draw(user, 0),
                1 => second * sign + draw(user, 1),
                _ => draw(user, column),
            };
            (0..2 + noise as u64).map(|c| of(c) as f32).collect()
        })
        .collect();
    (Matrix::from_rows(&rows).unwrap(), labels)
}

/// AUC on the second half of a probe of the first, with columns from 1 on as a
/// block of their own or not.
fn auc_of_halves(x: &Matrix, y: &[bool], apart: bool) -> f64 {
    let (train, test): (Vec<usize>, Vec<usize>) = (0..x.rows).partition(|row| row % 2 == 0);
    let pick = |rows: &[usize]| rows.iter().map(|&row| y[row]).collect::<Vec<_>>();
    let (x_train, y_train) = (x.select(&train), pick(&train));
    let probe = CrossValidation::default();
    let fit = match apart {
        true => probe.fit_blocks(&x_train, &y_train, 1).unwrap(),
        false => probe.fit(&x_train, &y_train).unwrap().0,
    };
    auc(&fit.scores(&x.select(&test)).unwrap(), &pick(&test)).unwrap()
}

#[test]
fn a_block_of_noise_disturbs_little_and_a_block_that_knows_counts_in_full() {
    let (mut noisy, mut plain, mut first) = (0.0, 0.0, 0.0);
    for seed in 0..5 {
        let (x, y) = blocks(0.0, 120, seed);
        noisy += auc_of_halves(&x, &y, true) / 5.0;
        plain += auc_of_halves(&x, &y, false) / 5.0;
        let (alone, _) = blocks(0.0, 0, seed);
        first += auc_of_halves(&alone, &y, false) / 5.0;
    }
    assert!(noisy > plain + 0.01, "{noisy} apart, {plain} as one");
    assert!(
        noisy > first - 0.05,
        "{noisy} beside noise, {first} without"
    );
    let (x, y) = blocks(1.5, 20, 9);
    let both = auc_of_halves(&x, &y, true);
    assert!(both > 0.97, "{both}");
}

#[test]
fn a_block_from_a_column_past_the_last_is_no_block() {
    let (x, y) = blocks(0.3, 4, 1);
    let probe = CrossValidation::default();
    let none = probe.fit_blocks(&x, &y, x.columns).unwrap();
    let (plain, _) = probe.fit(&x, &y).unwrap();
    assert_eq!(none, plain);
}
