//! Users like those of a list.

use instructue_schema::Matrix;

/// The cosine of each candidate with the mean direction of a list of users.
///
/// # Shapes
/// `list` and `candidates` are `[users, width]`; one score per candidate.
///
/// # Panics
/// If the widths differ.
pub fn look_alike(list: &Matrix, candidates: &Matrix) -> Vec<f64> {
    assert_eq!(
        list.columns, candidates.columns,
        "vectors of different width"
    );
    let mut mean = vec![0.0f32; list.columns];
    for row in 0..list.rows {
        let user = list.row(row);
        let norm = user.iter().map(|value| value * value).sum::<f32>().sqrt();
        for (sum, value) in mean.iter_mut().zip(user) {
            *sum += value / norm.max(f32::MIN_POSITIVE);
        }
    }
    let mean = Matrix {
        rows: 1,
        columns: mean.len(),
        values: mean,
    };
    (0..candidates.rows)
        .map(|row| candidates.cosine(row, &mean, 0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_count_and_lengths_do_not() {
        let list = Matrix::from_rows(&[[10.0, 0.0], [0.0, 0.1]]).unwrap();
        let candidates = Matrix::from_rows(&[[1.0, 1.0], [1.0, 0.0], [-3.0, -3.0]]).unwrap();
        let scores = look_alike(&list, &candidates);
        for (found, expected) in scores.iter().zip([1.0, 0.5f64.sqrt(), -1.0]) {
            assert!((found - expected).abs() < 1e-6, "{scores:?}");
        }
        assert_eq!(
            look_alike(&Matrix::new(0, 2, vec![]).unwrap(), &candidates),
            [0.0; 3]
        );
    }
}
