//! The choice of a probe's penalty by cross-validation.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::binary::auc;
use crate::error::{Error, Result};
use crate::logistic::{Block, LogisticRegression, log_loss};
use instructue_schema::Matrix;

/// What a penalty is chosen by, on the examples left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Least log-loss: smooth, so steady with few positives.
    #[default]
    LogLoss,
    /// Greatest AUC.
    Auc,
}

/// How a probe's penalty is chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossValidation {
    /// Number of folds, at least 2.
    pub folds: usize,
    /// The penalties to choose from.
    pub grid: Vec<f64>,
    /// What counts.
    pub criterion: Criterion,
    /// Seed of the folds.
    pub seed: u64,
}

impl Default for CrossValidation {
    /// Five folds, half-decades from 1 to 10^4.5, log-loss.
    fn default() -> Self {
        let grid = (0..10)
            .map(|step| 10f64.powf(f64::from(step) / 2.0))
            .collect();
        Self {
            folds: 5,
            grid,
            criterion: Criterion::LogLoss,
            seed: 0,
        }
    }
}

/// How much the second block may count.
const BLOCK_SHARES: [f64; 4] = [0.03, 0.1, 0.3, 1.0];

/// One penalty's result on the examples left out.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GridPoint {
    /// The penalty.
    pub l2: f64,
    /// Mean log-loss over the examples.
    pub log_loss: f64,
    /// Mean AUC over the folds.
    pub auc: f64,
}

impl CrossValidation {
    /// Chooses the penalty and fits with it on all examples.
    ///
    /// Folds are stratified, and only the given examples are seen. Of
    /// penalties that do equally well the strongest is taken.
    ///
    /// # Errors
    /// As [`LogisticRegression::fit`]; and fewer examples of a class than folds.
    pub fn fit(&self, x: &Matrix, y: &[bool]) -> Result<(LogisticRegression, Vec<GridPoint>)> {
        let folds = stratified_folds(y, self.folds, self.seed)?;
        let points = self.evaluate(x, y, &folds)?;
        let best = self.best(&points);
        Ok((LogisticRegression::fit(x, y, best.l2)?, points))
    }

    /// As [`fit`](Self::fit) for two blocks of columns, the second from column
    /// `second` on: how much it counts beside the first is chosen, too. So a
    /// second block that adds nothing hardly disturbs the first, however many
    /// columns it has. With `second` 0 there is one block.
    ///
    /// # Errors
    /// As [`fit`](Self::fit).
    pub fn fit_blocks(&self, x: &Matrix, y: &[bool], second: usize) -> Result<LogisticRegression> {
        if second == 0 {
            return Ok(self.fit(x, y)?.0);
        }
        let folds = stratified_folds(y, self.folds, self.seed)?;
        let of_share = |share| {
            let block = Block {
                first: second,
                share,
            };
            let points = self.evaluate_with(x, y, &folds, block)?;
            Ok::<_, Error>((block, *self.best(&points)))
        };
        // The smallest first: of shares that do equally well it is taken.
        let [smallest, larger @ ..] = BLOCK_SHARES;
        let (mut block, mut point) = of_share(smallest)?;
        for share in larger {
            let (other, found) = of_share(share)?;
            if self.worth(&found) > self.worth(&point) {
                (block, point) = (other, found);
            }
        }
        let mut path = LogisticRegression::path(x, y, &[point.l2], block)?;
        path.pop()
            .ok_or_else(|| Error::shape("penalties", "one", "none"))
    }

    fn worth(&self, point: &GridPoint) -> f64 {
        match self.criterion {
            Criterion::LogLoss => -point.log_loss,
            Criterion::Auc => point.auc,
        }
    }

    /// The first of the best points.
    fn best<'a>(&self, points: &'a [GridPoint]) -> &'a GridPoint {
        let mut best = &points[0];
        for point in &points[1..] {
            if self.worth(point) > self.worth(best) {
                best = point;
            }
        }
        best
    }

    /// The grid's results, from the strongest penalty to the weakest, with given folds.
    ///
    /// # Shapes
    /// `folds[i]` is the fold that leaves example `i` out.
    ///
    /// # Errors
    /// As [`LogisticRegression::fit`]; and an empty grid.
    pub fn evaluate(&self, x: &Matrix, y: &[bool], folds: &[usize]) -> Result<Vec<GridPoint>> {
        self.evaluate_with(x, y, folds, Block::NONE)
    }

    fn evaluate_with(
        &self,
        x: &Matrix,
        y: &[bool],
        folds: &[usize],
        block: Block,
    ) -> Result<Vec<GridPoint>> {
        if y.len() != x.rows {
            return Err(Error::shape("probe labels", x.rows, y.len()));
        }
        if folds.len() != x.rows {
            return Err(Error::shape("folds", x.rows, folds.len()));
        }
        let mut grid = self.grid.clone();
        grid.sort_by(|a, b| b.total_cmp(a));
        if grid.is_empty() {
            return Err(Error::Option {
                option: "grid",
                expected: "at least one penalty",
                found: "none".to_owned(),
            });
        }
        let count = folds.iter().max().map_or(0, |last| last + 1);
        // Per fold: examples, then (sum of log-losses, AUC) per penalty.
        let results = (0..count)
            .into_par_iter()
            .map(|fold| {
                let (out, kept): (Vec<usize>, Vec<usize>) =
                    (0..x.rows).partition(|&row| folds[row] == fold);
                let pick = |rows: &[usize]| rows.iter().map(|&row| y[row]).collect::<Vec<_>>();
                let (x_out, y_out) = (x.select(&out), pick(&out));
                let fits = LogisticRegression::path(&x.select(&kept), &pick(&kept), &grid, block)?;
                fits.iter()
                    .map(|fit| {
                        let scores = fit.scores(&x_out)?;
                        let sum = log_loss(&scores, &y_out) * out.len() as f64;
                        Ok((sum, auc(&scores, &y_out).unwrap_or(0.5)))
                    })
                    .collect::<Result<Vec<_>>>()
            })
            .collect::<Result<Vec<_>>>()?;
        let points = grid.iter().enumerate().map(|(at, &l2)| GridPoint {
            l2,
            log_loss: results.iter().map(|fold| fold[at].0).sum::<f64>() / x.rows as f64,
            auc: results.iter().map(|fold| fold[at].1).sum::<f64>() / count as f64,
        });
        Ok(points.collect())
    }
}

/// Deals the examples of each class out to the folds in an order drawn by the seed.
///
/// # Errors
/// Fewer than 2 folds, or fewer examples of a class than folds.
pub fn stratified_folds(y: &[bool], folds: usize, seed: u64) -> Result<Vec<usize>> {
    if folds < 2 {
        let found = folds.to_string();
        return Err(Error::Option {
            option: "folds",
            expected: "at least 2",
            found,
        });
    }
    let (mut positive, mut negative): (Vec<usize>, Vec<usize>) =
        (0..y.len()).partition(|&at| y[at]);
    if positive.len() < folds || negative.len() < folds {
        let (positives, negatives) = (positive.len(), negative.len());
        return Err(Error::TooFew {
            needed: folds,
            positives,
            negatives,
        });
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    positive.shuffle(&mut random);
    negative.shuffle(&mut random);
    let mut assigned = vec![0; y.len()];
    // One run through both classes keeps the folds' sizes within one of each other.
    for (turn, at) in positive.into_iter().chain(negative).enumerate() {
        assigned[at] = turn % folds;
    }
    Ok(assigned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn folds_are_stratified_and_fixed_by_the_seed() {
        let y: Vec<bool> = (0..103).map(|at| at % 4 == 0).collect();
        let folds = stratified_folds(&y, 5, 1).unwrap();
        assert_eq!(folds, stratified_folds(&y, 5, 1).unwrap());
        assert_ne!(folds, stratified_folds(&y, 5, 2).unwrap());
        for fold in 0..5 {
            let size = folds.iter().filter(|&&f| f == fold).count();
            let positives = (0..y.len())
                .filter(|&at| folds[at] == fold && y[at])
                .count();
            assert!((20..=21).contains(&size) && (5..=6).contains(&positives));
        }
        let error = stratified_folds(&[true, false, false, false], 2, 0)
            .unwrap_err()
            .to_string();
        assert!(error.contains("found 1 positive"), "{error}");
        assert!(stratified_folds(&y, 1, 0).is_err());
    }

    /// One informative column among `noise` others.
    fn data(n: usize, noise: usize, seed: u64) -> (Matrix, Vec<bool>) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let y: Vec<bool> = (0..n).map(|_| random.random_bool(0.4)).collect();
        let rows: Vec<Vec<f32>> = y
            .iter()
            .map(|&label| {
                let signal = if label { 1.0 } else { 0.0 } + random.random_range(-1.0..1.0);
                std::iter::once(signal)
                    .chain((0..noise).map(|_| random.random_range(-1.0..1.0)))
                    .collect()
            })
            .collect();
        (Matrix::from_rows(&rows).unwrap(), y)
    }

    #[test]
    fn noise_asks_for_a_stronger_penalty() {
        let chosen = |noise| {
            let (x, y) = data(200, noise, 4);
            CrossValidation::default().fit(&x, &y).unwrap().0.l2
        };
        let (few, many) = (chosen(1), chosen(150));
        assert!(few < 50.0 && many >= 10.0 * few, "{few} {many}");
    }

    #[test]
    fn the_choice_helps_on_new_users() {
        let (x, y) = data(105, 100, 5);
        let (x_new, y_new) = data(2000, 100, 6);
        for criterion in [Criterion::LogLoss, Criterion::Auc] {
            let cv = CrossValidation {
                criterion,
                ..CrossValidation::default()
            };
            let (fit, points) = cv.fit(&x, &y).unwrap();
            let chosen = auc(&fit.scores(&x_new).unwrap(), &y_new).unwrap();
            let weak = LogisticRegression::fit(&x, &y, 1e-2).unwrap();
            let unpenalised = auc(&weak.scores(&x_new).unwrap(), &y_new).unwrap();
            assert!(chosen > unpenalised + 0.02, "{chosen} {unpenalised}");
            assert_eq!(points.len(), 10);
            assert!(points.windows(2).all(|pair| pair[0].l2 > pair[1].l2));
        }
    }
}
