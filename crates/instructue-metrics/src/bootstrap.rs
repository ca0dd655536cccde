//! Percentile bootstrap intervals, alone and paired.
//!
//! A resample is a list of multiplicities: how often each of the `n` users was
//! drawn. Statistics that are compared are computed on the *same* resamples
//! ([`Resamples`]), so that what two models share (hard and easy users)
//! cancels in the difference.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The customary number of resamples.
pub const RESAMPLES: usize = 1000;

/// The customary confidence.
pub const CONFIDENCE: f64 = 0.95;

/// A statistic and its bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The statistic on the sample itself.
    pub point: f64,
    /// Lower percentile.
    pub low: f64,
    /// Upper percentile.
    pub high: f64,
    /// Share of resamples between the two, 0.95 for a 95 % interval.
    pub confidence: f64,
    /// Resamples on which the statistic was defined (those without a positive, for example, are not).
    pub resamples: usize,
    /// Share of the resamples in which the statistic is above zero, ties one
    /// half: for a difference, how sure its sign is.
    pub above_zero: f64,
}

impl Interval {
    /// From the statistic on the sample and on the resamples; `None` when no resample gave a number.
    pub fn from_draws(point: f64, draws: &[f64], confidence: f64) -> Option<Self> {
        let mut draws: Vec<f64> = draws
            .iter()
            .copied()
            .filter(|draw| draw.is_finite())
            .collect();
        if draws.is_empty() || !point.is_finite() {
            return None;
        }
        draws.sort_by(f64::total_cmp);
        let tail = (1.0 - confidence.clamp(0.0, 1.0)) / 2.0;
        let above: f64 = draws
            .iter()
            .map(|&draw| {
                if draw > 0.0 {
                    1.0
                } else if draw == 0.0 {
                    0.5
                } else {
                    0.0
                }
            })
            .sum();
        Some(Self {
            point,
            low: quantile(&draws, tail),
            high: quantile(&draws, 1.0 - tail),
            confidence,
            resamples: draws.len(),
            above_zero: above / draws.len() as f64,
        })
    }

    /// Whether zero lies outside.
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Linear interpolation between order statistics (type 7, as in NumPy).
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let at = q * (sorted.len() - 1) as f64;
    let low = at.floor() as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
}

/// Resamples of `n` users, drawn with replacement; a pure function of (seed, number).
#[derive(Debug, Clone, Copy)]
pub struct Resamples {
    /// Users in the sample and in each resample.
    pub n: usize,
    /// The seed.
    pub seed: u64,
    /// How many resamples.
    pub count: usize,
}

impl Resamples {
    /// How often each user is drawn in resample `number`.
    pub fn weights(&self, number: usize) -> Vec<u32> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(number as u64);
        let mut weights = vec![0; self.n];
        for _ in 0..self.n {
            weights[random.random_range(0..self.n)] += 1;
        }
        weights
    }

    /// The statistic on every resample, in order; NaN where it is undefined.
    pub fn draws<S>(&self, statistic: S) -> Vec<f64>
    where
        S: Fn(&[u32]) -> Option<f64> + Sync,
    {
        (0..self.count)
            .into_par_iter()
            .map(|number| statistic(&self.weights(number)).unwrap_or(f64::NAN))
            .collect()
    }
}

/// A statistic on the sample and on every resample. What was computed on the same
/// resamples can be subtracted and averaged, draw by draw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draws {
    /// On the sample itself.
    pub point: f64,
    /// One value per resample; NaN where the statistic was undefined.
    pub values: Vec<f64>,
}

impl Draws {
    /// The difference on each resample.
    ///
    /// # Panics
    /// If the numbers of resamples differ.
    pub fn minus(&self, other: &Self) -> Self {
        assert_eq!(self.values.len(), other.values.len(), "other resamples");
        let values = self.values.iter().zip(&other.values);
        Self {
            point: self.point - other.point,
            values: values.map(|(left, right)| left - right).collect(),
        }
    }

    /// The mean on each resample; NaN where one of them is undefined.
    ///
    /// # Panics
    /// If the numbers of resamples differ.
    pub fn mean(list: &[&Self]) -> Self {
        let n = list.len() as f64;
        let count = list.first().map_or(0, |one| one.values.len());
        let same = list.iter().all(|one| one.values.len() == count);
        assert!(same, "other resamples");
        let at = |at: usize| list.iter().map(|one| one.values[at]).sum::<f64>() / n;
        Self {
            point: list.iter().map(|one| one.point).sum::<f64>() / n,
            values: (0..count).map(at).collect(),
        }
    }

    /// The same, moved so that the mean of the resamples is the point. A statistic that
    /// is a maximum, such as KS, is larger on resamples than on the sample: without
    /// this its interval may not even hold its point.
    pub fn centred(mut self) -> Self {
        let known = || self.values.iter().filter(|value| value.is_finite());
        let bias = known().sum::<f64>() / known().count().max(1) as f64 - self.point;
        for value in &mut self.values {
            *value -= bias;
        }
        self
    }

    /// The percentile interval; `None` when no resample gave a number.
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        Interval::from_draws(self.point, &self.values, confidence)
    }
}

/// A percentile interval of `statistic` over `n` users.
///
/// The statistic takes the multiplicity of each user; on the sample itself
/// all are 1. `None` when it is undefined there or on every resample.
///
/// ```
/// use instructue_metrics::bootstrap_interval;
/// let values = [1.0, 2.0, 3.0, 4.0, 5.0];
/// let mean = |weights: &[u32]| {
///     let sum: f64 = weights.iter().zip(values).map(|(&w, v)| f64::from(w) * v).sum();
///     Some(sum / 5.0)
/// };
/// let interval = bootstrap_interval(5, 7, 1000, mean).unwrap();
/// assert_eq!(interval.point, 3.0);
/// assert!(interval.low < 3.0 && 3.0 < interval.high);
/// ```
pub fn bootstrap_interval<S>(
    n: usize,
    seed: u64,
    resamples: usize,
    statistic: S,
) -> Option<Interval>
where
    S: Fn(&[u32]) -> Option<f64> + Sync,
{
    let point = statistic(&vec![1; n])?;
    let draws = Resamples {
        n,
        seed,
        count: resamples,
    }
    .draws(statistic);
    Interval::from_draws(point, &draws, CONFIDENCE)
}

/// A percentile interval of `left` − `right`, both on the same resamples.
pub fn bootstrap_difference<L, R>(
    n: usize,
    seed: u64,
    resamples: usize,
    left: L,
    right: R,
) -> Option<Interval>
where
    L: Fn(&[u32]) -> Option<f64> + Sync,
    R: Fn(&[u32]) -> Option<f64> + Sync,
{
    bootstrap_interval(n, seed, resamples, |weights| {
        Some(left(weights)? - right(weights)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Ranking;

    /// A noisy score of n users, every third positive.
    fn sample(n: usize) -> (Vec<f64>, Vec<bool>) {
        let mut random = ChaCha8Rng::seed_from_u64(3);
        let labels: Vec<bool> = (0..n).map(|at| at % 3 == 0).collect();
        let noise = |label: &bool| f64::from(u8::from(*label)) + random.random_range(-1.5..1.5);
        (labels.iter().map(noise).collect(), labels)
    }

    #[test]
    fn an_interval_holds_the_point_and_narrows_with_n() {
        let width = |n| {
            let (scores, labels) = sample(n);
            let ranking = Ranking::new(&scores, &labels).unwrap();
            let interval = bootstrap_interval(n, 1, 500, |w| ranking.auc(Some(w))).unwrap();
            assert_eq!(Some(interval.point), ranking.auc(None));
            assert!(interval.low <= interval.point && interval.point <= interval.high);
            assert_eq!(interval.resamples, 500);
            interval.high - interval.low
        };
        let (small, large) = (width(60), width(960));
        // Sixteen times the users: about a quarter of the width.
        assert!(
            large < small * 0.4 && large > small * 0.1,
            "{small} {large}"
        );
    }

    #[test]
    fn coverage_of_a_mean_is_near_nominal() {
        let covered = (0..200)
            .filter(|&run| {
                let mut random = ChaCha8Rng::seed_from_u64(run);
                let values: Vec<f64> = (0..80).map(|_| random.random_range(-1.0..1.0)).collect();
                let mean = |w: &[u32]| {
                    Some(
                        w.iter()
                            .zip(&values)
                            .map(|(&w, v)| f64::from(w) * v)
                            .sum::<f64>()
                            / 80.0,
                    )
                };
                let interval = bootstrap_interval(80, run + 1000, 300, mean).unwrap();
                !interval.excludes_zero()
            })
            .count();
        assert!((180..=198).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn a_paired_difference_cancels_what_is_shared() {
        let (scores, labels) = sample(200);
        let slightly: Vec<f64> = scores
            .iter()
            .zip(&labels)
            .map(|(s, &l)| s + if l { 0.05 } else { 0.0 })
            .collect();
        let plain = Ranking::new(&scores, &labels).unwrap();
        let better = Ranking::new(&slightly, &labels).unwrap();
        let alone = bootstrap_interval(200, 5, 500, |w| plain.auc(Some(w))).unwrap();
        let paired =
            bootstrap_difference(200, 5, 500, |w| better.auc(Some(w)), |w| plain.auc(Some(w)))
                .unwrap();
        assert!(paired.high - paired.low < 0.2 * (alone.high - alone.low));
        assert!(
            paired.excludes_zero() && paired.above_zero > 0.99,
            "{paired:?}"
        );
        let same = bootstrap_difference(200, 5, 50, |w| plain.auc(Some(w)), |w| plain.auc(Some(w)));
        let same = same.unwrap();
        assert_eq!((same.low, same.high, same.above_zero), (0.0, 0.0, 0.5));
    }

    #[test]
    fn resamples_are_a_function_of_the_seed() {
        let resamples = Resamples {
            n: 50,
            seed: 9,
            count: 3,
        };
        assert_eq!(resamples.weights(2), resamples.weights(2));
        assert_ne!(resamples.weights(1), resamples.weights(2));
        assert_ne!(
            resamples.weights(1),
            Resamples {
                seed: 10,
                ..resamples
            }
            .weights(1)
        );
        assert_eq!(resamples.weights(0).iter().sum::<u32>(), 50);
    }

    #[test]
    fn undefined_statistics_are_left_out() {
        assert_eq!(bootstrap_interval(0, 1, 10, |_| None), None);
        // Undefined whenever user 0 is not drawn, about 37 % of the time.
        let some = bootstrap_interval(40, 1, 1000, |w| (w[0] > 0).then_some(1.0)).unwrap();
        assert!((550..720).contains(&some.resamples), "{}", some.resamples);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
    }
}
