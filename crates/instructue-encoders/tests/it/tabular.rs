//! Standardising and encoding the tabular source.

use burn::prelude::*;
use instructue_encoders::{CLIP, TabularConfig, TabularNormaliser, TabularStatistics};

fn rows(n: usize) -> Vec<[f32; 4]> {
    (0..n)
        .map(|i| {
            let x = i as f32;
            let second = if i % 3 == 0 { f32::NAN } else { 1e6 + x.sin() };
            [x * 0.5 - 4.0, second, 7.25, f32::NAN]
        })
        .collect()
}

/// Mean and population deviation in two passes.
fn reference(values: impl Iterator<Item = f32> + Clone) -> (f64, f64) {
    let values = values.filter(|x| x.is_finite()).map(f64::from);
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let var = values.map(|x| (x - mean).powi(2)).sum::<f64>() / n;
    (mean, var.sqrt())
}

#[test]
fn one_pass_equals_two_and_parts_equal_the_whole() {
    let rows = rows(200);
    let whole = TabularNormaliser::fit(4, &rows).unwrap();
    for column in 0..2 {
        let (mean, std) = reference(rows.iter().map(|row| row[column]));
        assert!((f64::from(whole.mean[column]) - mean).abs() <= 1e-6 * mean.abs().max(1.0));
        assert!((f64::from(whole.std[column]) / std - 1.0).abs() <= 1e-5);
    }
    let mut joined = TabularStatistics::new(4);
    for part in rows.chunks(37) {
        let mut statistics = TabularStatistics::new(4);
        for row in part {
            statistics.add(row).unwrap();
        }
        joined.merge(&statistics).unwrap();
    }
    assert_eq!(joined.rows(), 200);
    let joined = joined.finish();
    for (a, b) in whole.std.iter().zip(&joined.std) {
        assert!((a - b).abs() <= 1e-5 * a.abs());
    }
    assert_eq!(whole.mean[2..], joined.mean[2..]);
}

#[test]
fn constant_and_unseen_features_have_spread_one() {
    let fitted = TabularNormaliser::fit(4, rows(50)).unwrap();
    assert_eq!((fitted.mean[2], fitted.std[2]), (7.25, 1.0));
    assert_eq!((fitted.mean[3], fitted.std[3]), (0.0, 1.0));
    let nothing = TabularStatistics::new(2).finish();
    assert_eq!(nothing.mean, [0.0, 0.0]);
    assert_eq!(nothing.std, [1.0, 1.0]);
}

#[test]
fn values_are_flagged_and_cut() {
    let normaliser = TabularNormaliser {
        mean: vec![1.0, 0.0, 0.0, 0.0],
        std: vec![2.0, 1.0, 1.0, 1.0],
    };
    let row = [4.0, -1e30, f32::NAN, f32::INFINITY];
    let (values, missing) = normaliser.apply(&row).unwrap();
    assert_eq!(values, [1.5, -CLIP, 0.0, 0.0]);
    assert_eq!(missing, [0.0, 0.0, 1.0, 1.0]);
}

#[test]
fn a_normaliser_survives_its_file() {
    let fitted = TabularNormaliser::fit(4, rows(50)).unwrap();
    let text = serde_json::to_string(&fitted).unwrap();
    let back: TabularNormaliser = serde_json::from_str(&text).unwrap();
    assert_eq!(fitted, back);
}

#[test]
fn counts_are_checked() {
    let device = Device::default();
    let mut statistics = TabularStatistics::new(2);
    statistics.add(&[1.0, 2.0]).unwrap();
    let error = statistics.add(&[1.0]).unwrap_err().to_string();
    assert_eq!(error, "row 1: 1 numbers, expected 2");
    assert_eq!(statistics.rows(), 1);
    assert!(statistics.merge(&TabularStatistics::new(3)).is_err());

    let normaliser = statistics.finish();
    assert!(normaliser.apply(&[0.0; 3]).is_err());
    let encoder = TabularConfig::new(2, vec![3, 5], 16).init(&device).unwrap();
    let error = |rows: &[(&[f32], &[u32])]| {
        let rows = rows.iter().copied();
        let error = encoder.batch(&normaliser, rows, &device).unwrap_err();
        error.to_string()
    };
    let good: (&[f32], &[u32]) = (&[0.0, 1.0], &[2, 4]);
    assert_eq!(
        error(&[good, (&[0.0], &[0, 0])]),
        "row 1: 1 numbers, expected 2"
    );
    assert_eq!(
        error(&[good, (&[0.0, 1.0], &[0])]),
        "row 1: 1 categories, expected 2"
    );
    assert_eq!(
        error(&[(&[0.0, 1.0], &[3, 0])]),
        "row 0: category 0 has code 3, its cardinality is 3"
    );
    let narrow = TabularStatistics::new(1).finish();
    assert!(encoder.batch(&narrow, [good], &device).is_err());
}

#[test]
fn sizes_of_zero_are_named() {
    let device = Device::default();
    let cases = [
        (TabularConfig::new(2, vec![], 0), "`width`"),
        (TabularConfig::new(2, vec![3, 0], 4), "`categories`"),
        (TabularConfig::new(0, vec![], 4), "`numbers + categories`"),
        (
            TabularConfig::new(2, vec![], 4).with_hidden(Some(0)),
            "`hidden`",
        ),
    ];
    for (config, key) in cases {
        let error = config.init(&device).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn rows_are_encoded_on_their_own_and_every_part_counts() {
    let device = Device::default();
    let normaliser = TabularStatistics::new(2).finish();
    for hidden in [None, Some(6)] {
        let config = TabularConfig::new(2, vec![3, 3], 16).with_hidden(hidden);
        let encoder = config.init(&device).unwrap();
        let encode = |rows: &[([f32; 2], [u32; 2])]| {
            let rows = rows.iter().map(|(n, c)| (&n[..], &c[..]));
            let batch = encoder.batch(&normaliser, rows, &device).unwrap();
            encoder.forward_batch(batch)
        };
        let base = ([0.0, 0.0], [1, 1]);
        let others = [
            ([1.0, 0.0], [1, 1]),
            ([f32::NAN, 0.0], [1, 1]),
            ([0.0, 0.0], [2, 1]),
            // The same code of another feature is another vector.
            ([0.0, 0.0], [1, 2]),
        ];
        let alone = encode(&[base]);
        assert_eq!(alone.dims(), [1, encoder.width()]);
        let mut seen = vec![alone.clone().into_data()];
        for other in others {
            let both = encode(&[other, base]);
            let again: f32 = (both.clone().narrow(0, 1, 1) - alone.clone())
                .abs()
                .max()
                .into_scalar();
            assert!(again <= 1e-6);
            let vector = both.narrow(0, 0, 1).into_data();
            assert!(!seen.contains(&vector));
            seen.push(vector);
        }
    }
}

#[test]
fn no_rows_no_categories_or_no_numbers() {
    let device = Device::default();
    let none: [(&[f32], &[u32]); 0] = [];
    let two = TabularStatistics::new(2).finish();
    let encoder = TabularConfig::new(2, vec![3], 16).init(&device).unwrap();
    let batch = encoder.batch(&two, none, &device).unwrap();
    assert_eq!(encoder.forward_batch(batch).dims(), [0, 16]);

    let encoder = TabularConfig::new(2, vec![], 16).init(&device).unwrap();
    let row: (&[f32], &[u32]) = (&[1.0, 2.0], &[]);
    let batch = encoder.batch(&two, [row], &device).unwrap();
    assert!(batch.categories.is_none());
    assert_eq!(encoder.forward_batch(batch).dims(), [1, 16]);

    let zero = TabularStatistics::new(0).finish();
    let encoder = TabularConfig::new(0, vec![3], 16).init(&device).unwrap();
    let row: (&[f32], &[u32]) = (&[], &[2]);
    let batch = encoder.batch(&zero, [row], &device).unwrap();
    assert_eq!(encoder.forward_batch(batch).dims(), [1, 16]);
}

#[test]
fn a_feature_of_few_rows_is_as_never_seen() {
    let mut statistics = TabularStatistics::new(2);
    for row in [[1.0, 7.0], [3.0, f32::NAN], [5.0, f32::NAN]] {
        statistics.add(&row).unwrap();
    }
    let never = TabularStatistics::new(2).finish();
    let found = statistics.finish_of(3);
    assert_eq!((found.mean[1], found.std[1]), (never.mean[1], never.std[1]));
    assert_eq!(found.mean[0], 3.0);
    assert_eq!(statistics.finish_of(1), statistics.finish());
    assert_eq!(statistics.finish_of(4), never);
}
