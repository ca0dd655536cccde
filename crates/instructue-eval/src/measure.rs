//! The measurements of one task, and their means over tasks.

use std::collections::{BTreeMap, HashMap};

use instructue_data::seed;
use rayon::prelude::*;

use crate::bootstrap::{Interval, Resamples};
use crate::cross_validation::CrossValidation;
use crate::embedder::{Matrix, UserVectors};
use crate::error::{Error, Result};
use crate::map::Map2d;
use crate::metrics::Ranking;
use crate::probe::{LogisticRegression, log_loss};
use crate::proof::{Arm, ArmResult, Average, COMPARISONS, Difference, Score, TaskProof, ZeroShot};
use crate::prove::{Group, Part, ProveInput, ProveOptions};
use crate::retrieval::check_texts;
use crate::tasks::Task;

/// AUC and KS on the sample, and on every resample of the test users.
pub(crate) struct ArmDraws {
    point: (f64, f64),
    auc: Vec<f64>,
    ks: Vec<f64>,
}

impl ArmDraws {
    fn score(&self, confidence: f64) -> Option<Score> {
        Some(Score {
            auc: Interval::from_draws(self.point.0, &self.auc, confidence)?,
            ks: Interval::from_draws(self.point.1, &self.ks, confidence)?,
        })
    }

    fn minus(&self, other: &Self) -> Self {
        let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        Self {
            point: (self.point.0 - other.point.0, self.point.1 - other.point.1),
            auc: minus(&self.auc, &other.auc),
            ks: minus(&self.ks, &other.ks),
        }
    }

    /// NaN on a resample where one of them is undefined.
    fn mean(list: &[&Self]) -> Self {
        let n = list.len() as f64;
        let mean = |of: &dyn Fn(&Self) -> f64| list.iter().map(|one| of(one)).sum::<f64>() / n;
        let draws = list.first().map_or(0, |one| one.auc.len());
        Self {
            point: (mean(&|one| one.point.0), mean(&|one| one.point.1)),
            auc: (0..draws).map(|at| mean(&|one| one.auc[at])).collect(),
            ks: (0..draws).map(|at| mean(&|one| one.ks[at])).collect(),
        }
    }
}

/// One probe's results.
pub(crate) struct Measured {
    result: ArmResult,
    draws: ArmDraws,
}

/// The probes of a task: what they are trained on.
struct Trial<'a> {
    arm: Arm,
    instruction: Option<&'a str>,
    x: &'a Matrix,
    /// The users' vectors in the space of texts, where there are any.
    unit: Option<&'a Matrix>,
    /// Columns from here on are a block of their own, see [`CrossValidation::fit_blocks`].
    second_block: Option<usize>,
}

/// Fits and measures every arm of a task.
pub(crate) fn measure(input: &ProveInput<'_>, group: &Group, part: &Part) -> Result<Vec<Measured>> {
    let task = &input.tasks.tasks[part.index];
    let options = &input.options;
    let matched = vectors(&group.trained, Some(&task.instruction))?;
    let both = group.counts.beside(&matched.state)?;
    let trials = trials(input, group, part, &both)?;
    // The same folds and resamples for every arm: what is compared is paired.
    let cross_validation = CrossValidation {
        seed: seed::derive(options.seed, "folds", &[part.index as u64]),
        ..options.cross_validation.clone()
    };
    // Drawn from all test users, so that tasks can be averaged resample by resample.
    let resamples = Resamples {
        n: input.test.len(),
        seed: seed::derive(options.seed, "test bootstrap", &[]),
        count: options.resamples,
    };
    let own = |weights: &[u32]| -> Vec<u32> {
        part.test_positions.iter().map(|&at| weights[at]).collect()
    };
    let fits: Vec<LogisticRegression> = trials
        .par_iter()
        .map(|trial| {
            let x = trial.x.select(&part.train_rows);
            match trial.second_block {
                None => Ok(cross_validation.fit(&x, &part.train_labels)?.0),
                Some(first) => cross_validation.fit_blocks(&x, &part.train_labels, first),
            }
        })
        .collect::<Result<_>>()?;
    let test_matched = matched.unit.select(&part.test_rows);
    trials
        .iter()
        .zip(&fits)
        .map(|(trial, fit)| {
            let x = trial.x.select(&part.test_rows);
            let scores = fit.scores(&x)?;
            let ranking = rank(&scores, &part.test_labels, &task.name)?;
            let draws = ArmDraws {
                point: (
                    ranking.auc(None).unwrap_or(f64::NAN),
                    ranking.ks(None).unwrap_or(f64::NAN),
                ),
                auc: resamples.draws(|weights| ranking.auc(Some(&own(weights)))),
                ks: resamples.draws(|weights| ranking.ks(Some(&own(weights)))),
            };
            let undefined = || {
                Error::shape(
                    format!("task `{}`: resamples", task.name),
                    "both classes",
                    "one",
                )
            };
            let mut result = ArmResult {
                arm: trial.arm,
                instruction: trial.instruction.map(str::to_owned),
                features: x.columns,
                l2: fit.l2,
                score: draws.score(options.confidence).ok_or_else(undefined)?,
                log_loss: log_loss(&scores, &part.test_labels),
                lift_at_10_percent: ranking.lift_at(0.1, None),
                cosine_to_matched: None,
                matched_probe_auc: None,
                roc: thinned(&ranking.roc_curve(), options.roc_points),
            };
            if matches!(trial.arm, Arm::Empty | Arm::Wrong | Arm::Reworded) {
                let of_matched = fits[0].scores(&x)?;
                result.matched_probe_auc =
                    rank(&of_matched, &part.test_labels, &task.name)?.auc(None);
                result.cosine_to_matched = trial.unit.map(|unit| {
                    let unit = unit.select(&part.test_rows);
                    let cosines = (0..unit.rows).map(|row| unit.cosine(row, &test_matched, row));
                    cosines.sum::<f64>() / unit.rows as f64
                });
            }
            Ok(Measured { result, draws })
        })
        .collect()
}

/// Every arm of a task; the matched one is first.
fn trials<'a>(
    input: &'a ProveInput<'_>,
    group: &'a Group,
    part: &Part,
    both: &'a Matrix,
) -> Result<Vec<Trial<'a>>> {
    let task = &input.tasks.tasks[part.index];
    let own = Some(task.instruction.as_str());
    let wrong = Some(input.tasks.wrong_of(part.index));
    let mut trials = Vec::new();
    let mut add = |arm, instruction, vectors: &'a UserVectors| {
        trials.push(Trial {
            arm,
            instruction,
            x: &vectors.state,
            unit: Some(&vectors.unit),
            second_block: None,
        })
    };
    add(Arm::Matched, own, vectors(&group.trained, own)?);
    add(Arm::Empty, None, vectors(&group.trained, None)?);
    add(Arm::Wrong, wrong, vectors(&group.trained, wrong)?);
    for text in &task.reworded {
        add(
            Arm::Reworded,
            Some(text),
            vectors(&group.trained, Some(text))?,
        );
    }
    add(Arm::Untrained, own, vectors(&group.untrained, own)?);
    let baseline = |arm, instruction, x, second_block| Trial {
        arm,
        instruction,
        x,
        unit: None,
        second_block,
    };
    let counts = group.counts.columns;
    trials.push(baseline(Arm::Counts, None, &group.counts, None));
    trials.push(baseline(Arm::Concatenated, own, both, Some(counts)));
    Ok(trials)
}

/// The vectors under an instruction.
fn vectors<'a>(
    all: &'a HashMap<Option<String>, UserVectors>,
    instruction: Option<&str>,
) -> Result<&'a UserVectors> {
    all.get(&instruction.map(str::to_owned)).ok_or_else(|| {
        Error::shape(
            "instructions",
            instruction.unwrap_or("no instruction"),
            "no vectors of it",
        )
    })
}

fn rank(scores: &[f64], labels: &[bool], task: &str) -> Result<Ranking> {
    Ranking::new(scores, labels)
        .ok_or_else(|| Error::shape(format!("task `{task}`: scores"), "numbers", "NaN"))
}

/// At most about `most` points of a curve, first and last included.
fn thinned(curve: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
    let step = curve.len().div_ceil(most.max(2)).max(1);
    let last = curve.len().saturating_sub(1);
    let keep = |at: &usize| at.is_multiple_of(step) || *at == last;
    (0..curve.len()).filter(keep).map(|at| curve[at]).collect()
}

/// Moves the results into the proof and compares arms.
pub(crate) fn summarise(
    proof: &mut TaskProof,
    measured: Vec<Measured>,
    confidence: f64,
) -> BTreeMap<Arm, ArmDraws> {
    let mut lists: BTreeMap<Arm, Vec<&ArmDraws>> = BTreeMap::new();
    for one in &measured {
        lists.entry(one.result.arm).or_default().push(&one.draws);
    }
    let draws: BTreeMap<Arm, ArmDraws> = lists
        .into_iter()
        .map(|(arm, list)| (arm, ArmDraws::mean(&list)))
        .collect();
    proof.reworded = draws
        .get(&Arm::Reworded)
        .and_then(|mean| mean.score(confidence));
    proof.differences = compare(&draws, confidence);
    proof.arms = measured.into_iter().map(|one| one.result).collect();
    draws
}

fn compare(draws: &BTreeMap<Arm, ArmDraws>, confidence: f64) -> Vec<Difference> {
    COMPARISONS
        .iter()
        .filter_map(|&(left, right)| {
            let difference = draws.get(&left)?.minus(draws.get(&right)?);
            Some(Difference {
                left,
                right,
                score: difference.score(confidence)?,
            })
        })
        .collect()
}

/// Means over tasks. Every task was measured on the same resamples of the test
/// users, so a mean has one value per resample too.
pub(crate) fn average(tasks: &[BTreeMap<Arm, ArmDraws>], confidence: f64) -> Average {
    if tasks.is_empty() {
        return Average::default();
    }
    let mean = |arm: Arm| {
        let list: Vec<_> = tasks.iter().filter_map(|task| task.get(&arm)).collect();
        ArmDraws::mean(&list)
    };
    let means: BTreeMap<Arm, ArmDraws> = Arm::ALL.into_iter().map(|arm| (arm, mean(arm))).collect();
    Average {
        tasks: tasks.len(),
        arms: means
            .iter()
            .filter_map(|(&arm, mean)| Some((arm, mean.score(confidence)?)))
            .collect(),
        differences: compare(&means, confidence),
    }
}

/// Scores by cosine with the true answer minus cosine with the false one.
pub(crate) fn zero_shot(
    input: &ProveInput<'_>,
    group: &Group,
    part: &Part,
) -> Result<Option<ZeroShot>> {
    let task = &input.tasks.tasks[part.index];
    let (Some(positive), Some(negative)) = (&task.positive_text, &task.negative_text) else {
        return Ok(None);
    };
    let texts = [positive.clone(), negative.clone()];
    let ProveOptions {
        seed,
        resamples,
        confidence,
        ..
    } = input.options;
    let resamples = Resamples {
        n: part.test_labels.len(),
        seed: seed::derive(seed, "zero-shot bootstrap", &[part.index as u64]),
        count: resamples,
    };
    let mut sides = Vec::new();
    let models = [
        (input.trained, "trained", &group.trained),
        (input.untrained, "untrained", &group.untrained),
    ];
    for (model, name, all) in models {
        let users = &vectors(all, Some(&task.instruction))?.unit;
        let answers = model.embed_texts(&texts).map_err(|source| Error::Model {
            model: name,
            source,
        })?;
        check_texts(&answers, texts.len(), users.columns, name)?;
        let score = |&row: &usize| users.cosine(row, &answers, 0) - users.cosine(row, &answers, 1);
        let scores: Vec<f64> = part.test_rows.iter().map(score).collect();
        let ranking = rank(&scores, &part.test_labels, &task.name)?;
        let draws = resamples.draws(|weights| ranking.auc(Some(weights)));
        sides.push((ranking.auc(None).unwrap_or(f64::NAN), draws));
    }
    let ((trained, trained_draws), (untrained, untrained_draws)) = (&sides[0], &sides[1]);
    let differences: Vec<f64> = trained_draws
        .iter()
        .zip(untrained_draws)
        .map(|(t, u)| t - u)
        .collect();
    let interval = |point, draws: &[f64]| Interval::from_draws(point, draws, confidence);
    let all = || {
        Some(ZeroShot {
            trained: interval(*trained, trained_draws)?,
            untrained: interval(*untrained, untrained_draws)?,
            difference: interval(trained - untrained, &differences)?,
        })
    };
    Ok(all())
}

/// The test users under a task's instruction, coloured by its label.
pub(crate) fn map_of(task: &Task, group: &Group, part: &Part) -> Result<Map2d> {
    let users = &vectors(&group.trained, Some(&task.instruction))?.unit;
    let name = |&label: &bool| if label { "yes" } else { "no" }.to_owned();
    let groups = part.test_labels.iter().map(name).collect();
    Map2d::pca(&users.select(&part.test_rows), groups, &task.instruction)
}
