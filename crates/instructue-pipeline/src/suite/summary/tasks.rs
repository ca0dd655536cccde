//! What was found at one task.

use instructue_eval::suite::{
    FoldScores, MethodInfo, MethodScore, PairedDifference, ScoreDraws, SuiteTask, curves,
};
use instructue_eval::{CONFIDENCE, format_time};

use crate::error::Result;
use crate::suite::baselines::{AVERAGE, LIGHTGBM, WITH_OURS};
use crate::suite::exchange::CLEAN;
use crate::suite::fold::{Scored, method};
use crate::suite::summary::Found;
use crate::suite::summary::table::Table;

/// Methods whose curves are drawn.
const DRAWN: [&str; 4] = [method::MATCHED, LIGHTGBM, "coles", AVERAGE];
/// What is compared at each task.
const COMPARISONS: [(&str, &str); 9] = [
    (method::MATCHED, LIGHTGBM),
    (method::MATCHED, "coles"),
    (method::MATCHED, "minilm"),
    (method::MATCHED, method::UNTRAINED),
    (method::MATCHED, method::EMPTY),
    (method::MATCHED, method::WRONG),
    (method::MATCHED, method::REWORDED),
    (AVERAGE, LIGHTGBM),
    (WITH_OURS, LIGHTGBM),
];

pub(crate) fn score(method: &str, draws: &ScoreDraws) -> Option<MethodScore> {
    Some(MethodScore {
        method: method.into(),
        stats: draws.stats(CONFIDENCE)?,
        folds: draws.folds.clone(),
    })
}

pub(crate) fn task_result(
    found: &Found<'_>,
    table: &Table,
    methods: &[MethodInfo],
    folds: &[Vec<&Scored>],
    place: usize,
) -> Result<SuiteTask> {
    let plan = found.plan;
    let task = &plan.tasks.tasks[place];
    let scores = methods
        .iter()
        .filter_map(|info| score(&info.name, table.get(&info.name, place, CLEAN)?))
        .collect();
    let differences = COMPARISONS
        .iter()
        .filter_map(|&(left, right)| {
            let of = |method| table.get(method, place, CLEAN);
            Some(PairedDifference {
                left: left.into(),
                right: right.into(),
                auc: of(left)?.auc.minus(&of(right)?.auc).interval(CONFIDENCE)?,
            })
        })
        .collect();
    let drawn = DRAWN.into_iter().filter_map(|name| {
        let of = folds.iter().flatten();
        let of = of.filter(|s| s.method == name && s.task == place && s.condition == CLEAN);
        let all: Vec<&FoldScores> = of.map(|scored| &scored.scores).collect();
        // LightGBM gives probabilities, probes give log-odds.
        (!all.is_empty()).then(|| curves(name, &all, name == LIGHTGBM))
    });
    let labels = plan.labels[place].iter().flatten();
    Ok(SuiteTask {
        name: task.name.clone(),
        domain: match found.suite.marketing.contains(&task.name) {
            true => "marketing".into(),
            false => "prediction".into(),
        },
        instruction: task.instruction.clone(),
        wrong: plan.tasks.wrong_of(place).to_owned(),
        reference: format_time(plan.tasks.reference_of(task)),
        users: labels.clone().count(),
        positives: labels.filter(|&&label| label).count(),
        skipped: plan.skipped[place].clone(),
        scores,
        differences,
        curves: drawn.collect::<instructue_eval::Result<_>>()?,
    })
}
