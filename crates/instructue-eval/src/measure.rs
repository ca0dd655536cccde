//! The measurements of one task, and their means over tasks.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use instructue_schema::seed;
use rayon::prelude::*;

use crate::bootstrap::{Draws, Resamples};
use crate::cross_validation::CrossValidation;
use crate::embedder::{Matrix, UserVectors};
use crate::error::{Error, Result};
use crate::map::Map2d;
use crate::metrics::Ranking;
use crate::probe::{LogisticRegression, log_loss};
use crate::proof::{Arm, ArmResult, Average, COMPARISONS, Difference, Score, TaskProof, ZeroShot};
use crate::prove::{EvaluateInput, EvaluateOptions, Group, Part};
use crate::retrieval::check_texts;
use crate::tasks::Task;

/// AUC and KS on the sample, and on every resample of the test users.
pub(crate) struct ArmDraws {
    auc: Draws,
    ks: Draws,
}

impl ArmDraws {
    fn score(&self, confidence: f64) -> Option<Score> {
        Some(Score {
            auc: self.auc.interval(confidence)?,
            ks: self.ks.interval(confidence)?,
        })
    }

    fn minus(&self, other: &Self) -> Self {
        Self {
            auc: self.auc.minus(&other.auc),
            ks: self.ks.minus(&other.ks),
        }
    }

    fn mean(list: &[&Self]) -> Self {
        let mean = |of: fn(&Self) -> &Draws| {
            let draws: Vec<&Draws> = list.iter().map(|one| of(one)).collect();
            Draws::mean(&draws)
        };
        Self {
            auc: mean(|one| &one.auc),
            ks: mean(|one| &one.ks),
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
    x: Cow<'a, Matrix>,
    /// The users' vectors in the space of texts, where there are any.
    unit: Option<&'a Matrix>,
    /// Columns from here on are a block of their own, see [`CrossValidation::fit_blocks`].
    second_block: usize,
}

/// Fits and measures every arm of a task.
pub(crate) fn measure(
    input: &EvaluateInput<'_>,
    group: &Group,
    part: &Part,
) -> Result<Vec<Measured>> {
    let task = &input.tasks.tasks[part.index];
    let options = &input.options;
    let matched = vectors(&group.trained, Some(&task.instruction))?;
    let trials = trials(input, group, part, matched)?;
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
            cross_validation.fit_blocks(&x, &part.train_labels, trial.second_block)
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
                auc: Draws {
                    point: ranking.auc(None).unwrap_or(f64::NAN),
                    values: resamples.draws(|weights| ranking.auc(Some(&own(weights)))),
                },
                ks: Draws {
                    point: ranking.ks(None).unwrap_or(f64::NAN),
                    values: resamples.draws(|weights| ranking.ks(Some(&own(weights)))),
                }
                .centred(),
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
    input: &'a EvaluateInput<'_>,
    group: &'a Group,
    part: &Part,
    matched: &UserVectors,
) -> Result<Vec<Trial<'a>>> {
    let task = &input.tasks.tasks[part.index];
    let own = Some(task.instruction.as_str());
    let wrong = Some(input.tasks.wrong_of(part.index));
    let mut trials = Vec::new();
    let mut add = |arm, instruction, vectors: &'a UserVectors| -> Result<()> {
        let (x, second_block) = vectors.readable()?;
        trials.push(Trial {
            arm,
            instruction,
            x: Cow::Owned(x),
            unit: Some(&vectors.unit),
            second_block,
        });
        Ok(())
    };
    add(Arm::Matched, own, vectors(&group.trained, own)?)?;
    add(Arm::Empty, None, vectors(&group.trained, None)?)?;
    add(Arm::Wrong, wrong, vectors(&group.trained, wrong)?)?;
    for text in &task.reworded {
        add(
            Arm::Reworded,
            Some(text),
            vectors(&group.trained, Some(text))?,
        )?;
    }
    add(Arm::Untrained, own, vectors(&group.untrained, own)?)?;
    let baseline = |arm, instruction, x: Cow<'a, Matrix>, second_block| Trial {
        arm,
        instruction,
        x,
        unit: None,
        second_block,
    };
    let counts = group.counts.columns;
    let both = group.counts.beside(&matched.readable()?.0)?;
    let alone = Cow::Borrowed(&group.counts);
    trials.push(baseline(Arm::Counts, None, alone, 0));
    trials.push(baseline(Arm::Concatenated, own, Cow::Owned(both), counts));
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
pub(crate) fn thinned(curve: &[(f64, f64)], most: usize) -> Vec<(f64, f64)> {
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
    input: &EvaluateInput<'_>,
    group: &Group,
    part: &Part,
) -> Result<Option<ZeroShot>> {
    let task = &input.tasks.tasks[part.index];
    let (Some(positive), Some(negative)) = (&task.positive_text, &task.negative_text) else {
        return Ok(None);
    };
    let texts = [positive.clone(), negative.clone()];
    let EvaluateOptions {
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
        sides.push(Draws {
            point: ranking.auc(None).unwrap_or(f64::NAN),
            values: resamples.draws(|weights| ranking.auc(Some(weights))),
        });
    }
    let all = || {
        Some(ZeroShot {
            trained: sides[0].interval(confidence)?,
            untrained: sides[1].interval(confidence)?,
            difference: sides[0].minus(&sides[1]).interval(confidence)?,
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
