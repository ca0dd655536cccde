//! Principal components (PCA) of standardised numbers, fitted on the host. They stand
//! beside a user's state, because the network forgets what no question asks about.

use nalgebra::{DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Directions beside those asked for, which make the iteration converge sooner.
const SPARE: usize = 8;
/// Rounds of the iteration; the directions' variances fall slowly, and which of two
/// almost equal ones comes first does not matter.
const ROUNDS: usize = 12;
/// A direction with less than this share of the first one's variance is noise.
const LEAST: f32 = 1e-6;

/// Leading principal components of rows, each scaled to unit variance.
///
/// ```
/// use instructue_encoders::PrincipalComponents;
///
/// # fn main() -> Result<(), instructue_encoders::Error> {
/// // Two numbers that say the same.
/// let rows: Vec<Vec<f32>> = (0..9).map(|at| vec![at as f32, 2.0 * at as f32]).collect();
/// let components = PrincipalComponents::fit(&rows, 1)?;
/// let [low, middle, high] = [0, 4, 8].map(|at| components.apply(&rows[at]).unwrap()[0]);
/// assert!(middle.abs() < 1e-4 && (low + high).abs() < 1e-4 && high.abs() > 1.0);
/// # Ok(())
/// # }
/// ```
///
/// Reading some refuses rows of different widths and numbers that are not finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct PrincipalComponents {
    mean: Vec<f32>,
    /// One row per component.
    components: Vec<Vec<f32>>,
}

/// As they may come from a file.
#[derive(Deserialize)]
struct Written {
    mean: Vec<f32>,
    components: Vec<Vec<f32>>,
}

impl TryFrom<Written> for PrincipalComponents {
    type Error = String;

    fn try_from(Written { mean, components }: Written) -> Result<Self, String> {
        let width = mean.len();
        if let Some(other) = components.iter().find(|row| row.len() != width) {
            let found = other.len();
            return Err(format!(
                "principal components: expected {width} numbers, found {found}"
            ));
        }
        let mut numbers = mean.iter().chain(components.iter().flatten());
        match numbers.find(|number| !number.is_finite()) {
            Some(bad) => Err(format!(
                "principal components: expected finite numbers, found {bad}"
            )),
            None => Ok(Self { mean, components }),
        }
    }
}

impl PrincipalComponents {
    /// Fits at most `count` components; fewer where the rows vary in fewer directions.
    ///
    /// # Errors
    /// [`Error::FeatureCount`] names a row of another width than the first.
    pub fn fit<R: AsRef<[f32]>>(rows: &[R], count: usize) -> Result<Self, Error> {
        let width = rows.first().map_or(0, |row| row.as_ref().len());
        for (number, row) in rows.iter().enumerate() {
            crate::normaliser::check(number as u64, row.as_ref().len(), width)?;
        }
        let data = DMatrix::from_fn(rows.len(), width, |row, column| rows[row].as_ref()[column]);
        let n = rows.len().max(1) as f32;
        let mean: Vec<f32> = (0..width)
            .map(|column| data.column(column).sum() / n)
            .collect();
        let centred = DMatrix::from_fn(rows.len(), width, |row, column| {
            data[(row, column)] - mean[column]
        });
        let wide = (count + SPARE).min(width).min(rows.len());
        if wide == 0 {
            let components = Vec::new();
            return Ok(Self { mean, components });
        }
        // Any start that is orthogonal to no component will do, so a fixed one does.
        let start = DMatrix::from_fn(width, wide, |row, column| {
            let mixed = (row * 31 + column * 17 + 7) as u32;
            (mixed.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0
        });
        let mut basis = start;
        for _ in 0..ROUNDS {
            basis = basis.qr().q();
            basis = centred.tr_mul(&(&centred * &basis));
        }
        let basis = basis.qr().q();
        let inside = &centred * &basis;
        let eigen = SymmetricEigen::new(inside.tr_mul(&inside) / n);
        let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        let largest = order.first().map_or(0.0, |&first| eigen.eigenvalues[first]);
        let kept = order.into_iter().take(count).filter(|&at| {
            let variance = eigen.eigenvalues[at];
            variance > LEAST * largest && variance > f32::MIN_POSITIVE
        });
        let components = kept.map(|at| {
            let direction = &basis * eigen.eigenvectors.column(at);
            let scale = 1.0 / eigen.eigenvalues[at].sqrt();
            direction.iter().map(|value| value * scale).collect()
        });
        Ok(Self {
            components: components.collect(),
            mean,
        })
    }

    /// The mean of each number.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// The directions of the components, each of length 1.
    pub fn directions(&self) -> Vec<Vec<f32>> {
        let unit = |component: &Vec<f32>| {
            let length = component.iter().map(|x| x * x).sum::<f32>().sqrt();
            component.iter().map(|x| x / length).collect()
        };
        self.components.iter().map(unit).collect()
    }

    /// Numbers of a row that they are of.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// Number of components.
    pub fn len(&self) -> usize {
        self.components.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.components.is_empty()
    }

    /// The components of a row.
    ///
    /// # Errors
    /// [`Error::FeatureCount`] for a row of another width.
    pub fn apply(&self, row: &[f32]) -> Result<Vec<f32>, Error> {
        crate::normaliser::check(0, row.len(), self.mean.len())?;
        let of = |component: &Vec<f32>| {
            let centred = row.iter().zip(&self.mean).map(|(value, mean)| value - mean);
            centred
                .zip(component)
                .map(|(value, weight)| value * weight)
                .sum()
        };
        Ok(self.components.iter().map(of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that vary along two directions, much along the first, and a constant.
    fn rows() -> Vec<Vec<f32>> {
        (0..200)
            .map(|at| {
                let (a, b) = ((at as f32 * 0.37).sin() * 9.0, (at as f32 * 1.71).cos());
                vec![a + b, a - b, 3.0, 0.5 * a]
            })
            .collect()
    }

    #[test]
    fn components_are_uncorrelated_and_of_unit_variance() {
        let rows = rows();
        let components = PrincipalComponents::fit(&rows, 3).unwrap();
        assert_eq!(components.len(), 2, "two directions vary");
        let found: Vec<Vec<f32>> = rows
            .iter()
            .map(|row| components.apply(row).unwrap())
            .collect();
        let mean = |of: &dyn Fn(&[f32]) -> f32| {
            found.iter().map(|row| of(row)).sum::<f32>() / found.len() as f32
        };
        for (a, b, expected) in [(0, 0, 1.0), (1, 1, 1.0), (0, 1, 0.0)] {
            let product = mean(&|row| row[a] * row[b]);
            assert!((product - expected).abs() < 1e-3, "{a} {b} {product}");
        }
        // The first is the direction of `a`.
        let weights = &components.components[0];
        assert!((weights[0] / weights[3] - 2.0).abs() < 0.05, "{weights:?}");
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        assert!(PrincipalComponents::fit(&[vec![1.0], vec![1.0, 2.0]], 1).is_err());
        let components = PrincipalComponents::fit(&rows(), 1).unwrap();
        assert!(components.apply(&[1.0]).is_err());
        let none = PrincipalComponents::fit(&Vec::<Vec<f32>>::new(), 3).unwrap();
        assert!(none.is_empty());
        let no_numbers = PrincipalComponents::fit(&[vec![], vec![]], 3).unwrap();
        assert!(no_numbers.is_empty());
        let constant = PrincipalComponents::fit(&vec![vec![2.0, 1.0]; 9], 2).unwrap();
        assert!(constant.is_empty(), "nothing varies");
    }
}
