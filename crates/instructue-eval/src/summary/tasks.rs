//! What was found at one task.

use crate::date::format_time;
use crate::error::Result;
use crate::fold::{ProbeFit, Scored};
use crate::methods::{CLEAN, COMPARISONS, DRAWN, LIGHTGBM, MethodInfo};
use crate::results::{Difference, MethodScores, ProbeResult, TaskResult};
use crate::scores::{FoldScores, ScoreDraws};
use crate::study::tally;
use crate::summary::curves::curves;
use crate::summary::found::Found;
use crate::summary::table::Table;
use crate::summary::zero_shot::zero_shot;

/// The statistics of a method with their intervals.
pub(crate) fn score(method: &str, draws: &ScoreDraws, confidence: f64) -> Option<MethodScores> {
    Some(MethodScores {
        method: method.into(),
        scores: draws.scores(confidence)?,
        folds: draws.folds.clone(),
    })
}

/// All comparisons of methods that `of` knows the draws of.
pub(crate) fn differences(
    confidence: f64,
    of: impl Fn(&str) -> Option<ScoreDraws>,
) -> Vec<Difference> {
    let compare = |&(left, right): &(&str, &str)| {
        let (one, other) = (of(left)?, of(right)?);
        Some(Difference {
            left: left.into(),
            right: right.into(),
            auc: one.auc.minus(&other.auc).interval(confidence)?,
            ks: one.ks.minus(&other.ks).interval(confidence)?,
        })
    };
    COMPARISONS.iter().filter_map(compare).collect()
}

pub(crate) fn task_result(
    found: &Found<'_>,
    table: &Table,
    methods: &[MethodInfo],
    folds: &[Vec<&Scored>],
    place: usize,
) -> Result<TaskResult> {
    let study = found.study;
    let task = &study.tasks.tasks[place];
    let confidence = study.options.confidence;
    let scores = methods.iter().filter_map(|info| {
        let draws = table.get(&info.name, place, CLEAN)?;
        score(&info.name, draws, confidence)
    });
    let drawn = DRAWN.into_iter().filter_map(|name| {
        let of = folds.iter().flatten();
        let of = of.filter(|scored| scored.is(name, place, CLEAN));
        let all: Vec<&FoldScores> = of.map(|scored| &scored.scores).collect();
        // LightGBM gives probabilities, probes give log-odds.
        let points = study.options.curve_points;
        (!all.is_empty()).then(|| curves(name, &all, name == LIGHTGBM, points))
    });
    let labels = &study.labels[place];
    let tested = study.folds.iter().flat_map(|fold| &fold.test);
    Ok(TaskResult {
        name: task.name.clone(),
        domain: None,
        instruction: task.instruction.clone(),
        wrong: study.tasks.wrong_of(place).to_owned(),
        reference: format_time(study.tasks.reference_of(task)),
        labelled: tally(labels.iter().copied()),
        test: tally(tested.map(|&user| labels[user])),
        skipped: study.skipped()[place].clone(),
        scores: scores.collect(),
        probes: probes(found, table, place),
        differences: differences(confidence, |method| {
            table.get(method, place, CLEAN).cloned()
        }),
        zero_shot: zero_shot(found, place)?,
        curves: drawn.collect::<Result<_>>()?,
    })
}

/// The probes of a task, averaged over the folds.
fn probes(found: &Found<'_>, table: &Table, task: usize) -> Vec<ProbeResult> {
    let of_fold = found.folds.iter().map(|fold| {
        let probes = fold.probes.iter();
        probes.filter(|probe| probe.task == task).collect()
    });
    let folds: Vec<Vec<&ProbeFit>> = of_fold.collect();
    let first = folds.first().into_iter().flatten();
    first
        .filter_map(|first| {
            let all = folds.iter().flatten().copied();
            let all: Vec<&ProbeFit> = all.filter(|one| one.method == first.method).collect();
            let mean = |pick: &dyn Fn(&ProbeFit) -> Option<f64>| {
                let values: Option<Vec<f64>> = all.iter().map(|probe| pick(probe)).collect();
                values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
            };
            Some(ProbeResult {
                method: first.method.clone(),
                instruction: first.instruction.clone(),
                features: first.features,
                l2: mean(&|probe| Some(probe.l2))?,
                auc: table.get(&first.method, task, CLEAN)?.auc.point,
                log_loss: mean(&|probe| Some(probe.log_loss))?,
                cosine_to_matched: mean(&|probe| probe.cosine_to_matched),
                matched_probe_auc: mean(&|probe| probe.matched_probe_auc),
            })
        })
        .collect()
}
