//! What each part of the model is worth.

use instructue_eval::CONFIDENCE;
use instructue_eval::suite::{Ablation, Population};

use crate::error::Result;
use crate::suite::exchange::CLEAN;
use crate::suite::fold::{FoldResult, Scored, method};
use crate::suite::summary::Found;
use crate::suite::summary::table::Table;

/// Models with one thing changed, beside the one that they are compared with.
pub(crate) fn ablations(found: &Found<'_>, population: &Population) -> Result<Vec<Ablation>> {
    let tasks: Vec<usize> = found.plan.measured().collect();
    let scores = |folds: &'_ [FoldResult], count: usize| -> Result<Table> {
        let lists: Vec<Vec<&Scored>> = folds
            .iter()
            .take(count)
            .map(|fold| fold.scores.iter().collect())
            .collect();
        Table::new(population, &lists, tasks.clone())
    };
    let mut out = Vec::new();
    for (variant, folds) in &found.variants {
        let against = match &variant.against {
            None => &found.whole[..],
            Some(name) => {
                let other = found.variants.iter().find(|(other, _)| other.name == *name);
                other.map_or(&[][..], |(_, folds)| folds)
            }
        };
        let count = folds.len().min(against.len());
        if count == 0 {
            continue;
        }
        let (own, whole) = (scores(folds, count)?, scores(against, count)?);
        let (Some(mean), Some(base)) = (
            own.mean(method::MATCHED, CLEAN),
            whole.mean(method::MATCHED, CLEAN),
        ) else {
            continue;
        };
        let (Some(auc), Some(difference), Some(matched_minus_empty)) = (
            mean.auc.interval(CONFIDENCE),
            mean.auc.minus(&base.auc).interval(CONFIDENCE),
            own.difference(method::MATCHED, method::EMPTY)
                .and_then(|draws| draws.interval(CONFIDENCE)),
        ) else {
            continue;
        };
        let of_task = |&task: &usize| {
            let own = own.get(method::MATCHED, task, CLEAN)?.auc.point;
            let base = whole.get(method::MATCHED, task, CLEAN)?.auc.point;
            Some((found.plan.tasks.tasks[task].name.clone(), own - base))
        };
        let title = match &variant.against {
            Some(name) => format!("{}, against {name}", variant.title),
            None => variant.title.clone(),
        };
        out.push(Ablation {
            name: variant.name.clone(),
            title,
            folds: count,
            auc,
            difference,
            matched_minus_empty,
            tasks: tasks.iter().filter_map(of_task).collect(),
        });
    }
    Ok(out)
}
