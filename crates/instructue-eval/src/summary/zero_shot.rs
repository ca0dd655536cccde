//! Zero-shot scores: by cosine with a true minus a false answer.

use instructue_schema::seed;

use crate::error::Result;
use crate::methods::Arm;
use crate::results::ZeroShot;
use crate::scores::{FoldScores, Population};
use crate::summary::found::Found;

/// Those of a task, where both models have them in each fold.
pub(crate) fn zero_shot(found: &Found<'_>, task: usize) -> Result<Option<ZeroShot>> {
    let options = &found.study.options;
    // Resamples of the task's own users; there is no mean over tasks.
    let of = |arm: Arm| -> Vec<FoldScores> {
        let mut next = 0;
        let all = found.folds.iter().flat_map(|fold| &fold.zero_shot);
        let own = all.filter(|scored| scored.task == task && scored.method == arm.id());
        own.map(|scored| {
            let first = next;
            next += scored.scores.users.len() as u32;
            FoldScores {
                users: (first..next).collect(),
                ..scored.scores.clone()
            }
        })
        .collect()
    };
    let (trained, untrained) = (of(Arm::Matched), of(Arm::Untrained));
    if untrained.is_empty() || trained.len() != untrained.len() {
        return Ok(None);
    }
    let users = trained.iter().map(|fold| fold.users.len()).sum();
    let seed = seed::derive(options.seed, "zero-shot bootstrap", &[task as u64]);
    let population = Population::new(users, seed, options.resamples);
    let (Some(trained), Some(untrained)) = (
        population.measure(&trained)?,
        population.measure(&untrained)?,
    ) else {
        return Ok(None);
    };
    let intervals = || {
        let interval = |draws: &instructue_metrics::Draws| draws.interval(options.confidence);
        Some(ZeroShot {
            trained: interval(&trained.auc)?,
            untrained: interval(&untrained.auc)?,
            difference: interval(&trained.auc.minus(&untrained.auc))?,
        })
    };
    Ok(intervals())
}
