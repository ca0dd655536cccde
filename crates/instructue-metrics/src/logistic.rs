//! Logistic regression on frozen vectors: how much of a label a linear map can
//! read out of an embedding.
//!
//! Minimises `Σ log(1 + exp(−yᵢ zᵢ)) + l2/2 · ‖w‖²` over standardised inputs,
//! with `z = w·x + b` and the intercept `b` unpenalised: scikit-learn's
//! `LogisticRegression(C = 1 / l2)` after a `StandardScaler`.
//!
//! The optimiser is Newton's method. Each step is solved by conjugate
//! gradients, preconditioned with the curvature at the empty model, whose
//! Cholesky factor is made once per penalty: of `XᵀX` when there are more
//! examples than features, else of the smaller `XXᵀ`. So a step costs a few
//! passes over the data and nothing is random.

use instructue_schema::Matrix;
use nalgebra::{Cholesky, DMatrix, DVector, Dyn};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Newton steps after which a fit is given up.
const MAX_STEPS: usize = 200;

/// Columns that count less than the others: standardised, then multiplied by a
/// share, so their penalty is 1 / share² times the others'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block {
    /// The first of them; all that follow belong to it.
    pub first: usize,
    /// Above 0.
    pub share: f64,
}

impl Block {
    /// All columns count alike.
    pub const NONE: Self = Self {
        first: usize::MAX,
        share: 1.0,
    };
}

/// A fitted probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogisticRegression {
    /// Mean of each input over the training rows.
    pub mean: Vec<f64>,
    /// What each input is divided by: its standard deviation, 1 for a constant one,
    /// more for one that counts less than others.
    pub scale: Vec<f64>,
    /// Weight of each standardised input.
    pub weights: Vec<f64>,
    /// The intercept.
    pub intercept: f64,
    /// The penalty it was fitted with.
    pub l2: f64,
}

impl LogisticRegression {
    /// Fits with a given penalty `l2 > 0`.
    ///
    /// # Shapes
    /// `x` is `[examples, features]`, `y` `[examples]`.
    ///
    /// # Errors
    /// Sizes that do not agree, non-finite inputs, a class that is absent, `l2` that is not above 0.
    pub fn fit(x: &Matrix, y: &[bool], l2: f64) -> Result<Self> {
        let mut path = Self::path(x, y, &[l2], Block::NONE)?;
        path.pop().ok_or_else(|| bad_l2(l2))
    }

    /// Fits what is to be added to log-odds that are known already, one for each example. With
    /// few labels that adds little: the penalty holds it near what is known.
    ///
    /// # Errors
    /// As [`Self::fit`]; also for log-odds of another number, or that are not finite.
    pub fn fit_beside(x: &Matrix, y: &[bool], known: &[f64], l2: f64) -> Result<Self> {
        if known.len() != x.rows {
            return Err(Error::shape("known log-odds", x.rows, known.len()));
        }
        if let Some(bad) = known.iter().find(|known| !known.is_finite()) {
            return Err(Error::Option {
                option: "known log-odds",
                expected: "finite numbers",
                found: bad.to_string(),
            });
        }
        let known = DVector::from_column_slice(known);
        let mut path = Self::path_beside(x, y, known, &[l2], Block::NONE)?;
        path.pop().ok_or_else(|| bad_l2(l2))
    }

    /// Fits with each penalty, given from strong to weak: one fit starts where the last ended.
    ///
    /// # Errors
    /// As [`Self::fit`].
    pub(crate) fn path(
        x: &Matrix,
        y: &[bool],
        penalties: &[f64],
        block: Block,
    ) -> Result<Vec<Self>> {
        Self::path_beside(x, y, DVector::zeros(x.rows), penalties, block)
    }

    fn path_beside(
        x: &Matrix,
        y: &[bool],
        known: DVector<f64>,
        penalties: &[f64],
        block: Block,
    ) -> Result<Vec<Self>> {
        x.check("probe inputs")?;
        if y.len() != x.rows {
            return Err(Error::shape("probe labels", x.rows, y.len()));
        }
        let positives = y.iter().filter(|&&label| label).count();
        let negatives = y.len() - positives;
        if positives == 0 || negatives == 0 {
            return Err(Error::TooFew {
                needed: 1,
                positives,
                negatives,
            });
        }
        if let Some(&l2) = penalties.iter().find(|l2| !(l2.is_finite() && **l2 > 0.0)) {
            return Err(bad_l2(l2));
        }
        let (mean, mut scale) = standardisation(x);
        let second = block.first.min(scale.len());
        scale[second..].iter_mut().for_each(|s| *s /= block.share);
        let problem = Problem::new(standardise(x, &mean, &scale), y, known);
        let mut start = (DVector::zeros(x.columns), problem.null_intercept());
        let mut fits = Vec::with_capacity(penalties.len());
        for &l2 in penalties {
            start = problem.minimise(l2, start)?;
            let (weights, intercept) = start.clone();
            let (mean, scale) = (mean.clone(), scale.clone());
            fits.push(Self {
                mean,
                scale,
                weights: weights.data.into(),
                intercept,
                l2,
            });
        }
        Ok(fits)
    }

    /// Log-odds of each row.
    ///
    /// # Errors
    /// When the width is not that of the training inputs, or a value is not finite.
    pub fn scores(&self, x: &Matrix) -> Result<Vec<f64>> {
        x.check("probe inputs")?;
        if x.columns != self.weights.len() {
            return Err(Error::shape(
                "probe inputs: columns",
                self.weights.len(),
                x.columns,
            ));
        }
        let z = standardise(x, &self.mean, &self.scale);
        let scores = z * DVector::from_column_slice(&self.weights);
        Ok(scores.add_scalar(self.intercept).data.into())
    }

    /// Probability of the positive class of each row.
    ///
    /// # Errors
    /// As [`Self::scores`].
    pub fn probabilities(&self, x: &Matrix) -> Result<Vec<f64>> {
        Ok(self.scores(x)?.into_iter().map(sigmoid).collect())
    }
}

/// The log-odds of a probability; of a certain one those of a millionth.
pub fn log_odds(probability: f32) -> f64 {
    let p = f64::from(probability).clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

/// Mean over examples of −log p(label), from log-odds; NaN without examples.
pub fn log_loss(scores: &[f64], labels: &[bool]) -> f64 {
    let sum: f64 = scores
        .iter()
        .zip(labels)
        .map(|(&z, &y)| softplus(if y { -z } else { z }))
        .sum();
    sum / scores.len() as f64
}

fn bad_l2(l2: f64) -> Error {
    Error::Option {
        option: "l2",
        expected: "a finite number above 0",
        found: l2.to_string(),
    }
}

fn sigmoid(z: f64) -> f64 {
    if z >= 0.0 {
        1.0 / (1.0 + (-z).exp())
    } else {
        1.0 - 1.0 / (1.0 + z.exp())
    }
}

/// `log(1 + exp(z))` without overflow.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// Mean and population standard deviation per column; 1 where the column is constant.
pub fn standardisation(x: &Matrix) -> (Vec<f64>, Vec<f64>) {
    let n = x.rows as f64;
    let mut mean = vec![0.0; x.columns];
    for row in 0..x.rows {
        for (sum, &value) in mean.iter_mut().zip(x.row(row)) {
            *sum += f64::from(value) / n;
        }
    }
    let mut variance = vec![0.0; x.columns];
    for row in 0..x.rows {
        for ((sum, mean), &value) in variance.iter_mut().zip(&mean).zip(x.row(row)) {
            *sum += (f64::from(value) - mean).powi(2) / n;
        }
    }
    let scale = variance
        .iter()
        .zip(&mean)
        .map(|(variance, mean): (&f64, &f64)| {
            let deviation = variance.sqrt();
            // What is left of a constant column is rounding.
            if deviation > 1e-10 * mean.abs() {
                deviation
            } else {
                1.0
            }
        });
    (mean.clone(), scale.collect())
}

/// Each value less its column's mean, over its column's scale.
pub(crate) fn standardise(x: &Matrix, mean: &[f64], scale: &[f64]) -> DMatrix<f64> {
    DMatrix::from_fn(x.rows, x.columns, |row, column| {
        (f64::from(x.row(row)[column]) - mean[column]) / scale[column]
    })
}

/// The Cholesky factor of `scale · a + shift · 1`; `None` unless positive definite.
pub(crate) fn shifted_cholesky(
    a: &DMatrix<f64>,
    scale: f64,
    shift: f64,
) -> Option<Cholesky<f64, Dyn>> {
    let mut shifted = a * scale;
    for at in 0..a.nrows() {
        shifted[(at, at)] += shift;
    }
    Cholesky::new(shifted)
}

/// Standardised inputs with labels, and the curvature that preconditions every fit on them.
struct Problem<'a> {
    x: DMatrix<f64>,
    y: &'a [bool],
    /// Log-odds of each example that the fit adds to.
    known: DVector<f64>,
    /// p(1 − p) at the share of positives p: the curvature per example of the empty model.
    curvature: f64,
    /// `XᵀX`, or `XXᵀ` when there are fewer examples than features.
    product: DMatrix<f64>,
}

/// The inverse of `c·XᵀX + l2·1`, and of `c·n` for the intercept.
struct Preconditioner<'a> {
    problem: &'a Problem<'a>,
    factor: Cholesky<f64, Dyn>,
    l2: f64,
}

impl<'a> Problem<'a> {
    fn new(x: DMatrix<f64>, y: &'a [bool], known: DVector<f64>) -> Self {
        let share = y.iter().filter(|&&label| label).count() as f64 / y.len() as f64;
        let product = match x.nrows() < x.ncols() {
            true => &x * x.transpose(),
            false => x.tr_mul(&x),
        };
        Self {
            x,
            y,
            known,
            curvature: share * (1.0 - share),
            product,
        }
    }

    fn dual(&self) -> bool {
        self.x.nrows() < self.x.ncols()
    }

    fn null_intercept(&self) -> f64 {
        let positives = self.y.iter().filter(|&&label| label).count() as f64;
        (positives / (self.y.len() as f64 - positives)).ln()
    }

    fn precondition(&self, l2: f64) -> Option<Preconditioner<'_>> {
        let factor = match self.dual() {
            true => shifted_cholesky(&self.product, 1.0, l2 / self.curvature),
            false => shifted_cholesky(&self.product, self.curvature, l2),
        };
        Some(Preconditioner {
            problem: self,
            factor: factor?,
            l2,
        })
    }

    fn margins(&self, weights: &DVector<f64>, intercept: f64) -> DVector<f64> {
        self.added(weights, intercept) + &self.known
    }

    /// What the fit adds to what is known.
    fn added(&self, weights: &DVector<f64>, intercept: f64) -> DVector<f64> {
        (&self.x * weights).add_scalar(intercept)
    }

    fn objective(&self, z: &DVector<f64>, weights: &DVector<f64>, l2: f64) -> f64 {
        log_loss(z.as_slice(), self.y) * self.y.len() as f64 + l2 / 2.0 * weights.norm_squared()
    }

    /// Newton's method with step halving.
    fn minimise(&self, l2: f64, start: (DVector<f64>, f64)) -> Result<(DVector<f64>, f64)> {
        let (mut weights, mut intercept) = start;
        let not_converged = |iterations, decrement| Error::NotConverged {
            iterations,
            l2,
            decrement,
        };
        let preconditioner = self
            .precondition(l2)
            .ok_or_else(|| not_converged(0, f64::INFINITY))?;
        let tolerance = 1e-12 * self.y.len() as f64;
        let mut z = self.margins(&weights, intercept);
        let mut value = self.objective(&z, &weights, l2);
        let mut decrement = f64::INFINITY;
        for _ in 0..MAX_STEPS {
            let p = z.map(sigmoid);
            let truth = self.y.iter().map(|&y| f64::from(u8::from(y)));
            let residual = &p - DVector::from_iterator(self.y.len(), truth);
            let mut gradient = self.x.tr_mul(&residual);
            gradient.axpy(l2, &weights, 1.0);
            let gradient = gradient.push(residual.sum());
            let curvature = p.map(|p| p * (1.0 - p));
            let step = self.newton_step(&curvature, &gradient, l2, &preconditioner);
            decrement = -step.dot(&gradient);
            let (weight_step, intercept_step) = parts(&step);
            let mut rate = 1.0;
            loop {
                let next = &weights + rate * &weight_step;
                let next_intercept = intercept + rate * intercept_step;
                let next_z = self.margins(&next, next_intercept);
                let next_value = self.objective(&next_z, &next, l2);
                // Near the end the decrease drowns in rounding; there the full step is right.
                if decrement < tolerance || next_value <= value - 1e-4 * rate * decrement {
                    (weights, intercept, z, value) = (next, next_intercept, next_z, next_value);
                    break;
                }
                rate /= 2.0;
                if rate < 1e-12 {
                    return Err(not_converged(MAX_STEPS, decrement));
                }
            }
            if decrement < tolerance {
                return Ok((weights, intercept));
            }
        }
        Err(not_converged(MAX_STEPS, decrement))
    }

    /// `(Xᵀ R X + l2·1) v` with the intercept as the last entry, `R` the curvature per example.
    fn hessian_times(&self, curvature: &DVector<f64>, l2: f64, v: &DVector<f64>) -> DVector<f64> {
        let (weights, intercept) = parts(v);
        let z = self.added(&weights, intercept).component_mul(curvature);
        let mut out = self.x.tr_mul(&z);
        out.axpy(l2, &weights, 1.0);
        out.push(z.sum())
    }

    /// Approximately −H⁻¹·gradient, by preconditioned conjugate gradients.
    fn newton_step(
        &self,
        curvature: &DVector<f64>,
        gradient: &DVector<f64>,
        l2: f64,
        preconditioner: &Preconditioner<'_>,
    ) -> DVector<f64> {
        let mut step = DVector::zeros(gradient.len());
        let mut residual = -gradient;
        let mut conditioned = preconditioner.apply(&residual);
        let mut direction = conditioned.clone();
        let mut norm = residual.dot(&conditioned);
        let first = norm;
        for _ in 0..100 {
            if norm <= 1e-10 * first || norm.is_nan() {
                break;
            }
            let product = self.hessian_times(curvature, l2, &direction);
            let rate = norm / direction.dot(&product);
            step.axpy(rate, &direction, 1.0);
            residual.axpy(-rate, &product, 1.0);
            conditioned = preconditioner.apply(&residual);
            let next = residual.dot(&conditioned);
            direction.axpy(1.0, &conditioned, next / norm);
            norm = next;
            // Far from the optimum a rough step is as good as an exact one.
            if norm < 1e-2 * first * (first / self.y.len() as f64).min(1.0) {
                break;
            }
        }
        step
    }
}

impl Preconditioner<'_> {
    fn apply(&self, v: &DVector<f64>) -> DVector<f64> {
        let problem = self.problem;
        let (weights, intercept) = parts(v);
        let out = match problem.dual() {
            // (l2·1 + c·XᵀX)⁻¹ = (1 − Xᵀ (l2/c·1 + XXᵀ)⁻¹ X) / l2
            true => {
                let inner = self.factor.solve(&(&problem.x * &weights));
                (weights - problem.x.tr_mul(&inner)) / self.l2
            }
            false => self.factor.solve(&weights),
        };
        out.push(intercept / (problem.curvature * problem.y.len() as f64))
    }
}

/// The weights and the intercept behind them.
fn parts(v: &DVector<f64>) -> (DVector<f64>, f64) {
    let last = v.len() - 1;
    (v.rows(0, last).into_owned(), v[last])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One feature, and labels that follow twice of it less one.
    fn data() -> (Matrix, Vec<bool>) {
        let x: Vec<f32> = (0..400).map(|at| (at as f32 * 0.61).sin()).collect();
        let draws = (0..400).map(|at| f64::from((at * 7919) % 400) / 400.0);
        let y = x.iter().zip(draws);
        let y = y.map(|(x, draw)| sigmoid(2.0 * f64::from(*x) - 1.0) > draw);
        (Matrix::new(400, 1, x.clone()).unwrap(), y.collect())
    }

    #[test]
    fn what_is_known_is_added_to_and_not_learned_again() {
        let (x, y) = data();
        let alone = LogisticRegression::fit(&x, &y, 1e-3).unwrap();
        let known = alone.scores(&x).unwrap();
        let beside = LogisticRegression::fit_beside(&x, &y, &known, 1e-3).unwrap();
        // The optimum without a penalty adds nothing; the penalty left a little.
        assert!(beside.weights[0].abs() < 0.02 * alone.weights[0].abs());
        assert!(beside.intercept.abs() < 0.01);
        let nothing = vec![0.0; y.len()];
        let same = LogisticRegression::fit_beside(&x, &y, &nothing, 1e-3).unwrap();
        assert_eq!(same, alone);
        // A constant that is known is taken off the intercept.
        let constant = vec![0.7; y.len()];
        let less = LogisticRegression::fit_beside(&x, &y, &constant, 1e-3).unwrap();
        assert!((less.intercept + 0.7 - alone.intercept).abs() < 1e-6);
        assert!((less.weights[0] - alone.weights[0]).abs() < 1e-6);
    }

    #[test]
    fn known_log_odds_that_do_not_fit_are_refused() {
        let (x, y) = data();
        assert!(LogisticRegression::fit_beside(&x, &y, &[0.0], 1.0).is_err());
        let mut known = vec![0.0; y.len()];
        known[3] = f64::NAN;
        assert!(LogisticRegression::fit_beside(&x, &y, &known, 1.0).is_err());
    }
}
