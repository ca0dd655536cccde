//! Which methods a proof compares.

use instructue_eval::suite::{MethodInfo, MethodKind};

use crate::suite::baselines::{AVERAGE, BaselineFold, LIGHTGBM, averaged};
use crate::suite::exchange::CLEAN;
use crate::suite::fold::{FoldResult, Scored, method};
use crate::suite::summary::Found;
use crate::suite::summary::table::Table;

/// Per fold: the mean log-odds of LightGBM on counts and of our probe.
pub(crate) fn averages(found: &Found<'_>) -> Vec<Vec<Scored>> {
    let clean = |list: &'_ [Scored], name: &str, task: usize| -> Option<Scored> {
        let mut list = list.iter();
        let wanted = |s: &&Scored| s.method == name && s.task == task && s.condition == CLEAN;
        list.find(wanted).cloned()
    };
    let of_fold = |(whole, baseline): (&FoldResult, &BaselineFold)| -> Vec<Scored> {
        let of_task = |task: usize| {
            let counts = clean(&baseline.scores, LIGHTGBM, task)?;
            averaged(&counts, &clean(&whole.scores, method::MATCHED, task)?)
        };
        found.plan.measured().filter_map(of_task).collect()
    };
    found
        .whole
        .iter()
        .zip(&found.baselines)
        .map(of_fold)
        .collect()
}

/// Those that some task has scores of.
pub(crate) fn methods(found: &Found<'_>, table: &Table) -> Vec<MethodInfo> {
    let width = found.whole.first().map(|fold| fold.width);
    let ours = |name: &str, title: &str| MethodInfo {
        name: name.into(),
        title: title.into(),
        kind: MethodKind::Ours,
        features: width,
        seconds: None,
    };
    let seconds = found
        .whole
        .iter()
        .map(|fold| fold.train_seconds)
        .sum::<f64>();
    let mut list = vec![
        MethodInfo {
            seconds: Some(seconds / found.whole.len().max(1) as f64),
            ..ours(method::MATCHED, "our vector, the task's instruction")
        },
        ours(method::EMPTY, "our vector, no instruction"),
        ours(method::WRONG, "our vector, another task's instruction"),
        ours(
            method::REWORDED,
            "our vector, the instruction in other words",
        ),
        ours(method::UNTRAINED, "our model before training"),
        MethodInfo {
            kind: MethodKind::Baseline,
            features: None,
            ..ours(
                method::SIMPLE_COUNTS,
                "recency, counts and sums + logistic regression",
            )
        },
        MethodInfo {
            kind: MethodKind::Together,
            features: None,
            ..ours(
                method::BESIDE_SIMPLE_COUNTS,
                "recency, counts, sums and our vector + logistic regression",
            )
        },
    ];
    for fold in &found.baselines {
        for info in &fold.methods {
            match list.iter_mut().find(|known| known.name == info.name) {
                None => list.push(info.clone()),
                Some(known) => known.seconds = known.seconds.or(info.seconds),
            }
        }
    }
    list.push(MethodInfo {
        name: AVERAGE.into(),
        title: "mean log-odds of count features + LightGBM and of our probe".into(),
        kind: MethodKind::Together,
        features: None,
        seconds: None,
    });
    list.retain(|info| table.draws.keys().any(|(method, ..)| *method == info.name));
    list
}
