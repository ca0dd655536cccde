//! Whether vectors follow the instruction.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::fold::{FoldResult, NEIGHBOURS};
use crate::methods::arm_of;
use crate::results::{Awareness, NeighbourResult, SourceShares};
use crate::summary::found::Found;

/// Variance, neighbours, cosines and the sources that matter, over the folds.
pub(crate) fn awareness(found: &Found<'_>) -> Result<Option<Awareness>> {
    let shares: Vec<[f64; 3]> = found
        .folds
        .iter()
        .filter_map(|fold| fold.variance)
        .collect();
    if shares.is_empty() {
        return Ok(None);
    }
    let mean = |at: usize| shares.iter().map(|one| one[at]).sum::<f64>() / shares.len() as f64;
    let confidence = found.study.options.confidence;
    let mut neighbours = Vec::new();
    for task in found.study.measured() {
        let name = &found.study.tasks.tasks[task].name;
        let own = found.mean_of(NEIGHBOURS, name, "own")?;
        let other = found.mean_of(NEIGHBOURS, name, "other")?;
        if let (Some(own), Some(other)) = (own, other)
            && let (Some(difference), Some(own), Some(other)) = (
                own.minus(&other).interval(confidence),
                own.interval(confidence),
                other.interval(confidence),
            )
        {
            neighbours.push(NeighbourResult {
                task: name.clone(),
                own,
                other,
                difference,
            });
        }
    }
    let mut cosine: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for probe in found.folds.iter().flat_map(|fold| &fold.probes) {
        if let (Some(arm), Some(value)) = (arm_of(&probe.method), probe.cosine_to_matched) {
            cosine.entry(arm.id()).or_default().push(value);
        }
    }
    Ok(Some(Awareness {
        user: mean(0),
        instruction: mean(1),
        interaction: mean(2),
        neighbours,
        sources: source_shares(found, |fold| &fold.sources),
        gradients: source_shares(found, |fold| &fold.gradients),
        cosine: cosine
            .into_iter()
            .map(|(arm, list)| (arm.into(), average(&list)))
            .collect(),
    }))
}

fn average(list: &[f64]) -> f64 {
    list.iter().sum::<f64>() / list.len().max(1) as f64
}

/// Shares of sources by task, averaged over the folds.
fn source_shares(
    found: &Found<'_>,
    of: impl Fn(&FoldResult) -> &Vec<(usize, Vec<(String, f64)>)>,
) -> Vec<SourceShares> {
    let of_task = |task: usize| {
        let mut lists: Vec<(&str, Vec<f64>)> = Vec::new();
        let folds = found.folds.iter().flat_map(&of);
        for (name, share) in folds.filter(|(of, _)| *of == task).flat_map(|(_, all)| all) {
            match lists.iter_mut().find(|(known, _)| known == name) {
                Some((_, list)) => list.push(*share),
                None => lists.push((name, vec![*share])),
            }
        }
        let shares = lists.into_iter();
        SourceShares {
            task: found.study.tasks.tasks[task].name.clone(),
            shares: shares
                .map(|(name, list)| (name.to_owned(), average(&list)))
                .collect(),
        }
    };
    let tasks = found.study.measured().map(of_task);
    tasks.filter(|found| !found.shares.is_empty()).collect()
}
