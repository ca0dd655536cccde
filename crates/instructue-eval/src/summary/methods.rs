//! Which methods an evaluation compares.

use crate::fold::{FoldResult, Scored};
use crate::methods::{AVERAGE, Arm, CLEAN, LIGHTGBM, MethodInfo, MethodKind};
use crate::summary::found::Found;
use crate::summary::table::Table;

/// Per fold: the mean log-odds of LightGBM on counts and of our probe.
pub(crate) fn averages(found: &Found<'_>) -> Vec<Vec<Scored>> {
    let of_fold = |fold: &FoldResult| -> Vec<Scored> {
        let clean = |method: &str, task: usize| {
            let mut scores = fold.scores.iter();
            scores.find(|scored| scored.is(method, task, CLEAN))
        };
        let of_task =
            |task: usize| averaged(clean(LIGHTGBM, task)?, clean(Arm::Matched.id(), task)?);
        found.study.measured().filter_map(of_task).collect()
    };
    found.folds.iter().map(of_fold).collect()
}

/// The mean of two methods' log-odds where the first gives probabilities.
fn averaged(probabilities: &Scored, odds: &Scored) -> Option<Scored> {
    if probabilities.scores.users != odds.scores.users {
        return None;
    }
    let log_odds = |p: f64| {
        let p = p.clamp(1e-6, 1.0 - 1e-6);
        (p / (1.0 - p)).ln()
    };
    let both = probabilities.scores.scores.iter().zip(&odds.scores.scores);
    let mut out = odds.clone();
    out.method = AVERAGE.into();
    out.scores.scores = both.map(|(&p, odds)| (log_odds(p) + odds) / 2.0).collect();
    Some(out)
}

/// Those that some task has scores of.
pub(crate) fn methods(found: &Found<'_>, table: &Table) -> Vec<MethodInfo> {
    let seconds = found.folds.iter().map(|fold| fold.train_seconds);
    let seconds = seconds.sum::<f64>() / found.folds.len().max(1) as f64;
    let of_arm = |arm: Arm| {
        let probes = found.folds.iter().flat_map(|fold| &fold.probes);
        let mut own = probes.filter(|probe| probe.method.starts_with(arm.id()));
        MethodInfo {
            name: arm.id().into(),
            title: arm.title().into(),
            kind: arm.kind(),
            features: own.next().map(|probe| probe.features),
            seconds: (arm == Arm::Matched && seconds > 0.0).then_some(seconds),
        }
    };
    let mut list: Vec<MethodInfo> = Arm::ALL.into_iter().map(of_arm).collect();
    for info in found.folds.iter().flat_map(|fold| &fold.methods) {
        match list.iter_mut().find(|known| known.name == info.name) {
            None => list.push(info.clone()),
            Some(known) => known.seconds = known.seconds.or(info.seconds),
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
