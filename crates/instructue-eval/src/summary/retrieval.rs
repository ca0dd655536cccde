//! Users' own answers among others'.

use crate::error::Result;
use crate::fold::{SearchSize, recall_at};
use crate::methods::Arm;
use crate::results::{RecallAt, RetrievalResult};
use crate::summary::found::Found;

/// Recall of each kind of answers, over the folds.
pub(crate) fn retrieval(found: &Found<'_>) -> Result<Vec<RetrievalResult>> {
    let all: Vec<&SearchSize> = found.folds.iter().flat_map(|fold| &fold.searches).collect();
    let mut kinds: Vec<&str> = Vec::new();
    for search in &all {
        if !kinds.contains(&search.kind.as_str()) {
            kinds.push(&search.kind);
        }
    }
    let mut out = Vec::new();
    for kind in kinds {
        let of: Vec<&SearchSize> = all.iter().copied().filter(|one| one.kind == kind).collect();
        let queries: usize = of.iter().map(|one| one.queries).sum();
        let per_query = |pick: &dyn Fn(&SearchSize) -> f64| {
            let sum: f64 = of.iter().map(|one| pick(one) * one.queries as f64).sum();
            sum / queries.max(1) as f64
        };
        let mut recall = Vec::new();
        for &k in &found.study.options.recall_at {
            recall.extend(at(found, kind, &of, k)?);
        }
        out.push(RetrievalResult {
            kind: kind.into(),
            queries,
            instructions: of.iter().map(|one| one.instructions).max().unwrap_or(0),
            candidates: per_query(&|one| one.candidates as f64),
            relevant: per_query(&|one| one.relevant),
            recall,
        });
    }
    Ok(out)
}

/// Recall among the first k.
fn at(found: &Found<'_>, kind: &str, of: &[&SearchSize], k: usize) -> Result<Option<RecallAt>> {
    let confidence = found.study.options.confidence;
    let draws = |arm: Arm| found.mean_of(kind, &recall_at(k), arm.id());
    let (trained, untrained) = (draws(Arm::Matched)?, draws(Arm::Untrained)?);
    let Some((trained, interval)) =
        trained.and_then(|draws| draws.interval(confidence).map(|found| (draws, found)))
    else {
        return Ok(None);
    };
    let chances = of.iter().flat_map(|one| &one.chance);
    let chances: Vec<f64> = chances.filter(|one| one.0 == k).map(|one| one.1).collect();
    let difference = untrained.as_ref().map(|other| trained.minus(other));
    Ok(Some(RecallAt {
        k,
        trained: interval,
        untrained: untrained.and_then(|draws| draws.interval(confidence)),
        difference: difference.and_then(|draws| draws.interval(confidence)),
        chance: chances.iter().sum::<f64>() / chances.len().max(1) as f64,
    }))
}
