//! What each part of the model is worth.

use crate::error::Result;
use crate::fold::{FoldResult, Scored};
use crate::methods::{Arm, CLEAN};
use crate::results::Ablation;
use crate::summary::found::{Found, VariantResult};
use crate::summary::table::Table;

const MATCHED: &str = Arm::Matched.id();

/// Models with one thing changed, beside the one that they are compared with.
pub(crate) fn ablations(found: &Found<'_>, variants: &[VariantResult]) -> Result<Vec<Ablation>> {
    let confidence = found.study.options.confidence;
    let tasks: Vec<usize> = found.study.measured().collect();
    let scores = |folds: &'_ [FoldResult], count: usize| -> Result<Table> {
        let lists: Vec<Vec<&Scored>> = folds
            .iter()
            .take(count)
            .map(|fold| fold.scores.iter().collect())
            .collect();
        Table::new(&found.population, &lists, tasks.clone())
    };
    let mut out = Vec::new();
    for variant in variants {
        let folds = &variant.folds;
        let against = match &variant.against {
            None => found.folds,
            Some(name) => {
                let other = variants.iter().find(|other| other.name == *name);
                other.map_or(&[][..], |other| &other.folds)
            }
        };
        let count = folds.len().min(against.len());
        if count == 0 {
            continue;
        }
        let (own, whole) = (scores(folds, count)?, scores(against, count)?);
        let (Some(mean), Some(base)) = (own.mean(MATCHED, CLEAN), whole.mean(MATCHED, CLEAN))
        else {
            continue;
        };
        let (Some(auc), Some(difference), Some(matched_minus_empty)) = (
            mean.auc.interval(confidence),
            mean.auc.minus(&base.auc).interval(confidence),
            own.difference(MATCHED, Arm::Empty.id())
                .and_then(|draws| draws.interval(confidence)),
        ) else {
            continue;
        };
        let of_task = |&task: &usize| {
            let own = own.get(MATCHED, task, CLEAN)?.auc.point;
            let base = whole.get(MATCHED, task, CLEAN)?.auc.point;
            Some((found.study.tasks.tasks[task].name.clone(), own - base))
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
