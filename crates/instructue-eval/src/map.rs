//! Users in two dimensions: principal components of their vectors.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::linalg::{Dense, axpy, dot};
use instructue_schema::Matrix;

/// Passes of the power iteration; it stops earlier when the direction stands still.
const PASSES: usize = 1000;

/// Points in the plane with the name of each point's group.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Map2d {
    /// What is shown, in a sentence.
    pub title: String,
    /// (x, y) per user.
    pub points: Vec<(f32, f32)>,
    /// The group of each user: a label or a segment.
    pub groups: Vec<String>,
    /// Shares of the variance on the two axes.
    pub explained: (f64, f64),
}

impl Map2d {
    /// Projects vectors onto their first two principal components.
    ///
    /// The sign of an axis is fixed so that its largest weight is positive.
    ///
    /// # Shapes
    /// `vectors` is `[users, width]`; `groups` has one name per user.
    ///
    /// # Errors
    /// Sizes that do not agree, non-finite values.
    pub fn pca(vectors: &Matrix, groups: Vec<String>, title: impl Into<String>) -> Result<Self> {
        vectors.check("map")?;
        if groups.len() != vectors.rows {
            return Err(Error::shape(
                "groups of the map",
                vectors.rows,
                groups.len(),
            ));
        }
        let centred = centre(vectors);
        let total: f64 = centred.values.iter().map(|value| value * value).sum();
        let first = component(&centred, None);
        let second = component(&centred, Some(&first));
        let (x, y) = (centred.times(&first), centred.times(&second));
        let share = |axis: &[f64]| {
            if total > 0.0 {
                dot(axis, axis) / total
            } else {
                0.0
            }
        };
        Ok(Self {
            title: title.into(),
            explained: (share(&x), share(&y)),
            points: x
                .iter()
                .zip(&y)
                .map(|(&x, &y)| (x as f32, y as f32))
                .collect(),
            groups,
        })
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

fn centre(vectors: &Matrix) -> Dense {
    let mut mean = vec![0.0; vectors.columns];
    for row in 0..vectors.rows {
        for (sum, &value) in mean.iter_mut().zip(vectors.row(row)) {
            *sum += f64::from(value) / vectors.rows as f64;
        }
    }
    let mut values = Vec::with_capacity(vectors.values.len());
    for row in 0..vectors.rows {
        values.extend(
            vectors
                .row(row)
                .iter()
                .zip(&mean)
                .map(|(&value, mean)| f64::from(value) - mean),
        );
    }
    Dense {
        rows: vectors.rows,
        columns: vectors.columns,
        values,
    }
}

/// The direction of greatest variance orthogonal to `other`, by power iteration.
fn component(x: &Dense, other: Option<&[f64]>) -> Vec<f64> {
    // Uneven weights, so that no axis is orthogonal to the start by symmetry.
    let mut direction: Vec<f64> = (0..x.columns)
        .map(|at| 1.0 + (at as f64 * 0.618_034).fract())
        .collect();
    if !make_unit(&mut direction, other) {
        return vec![0.0; x.columns];
    }
    for _ in 0..PASSES {
        let mut next = x.transposed_times(&x.times(&direction));
        if !make_unit(&mut next, other) {
            return vec![0.0; x.columns];
        }
        let turned = 1.0 - dot(&next, &direction).abs();
        direction = next;
        if turned < 1e-14 {
            break;
        }
    }
    let largest = direction
        .iter()
        .copied()
        .max_by(|a, b| a.abs().total_cmp(&b.abs()));
    if largest.is_some_and(|value| value < 0.0) {
        direction.iter_mut().for_each(|value| *value = -*value);
    }
    direction
}

/// Removes the part along `other` and scales to length 1; false when nothing but rounding is left.
fn make_unit(v: &mut [f64], other: Option<&[f64]>) -> bool {
    let before = dot(v, v).sqrt();
    if let Some(other) = other {
        axpy(-dot(v, other), other, v);
    }
    let length = dot(v, v).sqrt();
    if !(length > 1e-10 * before && length > 1e-150) {
        return false;
    }
    v.iter_mut().for_each(|value| *value /= length);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_found_in_order_of_variance() {
        // Variance 9 : 1 along (1, 1, 0) and (1, −1, 0); none along the third.
        let rows = [
            [3.0f32, 3.0, 5.0],
            [-3.0, -3.0, 5.0],
            [1.0, -1.0, 5.0],
            [-1.0, 1.0, 5.0],
        ];
        let map = Map2d::pca(
            &Matrix::from_rows(&rows).unwrap(),
            vec![String::new(); 4],
            "t",
        )
        .unwrap();
        assert!((map.explained.0 - 0.9).abs() < 1e-9 && (map.explained.1 - 0.1).abs() < 1e-9);
        let root = 2f32.sqrt();
        assert!((map.points[0].0 - 3.0 * root).abs() < 1e-5 && map.points[0].1.abs() < 1e-4);
        assert!((map.points[2].1.abs() - root).abs() < 1e-5);
    }

    #[test]
    fn degenerate_inputs_give_finite_points() {
        let same = Matrix::new(3, 2, vec![1.0; 6]).unwrap();
        let map = Map2d::pca(&same, vec![String::new(); 3], "t").unwrap();
        assert!(
            map.points
                .iter()
                .all(|point| point.0 == 0.0 && point.1 == 0.0)
        );
        assert!(
            Map2d::pca(&Matrix::default(), Vec::new(), "t")
                .unwrap()
                .is_empty()
        );
        let one = Matrix::new(3, 1, vec![1.0, 2.0, 3.0]).unwrap();
        let map = Map2d::pca(&one, vec![String::new(); 3], "t").unwrap();
        assert!((map.explained.0 - 1.0).abs() < 1e-9);
        assert!(Map2d::pca(&one, Vec::new(), "t").is_err());
    }
}
