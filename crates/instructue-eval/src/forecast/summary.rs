//! Mean AUCs over questions, with intervals over users and questions.

use std::collections::{BTreeMap, BTreeSet};

use instructue_metrics::{Calibration, Draws, Ranking, Resamples, auc, lift_at};
use instructue_schema::seed;
use rayon::prelude::*;

use super::result::{
    ForecastDifference, ForecastMean, ForecastQuality, ForecastQuestionResult, ForecastResult,
    ForecastSubset, RightAnswers,
};
use super::study::{ForecastMethod, ForecastScores, ForecastStudy};
use crate::error::Result;
use crate::options::EvaluateOptions;

/// Bins of the calibration error.
const BINS: usize = 15;
/// The first users that lift looks at.
const SHARES: [f64; 3] = [0.01, 0.05, 0.1];
/// The share of the questions of groups that a method must answer to be said how it ranks them.
const RANKED: f64 = 0.95;
/// Users of each answer that a question needs among those who are looked at.
const MIN_PER_CLASS: usize = 3;

/// Makes figures of methods' scores. `pairs` are the differences that are wanted, each of a
/// method and another one.
///
/// # Errors
/// Lists that do not belong together.
pub fn summarise_forecasts(
    study: &ForecastStudy,
    methods: &[ForecastScores],
    pairs: &[(ForecastMethod, ForecastMethod)],
    options: &EvaluateOptions,
) -> Result<ForecastResult> {
    study.check(methods)?;
    let draws = Sampled::new(study, options);
    let all: Vec<PerQuestion> = methods
        .par_iter()
        .map(|method| draws.per_question(method))
        .collect();
    let mut out = ForecastResult::default();
    for (method, found) in methods.iter().zip(&all) {
        for subset in ForecastSubset::ALL {
            let Some((questions, draws)) = draws.mean(found, subset, None) else {
                continue;
            };
            out.means
                .extend(draws.interval(options.confidence).map(|auc| ForecastMean {
                    method: method.method.clone(),
                    subset,
                    questions,
                    auc,
                }));
        }
        out.qualities.push(quality(study, method));
    }
    let place = |method: &ForecastMethod| methods.iter().position(|one| one.method == *method);
    for (method, against) in pairs {
        let Some((left, right)) = place(method).zip(place(against)) else {
            continue;
        };
        let (of_left, of_right) = (&all[left], &all[right]);
        for subset in ForecastSubset::ALL {
            // Over the questions that both answered.
            let left = draws.mean(of_left, subset, Some(of_right));
            let right = draws.mean(of_right, subset, Some(of_left));
            let Some(((_, left), (_, right))) = left.zip(right) else {
                continue;
            };
            let difference = left.minus(&right).interval(options.confidence);
            out.differences
                .extend(difference.map(|auc| ForecastDifference {
                    method: method.clone(),
                    against: against.clone(),
                    subset,
                    auc,
                }));
        }
    }
    out.questions = questions(study, methods, &all);
    Ok(out)
}

/// A method's AUC for each question, on all users and on each resample; of all that are asked,
/// and of those who never had what is asked about.
struct PerQuestion {
    all: Vec<Option<Draws>>,
    never: Vec<Option<Draws>>,
}

/// Resamples of users and questions.
struct Sampled<'a> {
    study: &'a ForecastStudy,
    users: Vec<Vec<u32>>,
    questions: Vec<Vec<u32>>,
}

impl<'a> Sampled<'a> {
    fn new(study: &'a ForecastStudy, options: &EvaluateOptions) -> Self {
        let drawn = |n: usize, purpose: &str| {
            let resamples = Resamples {
                n,
                seed: seed::derive(options.seed, purpose, &[]),
                count: if n == 0 { 0 } else { options.resamples },
            };
            (0..resamples.count)
                .map(|number| resamples.weights(number))
                .collect()
        };
        Self {
            study,
            users: drawn(study.users(), "forecast users"),
            questions: drawn(study.items.len(), "forecast questions"),
        }
    }

    fn per_question(&self, method: &ForecastScores) -> PerQuestion {
        let of = |never: bool| {
            let questions = 0..self.study.items.len();
            let questions = questions.into_par_iter();
            questions
                .map(|at| self.aucs(at, &method.scores[at], never))
                .collect()
        };
        PerQuestion {
            all: of(false),
            never: of(true),
        }
    }

    /// The AUCs of one question; `None` with too few users of an answer.
    fn aucs(&self, at: usize, scores: &[f32], never: bool) -> Option<Draws> {
        if scores.is_empty() {
            return None;
        }
        let labels = self.study.labels[at].iter().enumerate();
        let asked = labels.filter_map(|(user, label)| Some((user, (*label)?)));
        let asked: Vec<(usize, bool)> = asked
            .filter(|(user, _)| !never || self.study.never[at][*user])
            .collect();
        let yes = asked.iter().filter(|(_, label)| *label).count();
        if yes.min(asked.len() - yes) < MIN_PER_CLASS {
            return None;
        }
        let folds: BTreeSet<u32> = asked
            .iter()
            .map(|(user, _)| self.study.fold(*user))
            .collect();
        let rankings = folds.into_iter().filter_map(|fold| {
            let of_fold = asked
                .iter()
                .filter(|(user, _)| self.study.fold(*user) == fold);
            FoldRanking::new(scores, &of_fold.copied().collect::<Vec<_>>())
        });
        let rankings: Vec<FoldRanking> = rankings.collect();
        let drawn = self.users.iter();
        let drawn = drawn.map(|weights| mean_auc(&rankings, Some(weights)).unwrap_or(f64::NAN));
        Some(Draws {
            point: mean_auc(&rankings, None)?,
            values: drawn.collect(),
        })
    }

    /// The mean over the questions of a subset that `found` (and `other`) answered.
    fn mean(
        &self,
        found: &PerQuestion,
        subset: ForecastSubset,
        other: Option<&PerQuestion>,
    ) -> Option<(usize, Draws)> {
        let answered = |at: usize| {
            let both = other.is_none_or(|other| of_subset(other, subset)[at].is_some());
            of_subset(found, subset)[at].as_ref().filter(|_| both)
        };
        let items = self.study.items.iter().enumerate();
        let chosen = items.filter(|(_, item)| subset.holds(item));
        let chosen: Vec<(usize, &Draws)> = chosen
            .filter_map(|(at, _)| Some((at, answered(at)?)))
            .collect();
        if chosen.is_empty() {
            return None;
        }
        let point = chosen.iter().map(|(_, draws)| draws.point).sum::<f64>() / chosen.len() as f64;
        let resampled = self.questions.iter().enumerate().map(|(number, weights)| {
            let (mut sum, mut count) = (0.0, 0.0);
            for (at, draws) in &chosen {
                let value = draws.values[number];
                if value.is_finite() {
                    let weight = f64::from(weights[*at]);
                    sum += weight * value;
                    count += weight;
                }
            }
            sum / count
        });
        let values = resampled.collect();
        Some((chosen.len(), Draws { point, values }))
    }
}

/// The users of one fold that are asked one question.
struct FoldRanking {
    users: Vec<usize>,
    labels: Vec<bool>,
    ranking: Ranking,
}

impl FoldRanking {
    /// `None` if all answer alike.
    fn new(scores: &[f32], asked: &[(usize, bool)]) -> Option<Self> {
        let (users, labels): (Vec<usize>, Vec<bool>) = asked.iter().copied().unzip();
        let own = users.iter().map(|user| f64::from(scores[*user]));
        let ranking = Ranking::new(&own.collect::<Vec<_>>(), &labels)?;
        Some(Self {
            users,
            labels,
            ranking,
        })
    }
}

/// The share of pairs of a yes and a no, both of one fold, that are in order.
fn mean_auc(folds: &[FoldRanking], weights: Option<&[u32]>) -> Option<f64> {
    let (mut sum, mut pairs) = (0.0, 0.0);
    for fold in folds {
        let weights = weights.map(|all| fold.users.iter().map(|user| all[*user]).collect());
        let weights: Option<Vec<u32>> = weights;
        let Some(auc) = fold.ranking.auc(weights.as_deref()) else {
            continue;
        };
        let count = |answer: bool| -> f64 {
            let users = fold.labels.iter().enumerate();
            let users = users.filter(|(_, label)| **label == answer);
            let weight = |user: usize| weights.as_ref().map_or(1, |weights| weights[user]);
            users.map(|(user, _)| f64::from(weight(user))).sum()
        };
        let of_fold = count(true) * count(false);
        sum += of_fold * auc;
        pairs += of_fold;
    }
    (pairs > 0.0).then(|| sum / pairs)
}

fn of_subset(one: &PerQuestion, subset: ForecastSubset) -> &[Option<Draws>] {
    match subset {
        ForecastSubset::NeverBefore => &one.never,
        _ => &one.all,
    }
}

/// Lift, calibration and the ranking within users.
fn quality(study: &ForecastStudy, method: &ForecastScores) -> ForecastQuality {
    let mut lifts = [const { Vec::new() }; 3];
    // Who answers some questions only has fewer to rank.
    let known = study.items.iter().zip(&method.scores);
    let known = known.filter(|(item, _)| item.seen_family && item.group.is_some());
    let answered = known
        .clone()
        .filter(|(_, scores)| !scores.is_empty())
        .count();
    let ranks = answered as f64 >= RANKED * known.count() as f64;
    let (mut probabilities, mut truths) = (Vec::new(), Vec::new());
    let mut right: Vec<RightAnswers> = Vec::new();
    /// Scores and labels.
    type Asked = (Vec<f64>, Vec<bool>);
    let mut by_user: BTreeMap<(&str, usize), Asked> = BTreeMap::new();
    for ((item, labels), scores) in study.items.iter().zip(&study.labels).zip(&method.scores) {
        // Of what a method learned to answer: a probability of something else says nothing here.
        if scores.is_empty() || !item.seen_family {
            continue;
        }
        let asked = labels.iter().zip(scores).enumerate();
        let asked = asked.filter_map(|(user, (label, score))| Some((user, (*label)?, *score)));
        let asked: Vec<(usize, bool, f64)> = asked
            .map(|(user, label, score)| (user, label, f64::from(score)))
            .collect();
        let own: Vec<f64> = asked.iter().map(|one| one.2).collect();
        let truth: Vec<bool> = asked.iter().map(|one| one.1).collect();
        let folds: BTreeSet<u32> = asked.iter().map(|one| study.fold(one.0)).collect();
        for fold in folds {
            let of_fold = asked.iter().filter(|one| study.fold(one.0) == fold);
            let (own, truth): (Vec<f64>, Vec<bool>) = of_fold.map(|one| (one.2, one.1)).unzip();
            for (lifts, share) in lifts.iter_mut().zip(SHARES) {
                lifts.extend(lift_at(&own, &truth, share));
            }
        }
        if method.probabilities {
            right.extend(RightAnswers::of(&own, &truth));
            probabilities.extend(&own);
            truths.extend(&truth);
        }
        if let Some(group) = item.group.as_ref().filter(|_| ranks) {
            for (user, label, score) in asked {
                let (scores, labels) = by_user.entry((group, user)).or_default();
                scores.push(score);
                labels.push(label);
            }
        }
    }
    let mean = |values: &[f64]| {
        let count = values.len();
        (count > 0).then(|| values.iter().sum::<f64>() / count as f64)
    };
    let within = by_user
        .values()
        .filter_map(|(scores, labels)| auc(scores, labels));
    let calibration = Calibration::new(&probabilities, &truths, BINS);
    ForecastQuality {
        method: method.method.clone(),
        lift: lifts.map(|values| mean(&values)),
        calibration: calibration.ok().filter(|_| method.probabilities),
        right: RightAnswers::mean(&right),
        within_user: mean(&within.collect::<Vec<_>>()),
    }
}

impl RightAnswers {
    /// Of one question; `None` if all answer alike.
    fn of(probabilities: &[f64], truth: &[bool]) -> Option<Self> {
        let mean = probabilities.iter().sum::<f64>() / probabilities.len() as f64;
        let balanced = |least: f64| {
            let share = |answer: bool| {
                let of = probabilities.iter().zip(truth);
                let of: Vec<&f64> = of.filter(|one| *one.1 == answer).map(|one| one.0).collect();
                let right = of.iter().filter(|p| (***p >= least) == answer).count();
                (!of.is_empty()).then(|| right as f64 / of.len() as f64)
            };
            Some(0.5 * (share(true)? + share(false)?))
        };
        Some(Self {
            likelier: balanced(0.5)?,
            likelier_than_mean: balanced(mean)?,
        })
    }

    fn mean(all: &[Self]) -> Option<Self> {
        let mean = |of: fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        (!all.is_empty()).then(|| Self {
            likelier: mean(|one| one.likelier),
            likelier_than_mean: mean(|one| one.likelier_than_mean),
        })
    }
}

fn questions(
    study: &ForecastStudy,
    methods: &[ForecastScores],
    all: &[PerQuestion],
) -> Vec<ForecastQuestionResult> {
    let items = study.items.iter().zip(&study.labels).enumerate();
    let results = items.map(|(at, (item, labels))| {
        let asked = labels.iter().flatten();
        let of = |(method, found): (&ForecastScores, &PerQuestion)| {
            let draws = found.all[at].as_ref()?;
            Some((method.method.label(), draws.point))
        };
        ForecastQuestionResult {
            item: item.clone(),
            asked: asked.clone().count(),
            yes: asked.filter(|label| **label).count(),
            auc: methods.iter().zip(all).filter_map(of).collect(),
        }
    });
    results.collect()
}
