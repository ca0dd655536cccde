//! From scores per fold to statistics with intervals.
//!
//! In each fold a method is trained on some users and measured on others; the test
//! users of the folds are disjoint. A resample draws users, not (user, fold) pairs, so
//! every figure and every difference rests on the same people, whichever fold they
//! were tested in.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::results::Scores;
use instructue_metrics::Ranking;
use instructue_metrics::{Draws, Resamples};

/// Scores of one method at one task on the test users of one fold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FoldScores {
    /// Places of the users in the population.
    pub users: Vec<u32>,
    /// The truth.
    pub labels: Vec<bool>,
    /// Higher for likelier positives; log-odds where a probe gave them.
    pub scores: Vec<f64>,
}

/// A value per test user (or per query of one) of one fold, to be averaged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FoldValues {
    /// Places of the users in the population; one may come several times.
    pub users: Vec<u32>,
    /// Their values.
    pub values: Vec<f64>,
}

/// The users that are tested and the resamples of them.
#[derive(Debug)]
pub struct Population {
    /// Per user: the place among those that are tested.
    places: Vec<Option<u32>>,
    weights: Vec<Vec<u32>>,
}

/// The statistics of one method at one task, each the mean over folds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoreDraws {
    /// Area under the ROC curve.
    pub auc: Draws,
    /// Kolmogorov–Smirnov distance.
    pub ks: Draws,
    /// Lift among the 1, 5 and 10 % with the highest scores.
    pub lift: [Draws; 3],
    /// AUC in each fold.
    pub folds: Vec<f64>,
}

/// The shares of users that lifts are about.
pub(crate) const LIFT_SHARES: [f64; 3] = [0.01, 0.05, 0.1];

impl Population {
    /// `resamples` resamples of `users` users, a function of `seed`.
    pub fn new(users: usize, seed: u64, resamples: usize) -> Self {
        Self::among(users, 0..users, seed, resamples)
    }

    /// Resamples of those of `users` users that are in `tested`, in ascending order.
    ///
    /// # Panics
    /// If a tested user is none of them.
    pub fn among(
        users: usize,
        tested: impl IntoIterator<Item = usize>,
        seed: u64,
        resamples: usize,
    ) -> Self {
        let mut is_tested = vec![false; users];
        for user in tested {
            is_tested[user] = true;
        }
        let mut count = 0;
        let place = |tested: bool| {
            let place = tested.then_some(count);
            count += u32::from(tested);
            place
        };
        let places: Vec<Option<u32>> = is_tested.into_iter().map(place).collect();
        let resamples = Resamples {
            n: count as usize,
            seed,
            count: resamples,
        };
        let weights = (0..resamples.count).into_par_iter();
        Self {
            weights: weights.map(|number| resamples.weights(number)).collect(),
            places,
        }
    }

    /// The statistics of one method at one task; `None` without a fold that has
    /// both classes.
    ///
    /// # Errors
    /// Arrays of different lengths, a user who is not tested, scores that are NaN.
    pub fn measure(&self, folds: &[FoldScores]) -> Result<Option<ScoreDraws>> {
        let mut each = Vec::new();
        for fold in folds {
            let places = self.places(&fold.users, fold.scores.len())?;
            self.places(&fold.users, fold.labels.len())?;
            let ranking = Ranking::new(&fold.scores, &fold.labels)
                .ok_or_else(|| Error::shape("scores", "numbers", "NaN"))?;
            if ranking.auc(None).is_none() {
                continue;
            }
            let of = |statistic: &(dyn Fn(Option<&[u32]>) -> Option<f64> + Sync)| {
                self.draws(&places, statistic)
            };
            let auc = of(&|weights| ranking.auc(weights));
            each.push(ScoreDraws {
                folds: vec![auc.point],
                auc,
                ks: of(&|weights| ranking.ks(weights)).centred(),
                lift: LIFT_SHARES.map(|share| of(&|weights| ranking.lift_at(share, weights))),
            });
        }
        if each.is_empty() {
            return Ok(None);
        }
        let mut mean = ScoreDraws::mean(&each.iter().collect::<Vec<_>>());
        mean.folds = each.iter().map(|one| one.auc.point).collect();
        Ok(Some(mean))
    }

    /// The mean value over users in each fold, then over folds; `None` without a value.
    ///
    /// # Errors
    /// Arrays of different lengths, a user who is not tested.
    pub fn mean(&self, folds: &[FoldValues]) -> Result<Option<Draws>> {
        let mut each = Vec::new();
        for fold in folds.iter().filter(|fold| !fold.users.is_empty()) {
            let places = self.places(&fold.users, fold.values.len())?;
            each.push(self.draws(&places, &|weights| {
                let weight = |at: usize| weights.map_or(1.0, |weights| f64::from(weights[at]));
                let all: f64 = (0..fold.values.len()).map(weight).sum();
                let sum = fold.values.iter().enumerate();
                let sum: f64 = sum.map(|(at, value)| weight(at) * value).sum();
                (all > 0.0).then(|| sum / all)
            }));
        }
        let list: Vec<&Draws> = each.iter().collect();
        Ok((!list.is_empty()).then(|| Draws::mean(&list)))
    }

    fn draws(
        &self,
        places: &[u32],
        statistic: &(dyn Fn(Option<&[u32]>) -> Option<f64> + Sync),
    ) -> Draws {
        let values = self.weights.par_iter().map(|weights| {
            let own = places.iter().map(|&place| weights[place as usize]);
            let own: Vec<u32> = own.collect();
            statistic(Some(&own)).unwrap_or(f64::NAN)
        });
        Draws {
            point: statistic(None).unwrap_or(f64::NAN),
            values: values.collect(),
        }
    }

    /// The users' places in the resamples.
    fn places(&self, users: &[u32], values: usize) -> Result<Vec<u32>> {
        if users.len() != values {
            return Err(Error::shape("scores", users.len(), values));
        }
        let place = |&user: &u32| {
            let place = self.places.get(user as usize).copied().flatten();
            place.ok_or_else(|| Error::shape("a user with a score", "one that is tested", user))
        };
        users.iter().map(place).collect()
    }
}

impl ScoreDraws {
    /// The mean over tasks, draw by draw.
    pub fn mean(tasks: &[&Self]) -> Self {
        let mean = |pick: &dyn Fn(&Self) -> &Draws| {
            let list: Vec<&Draws> = tasks.iter().map(|one| pick(one)).collect();
            Draws::mean(&list)
        };
        let folds = tasks.iter().map(|one| one.folds.len()).min().unwrap_or(0);
        let fold = |at: usize| tasks.iter().map(|one| one.folds[at]).sum::<f64>();
        Self {
            auc: mean(&|one| &one.auc),
            ks: mean(&|one| &one.ks),
            lift: [0, 1, 2].map(|at| mean(&|one| &one.lift[at])),
            folds: (0..folds).map(|at| fold(at) / tasks.len() as f64).collect(),
        }
    }

    /// With intervals; `None` when a statistic is undefined on the sample.
    pub fn scores(&self, confidence: f64) -> Option<Scores> {
        let [one, five, ten] = &self.lift;
        Some(Scores {
            auc: self.auc.interval(confidence)?,
            ks: self.ks.interval(confidence)?,
            lift_1_percent: one.interval(confidence)?,
            lift_5_percent: five.interval(confidence)?,
            lift_10_percent: ten.interval(confidence)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(users: std::ops::Range<u32>, shift: f64) -> FoldScores {
        let labels: Vec<bool> = users.clone().map(|user| user % 3 == 0).collect();
        let noise = |user: u32| f64::from(user.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
        let score = |(user, &label): (u32, &bool)| noise(user) + if label { shift } else { 0.0 };
        FoldScores {
            scores: users.clone().zip(&labels).map(score).collect(),
            labels,
            users: users.collect(),
        }
    }

    #[test]
    fn a_mean_over_folds_is_that_of_the_folds() {
        let population = Population::new(200, 3, 300);
        let folds = [fold(0..100, 0.3), fold(100..200, 0.3)];
        let both = population.measure(&folds).unwrap().unwrap();
        let each = folds.map(|fold| population.measure(&[fold]).unwrap().unwrap());
        let mean = (each[0].auc.point + each[1].auc.point) / 2.0;
        assert!((both.auc.point - mean).abs() < 1e-12);
        assert_eq!(both.folds, [each[0].auc.point, each[1].auc.point]);
        // Two folds of a hundred know more than one.
        let width = |draws: &ScoreDraws| {
            let interval = draws.auc.interval(0.95).unwrap();
            interval.high - interval.low
        };
        assert!(width(&both) < 0.85 * width(&each[0]));
    }

    /// Five small folds of scores that say little: KS is all chance there, and more so
    /// on resamples.
    #[test]
    fn an_interval_of_ks_holds_its_point() {
        let population = Population::new(200, 3, 300);
        let folds = [0, 40, 80, 120, 160].map(|first| fold(first..first + 40, 0.05));
        let draws = population.measure(&folds).unwrap().unwrap();
        let interval = draws.ks.interval(0.95).unwrap();
        assert!(
            interval.low < interval.point && interval.point < interval.high,
            "{interval:?}"
        );
    }

    #[test]
    fn what_two_methods_share_cancels() {
        let population = Population::new(300, 3, 300);
        let weak = population.measure(&[fold(0..300, 0.30)]).unwrap().unwrap();
        let strong = population.measure(&[fold(0..300, 0.34)]).unwrap().unwrap();
        let difference = strong.auc.minus(&weak.auc).interval(0.95).unwrap();
        let alone = weak.auc.interval(0.95).unwrap();
        assert!(difference.excludes_zero(), "{difference:?}");
        assert!(difference.high - difference.low < 0.3 * (alone.high - alone.low));
    }

    #[test]
    fn values_are_averaged_by_user() {
        let population = Population::new(10, 1, 200);
        let values = |users: Vec<u32>, values: Vec<f64>| FoldValues { users, values };
        let folds = [
            values(vec![0, 1, 1], vec![0.0, 1.0, 1.0]),
            values(vec![5], vec![0.5]),
        ];
        let draws = population.mean(&folds).unwrap().unwrap();
        assert!((draws.point - (2.0 / 3.0 + 0.5) / 2.0).abs() < 1e-12);
        // User 5 is not drawn in about a third of the resamples: undefined there.
        let undefined = draws.values.iter().filter(|value| value.is_nan()).count();
        assert!((40..120).contains(&undefined), "{undefined}");
        assert_eq!(population.mean(&[]).unwrap(), None);
    }

    /// Whoever is not tested is in no resample and changes none.
    #[test]
    fn resamples_are_of_the_tested_alone() {
        let some = Population::among(300, (0..300).filter(|user| user % 3 == 1), 3, 50);
        let all = Population::new(100, 3, 50);
        let mut fold = fold(0..100, 0.3);
        let expected = all.measure(&[fold.clone()]).unwrap();
        fold.users = (0..100).map(|user| 3 * user + 1).collect();
        assert_eq!(some.measure(&[fold.clone()]).unwrap(), expected);
        fold.users[0] = 0;
        assert!(some.measure(&[fold]).is_err(), "not tested");
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let population = Population::new(10, 1, 5);
        let mut bad = fold(0..11, 0.1);
        assert!(population.measure(&[bad.clone()]).is_err(), "beyond");
        bad = fold(0..9, 0.1);
        bad.scores.pop();
        assert!(population.measure(&[bad]).is_err(), "lengths");
        let mut bad = fold(0..9, 0.1);
        bad.scores[2] = f64::NAN;
        assert!(population.measure(&[bad]).is_err(), "NaN");
        let mut one_class = fold(0..9, 0.1);
        one_class.labels = vec![true; 9];
        assert_eq!(population.measure(&[one_class]).unwrap(), None);
    }
}
