//! What vectors are used for beside probes.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::fold::{RankedItems, Scored};
use crate::methods::{
    Arm, LIGHTGBM, PROBE, RANKINGS, TEXT, TEXT_CONTRAST, TEXT_INSTRUCTED, TUNED, TUNED_PROTOTYPES,
};
use crate::results::{
    AudienceResult, FewShotResult, LookalikeResult, RankingResult, RecommendationResult,
};
use crate::scores::{FoldScores, ScoreDraws};
use crate::summary::found::Found;
use crate::summary::table::Table;
use instructue_metrics::Interval;

/// Questions tuned on few labels, beside what else the same labels give.
pub(crate) fn few_shot(found: &Found<'_>) -> Result<Vec<FewShotResult>> {
    let confidence = found.study.options.confidence;
    let folds: Vec<Vec<&Scored>> = found
        .folds
        .iter()
        .filter(|fold| !fold.few_shot.is_empty())
        .map(|fold| fold.few_shot.iter().collect())
        .collect();
    let sizes = folds.iter().flatten();
    let sizes: BTreeSet<usize> = sizes.filter_map(|s| s.condition.parse().ok()).collect();
    let mut out = Vec::new();
    for labels in sizes {
        let condition = labels.to_string();
        let with = |method: &str, task: usize| {
            let mut all = folds.iter().flatten();
            all.any(|scored| scored.is(method, task, &condition))
        };
        let tasks: Vec<usize> = found
            .study
            .measured()
            .filter(|&task| with(TUNED, task))
            .collect();
        let table = Table::new(&found.population, &folds, tasks.clone())?;
        let Some(probe) = table.mean(PROBE, &condition) else {
            continue;
        };
        for (name, title) in [
            (TUNED, "instruction tuned, with its readout"),
            (TUNED_PROTOTYPES, "instruction tuned, prototypes alone"),
            (PROBE, "logistic regression on the frozen vector"),
            (LIGHTGBM, "count features + LightGBM"),
        ] {
            let Some(mean) = table.mean(name, &condition) else {
                continue;
            };
            let (Some(auc), Some(difference)) = (
                mean.auc.interval(confidence),
                mean.auc.minus(&probe.auc).interval(confidence),
            ) else {
                continue;
            };
            out.push(FewShotResult {
                labels,
                method: name.into(),
                title: title.into(),
                tasks: tasks.len(),
                auc,
                difference,
            });
        }
    }
    Ok(out)
}

/// Users found by a sentence.
pub(crate) fn audience(found: &Found<'_>) -> Result<Vec<AudienceResult>> {
    let confidence = found.study.options.confidence;
    let mut out = Vec::new();
    for task in found.study.measured() {
        for name in [TEXT, TEXT_INSTRUCTED, TEXT_CONTRAST] {
            let all = found.folds.iter().flat_map(|fold| &fold.audience);
            let of: Vec<&Scored> = all.filter(|s| s.task == task && s.method == name).collect();
            let Some(first) = of.first() else {
                continue;
            };
            let folds: Vec<FoldScores> = of.iter().map(|s| s.scores.clone()).collect();
            let labels: Vec<bool> = folds.iter().flat_map(|fold| fold.labels.clone()).collect();
            let positives = labels.iter().filter(|&&label| label).count();
            let base_rate = positives as f64 / labels.len().max(1) as f64;
            let Some(draws) = found.population.measure(&folds)? else {
                continue;
            };
            let (Some(auc), Some(lift)) = (
                draws.auc.interval(confidence),
                draws.lift[2].interval(confidence),
            ) else {
                continue;
            };
            out.push(AudienceResult {
                task: found.study.tasks.tasks[task].name.clone(),
                sentence: first.condition.clone(),
                method: name.into(),
                base_rate,
                auc,
                precision_10_percent: scaled(&lift, base_rate),
                lift_10_percent: lift,
            });
        }
    }
    Ok(out)
}

fn scaled(interval: &Interval, factor: f64) -> Interval {
    Interval {
        point: interval.point * factor,
        low: interval.low * factor,
        high: interval.high * factor,
        ..*interval
    }
}

/// Users found by a list of others.
pub(crate) fn lookalike(found: &Found<'_>) -> Result<Vec<LookalikeResult>> {
    let confidence = found.study.options.confidence;
    let mut out = Vec::new();
    for task in found.study.measured() {
        for &seeds in &found.study.options.lookalike.seeds {
            for name in [Arm::Matched.id(), Arm::Empty.id()] {
                let condition = seeds.to_string();
                // One list per fold and draw: fold by fold, then draw by draw.
                let mut by_draw: Vec<Vec<FoldScores>> = Vec::new();
                for fold in found.folds {
                    let lists = fold.lookalike.iter();
                    let lists = lists.filter(|scored| scored.is(name, task, &condition));
                    for (draw, scored) in lists.enumerate() {
                        if by_draw.len() <= draw {
                            by_draw.push(Vec::new());
                        }
                        by_draw[draw].push(scored.scores.clone());
                    }
                }
                let mut draws = Vec::new();
                for folds in by_draw {
                    draws.extend(found.population.measure(&folds)?);
                }
                if draws.is_empty() {
                    continue;
                }
                let mean = ScoreDraws::mean(&draws.iter().collect::<Vec<_>>());
                let (Some(auc), Some(lift_10_percent)) = (
                    mean.auc.interval(confidence),
                    mean.lift[2].interval(confidence),
                ) else {
                    continue;
                };
                out.push(LookalikeResult {
                    task: found.study.tasks.tasks[task].name.clone(),
                    seeds,
                    method: name.into(),
                    auc,
                    lift_10_percent,
                });
            }
        }
    }
    Ok(out)
}

/// Next items.
pub(crate) fn recommendation(found: &Found<'_>) -> Result<Vec<RecommendationResult>> {
    let first = found.folds.first();
    let ranked = first.map_or(&[][..], |fold| &fold.ranked);
    ranked.iter().map(|one| ranking(found, one)).collect()
}

fn ranking(found: &Found<'_>, one: &RankedItems) -> Result<RecommendationResult> {
    let confidence = found.study.options.confidence;
    let ours = [
        (Arm::Matched.id(), "our vector + linear map to items"),
        (TEXT, "our vector, cosine with the item's text"),
    ];
    let mut methods = Vec::new();
    for (method, title) in ours.into_iter().chain(RANKINGS) {
        let mean = |kind: &str| -> Result<Option<Interval>> {
            let draws = found.mean_of(kind, &one.name, method)?;
            Ok(draws.and_then(|draws| draws.interval(confidence)))
        };
        let found = (
            mean("hit_full")?,
            mean("ndcg_full")?,
            mean("hit_sampled")?,
            mean("ndcg_sampled")?,
        );
        if let (Some(hit_rate_full), Some(ndcg_full), Some(hit_rate_sampled), Some(ndcg_sampled)) =
            found
        {
            methods.push(RankingResult {
                method: method.into(),
                title: title.into(),
                hit_rate_full,
                ndcg_full,
                hit_rate_sampled,
                ndcg_sampled,
            });
        }
    }
    let values = found.folds.iter().flat_map(|fold| &fold.values);
    let of = values.filter(|value| value.of == one.name && value.kind == "hit_full");
    let users: BTreeSet<u32> = of.flat_map(|value| value.values.users.clone()).collect();
    Ok(RecommendationResult {
        name: one.name.clone(),
        instruction: one.instruction.clone(),
        users: users.len(),
        candidates: one.candidates,
        negatives: one.negatives,
        methods,
    })
}
