//! Users in two dimensions: principal components of their vectors.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use instructue_schema::Matrix;

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
        let total = centred.norm_squared();
        let axes = components(&centred);
        let [x, y] = axes.each_ref().map(|axis| &centred * axis);
        let share = |axis: &DVector<f64>| match total > 0.0 {
            true => axis.norm_squared() / total,
            false => 0.0,
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

/// Values less the mean of their column.
fn centre(vectors: &Matrix) -> DMatrix<f64> {
    let (rows, columns) = (vectors.rows, vectors.columns);
    let values = vectors.values.iter().map(|&value| f64::from(value));
    let mut centred = DMatrix::from_row_iterator(rows, columns, values);
    for mut column in centred.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    centred
}

/// The two directions of greatest variance; zeros where nothing but rounding is left.
fn components(centred: &DMatrix<f64>) -> [DVector<f64>; 2] {
    if centred.ncols() == 0 {
        return [DVector::zeros(0), DVector::zeros(0)];
    }
    let eigen = SymmetricEigen::new(centred.tr_mul(centred));
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
    let largest = order.first().map_or(0.0, |&at| eigen.eigenvalues[at]);
    [0, 1].map(|number| match order.get(number) {
        Some(&at) if eigen.eigenvalues[at] > 1e-12 * largest => {
            let axis = eigen.eigenvectors.column(at).into_owned();
            match axis[axis.icamax()] < 0.0 {
                true => -axis,
                false => axis,
            }
        }
        _ => DVector::zeros(centred.ncols()),
    })
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
