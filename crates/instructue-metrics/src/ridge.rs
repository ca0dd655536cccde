//! Many targets from one vector: which items a user takes next, by ridge regression.

use crate::error::{Error, Result};
use crate::logistic::{shifted_cholesky, standardisation, standardise};
use instructue_schema::Matrix;
use nalgebra::DMatrix;

/// A linear map from standardised vectors to a score per item.
///
/// Minimises `Σ‖yᵢ − W xᵢ − b‖² + l2·‖W‖²`, where `yᵢ` is 1 at the items that user
/// i took and 0 elsewhere; `b` is then each item's share of the users, so that the
/// strongest penalty ranks by popularity.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeRanker {
    mean: Vec<f64>,
    scale: Vec<f64>,
    /// `[width, items]`
    weights: DMatrix<f64>,
    intercept: Vec<f64>,
}

impl RidgeRanker {
    /// Fits on users with the items that they took.
    ///
    /// # Shapes
    /// `x` is `[users, width]`, `taken` has one list of items below `items` per user.
    ///
    /// # Errors
    /// Sizes that do not agree, non-finite inputs, items that are none, no user,
    /// a penalty that is not above 0.
    pub fn fit(x: &Matrix, taken: &[&[usize]], items: usize, l2: f64) -> Result<Self> {
        x.check("inputs of a ranker")?;
        if taken.len() != x.rows || x.rows == 0 {
            let expected = format!("{}, at least 1", x.rows);
            return Err(Error::shape("users of a ranker", expected, taken.len()));
        }
        if let Some(item) = taken
            .iter()
            .flat_map(|list| *list)
            .find(|&&item| item >= items)
        {
            return Err(Error::shape("an item", format!("below {items}"), item));
        }
        if !(l2.is_finite() && l2 > 0.0) {
            return Err(Error::Option {
                option: "l2",
                expected: "a finite number above 0",
                found: l2.to_string(),
            });
        }
        let (mean, scale) = standardisation(x);
        let standardised = standardise(x, &mean, &scale);
        let factor = shifted_cholesky(&standardised.tr_mul(&standardised), 1.0, l2);
        let factor = factor.ok_or(Error::NotConverged {
            iterations: 0,
            l2,
            decrement: f64::INFINITY,
        })?;
        let mut intercept = vec![0.0; items];
        let mut products = DMatrix::zeros(x.columns, items);
        for (row, list) in taken.iter().enumerate() {
            for &item in *list {
                intercept[item] += 1.0 / x.rows as f64;
                let mut product = products.column_mut(item);
                product += standardised.row(row).transpose();
            }
        }
        // Standardised inputs sum to zero, so the intercept leaves the products as they are.
        let weights = factor.solve(&products);
        Ok(Self {
            mean,
            scale,
            weights,
            intercept,
        })
    }

    /// A score per user and item.
    ///
    /// # Shapes
    /// `[users, width]` → `[users, items]`.
    ///
    /// # Errors
    /// When the width is not that of the training inputs, or a value is not finite.
    pub fn scores(&self, x: &Matrix) -> Result<Matrix> {
        x.check("inputs of a ranker")?;
        if x.columns != self.mean.len() {
            let what = "inputs of a ranker: columns";
            return Err(Error::shape(what, self.mean.len(), x.columns));
        }
        let standardised = standardise(x, &self.mean, &self.scale);
        let scores = standardised * &self.weights;
        let values = (0..x.rows).flat_map(|row| {
            let row = scores.row(row).into_owned();
            let each = self.intercept.iter().enumerate();
            each.map(move |(item, intercept)| (row[item] + intercept) as f32)
        });
        let values = values.collect();
        Ok(Matrix::new(x.rows, self.intercept.len(), values)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strong_penalty_ranks_by_popularity_and_a_weak_one_by_the_vector() {
        // The first input says which of items 0 and 1 is taken; item 2 is taken by three of four.
        let x = Matrix::from_rows(&[[1.0, 0.3], [1.0, -0.2], [-1.0, 0.1], [-1.0, -0.4]]).unwrap();
        let taken: [&[usize]; 4] = [&[0, 2], &[0, 2], &[1, 2], &[1]];
        let weak = RidgeRanker::fit(&x, &taken, 3, 1e-6)
            .unwrap()
            .scores(&x)
            .unwrap();
        assert!(
            weak.row(0)[0] > 0.9 && weak.row(0)[1] < 0.1,
            "{:?}",
            weak.row(0)
        );
        assert!(
            weak.row(3)[1] > 0.9 && weak.row(3)[0] < 0.1,
            "{:?}",
            weak.row(3)
        );
        let strong = RidgeRanker::fit(&x, &taken, 3, 1e9)
            .unwrap()
            .scores(&x)
            .unwrap();
        for row in 0..4 {
            for (found, share) in strong.row(row).iter().zip([0.5, 0.5, 0.75]) {
                assert!((found - share).abs() < 1e-6, "{:?}", strong.row(row));
            }
        }
    }

    #[test]
    fn it_solves_the_normal_equations() {
        // One standardised input: w = Σxy / (n + l2).
        let x = Matrix::from_rows(&[[3.0], [5.0], [3.0], [5.0]]).unwrap();
        let taken: [&[usize]; 4] = [&[], &[0], &[], &[0]];
        let ranker = RidgeRanker::fit(&x, &taken, 1, 4.0).unwrap();
        assert!((ranker.weights[0] - 2.0 / 8.0).abs() < 1e-12);
        assert_eq!(ranker.intercept, [0.5]);
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let x = Matrix::from_rows(&[[1.0], [2.0]]).unwrap();
        assert!(RidgeRanker::fit(&x, &[&[0]], 1, 1.0).is_err(), "users");
        assert!(
            RidgeRanker::fit(&x, &[&[0], &[1]], 1, 1.0).is_err(),
            "items"
        );
        assert!(
            RidgeRanker::fit(&x, &[&[0], &[0]], 1, 0.0).is_err(),
            "penalty"
        );
        let ranker = RidgeRanker::fit(&x, &[&[0], &[]], 1, 1.0).unwrap();
        assert!(
            ranker
                .scores(&Matrix::new(1, 2, vec![0.0; 2]).unwrap())
                .is_err()
        );
    }
}
