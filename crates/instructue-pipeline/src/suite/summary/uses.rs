//! What vectors are used for beside probes.

use std::collections::BTreeSet;

use instructue_eval::suite::{
    AudienceResult, FewShot, FoldScores, LookalikeResult, Population, RankingMetrics,
    RecommendationResult, RetrievalResult, ScoreDraws,
};
use instructue_eval::{CONFIDENCE, Interval};

use crate::error::Result;
use crate::suite::baselines::{LIGHTGBM, RANKINGS};
use crate::suite::few_shot::{PROBE, TUNED, TUNED_PROTOTYPES};
use crate::suite::fold::{Scored, method};
use crate::suite::recommend::{BY_TEXT, TOP};
use crate::suite::summary::Found;
use crate::suite::summary::table::Table;
use crate::suite::summary::values::{mean_of, values};

/// Questions tuned on few labels, beside what else the same labels give.
pub(crate) fn few_shot(found: &Found<'_>, population: &Population) -> Result<Vec<FewShot>> {
    let folds: Vec<Vec<&Scored>> = found
        .whole
        .iter()
        .enumerate()
        .filter(|(_, fold)| !fold.few_shot.is_empty())
        .map(|(number, fold)| {
            let baselines = found.baselines.get(number).into_iter();
            fold.few_shot
                .iter()
                .chain(baselines.flat_map(|found| &found.few_shot))
                .collect()
        })
        .collect();
    let mut out = Vec::new();
    for &labels in &found.suite.few_shot.labels {
        let condition = labels.to_string();
        let with = |method: &str, task: usize| {
            folds
                .iter()
                .flatten()
                .any(|s| s.method == method && s.task == task && s.condition == condition)
        };
        let tasks: Vec<usize> = found
            .plan
            .measured()
            .filter(|&task| with(TUNED, task))
            .collect();
        let table = Table::new(population, &folds, tasks.clone())?;
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
                mean.auc.interval(CONFIDENCE),
                mean.auc.minus(&probe.auc).interval(CONFIDENCE),
            ) else {
                continue;
            };
            out.push(FewShot {
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
pub(crate) fn audience(found: &Found<'_>, population: &Population) -> Result<Vec<AudienceResult>> {
    let mut out = Vec::new();
    for task in found.plan.measured() {
        for name in [method::TEXT, method::TEXT_INSTRUCTED, method::TEXT_CONTRAST] {
            let all = found.whole.iter().flat_map(|fold| &fold.audience);
            let of: Vec<&Scored> = all.filter(|s| s.task == task && s.method == name).collect();
            let Some(first) = of.first() else {
                continue;
            };
            let folds: Vec<FoldScores> = of.iter().map(|s| s.scores.clone()).collect();
            let labels: Vec<bool> = folds.iter().flat_map(|fold| fold.labels.clone()).collect();
            let positives = labels.iter().filter(|&&label| label).count();
            let base_rate = positives as f64 / labels.len().max(1) as f64;
            let Some(draws) = population.measure(&folds)? else {
                continue;
            };
            let (Some(auc), Some(lift)) = (
                draws.auc.interval(CONFIDENCE),
                draws.lift[2].interval(CONFIDENCE),
            ) else {
                continue;
            };
            out.push(AudienceResult {
                task: found.plan.tasks.tasks[task].name.clone(),
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
pub(crate) fn lookalike(
    found: &Found<'_>,
    population: &Population,
) -> Result<Vec<LookalikeResult>> {
    let mut out = Vec::new();
    for task in found.plan.measured() {
        for &seeds in &found.suite.lookalike.seeds {
            for name in [method::MATCHED, method::EMPTY] {
                let condition = seeds.to_string();
                // One list per fold and draw: fold by fold, then draw by draw.
                let mut by_draw: Vec<Vec<FoldScores>> = Vec::new();
                for fold in &found.whole {
                    let lists = fold.lookalike.iter();
                    let lists = lists
                        .filter(|s| s.task == task && s.method == name && s.condition == condition);
                    for (draw, scored) in lists.enumerate() {
                        if by_draw.len() <= draw {
                            by_draw.push(Vec::new());
                        }
                        by_draw[draw].push(scored.scores.clone());
                    }
                }
                let mut draws = Vec::new();
                for folds in by_draw {
                    draws.extend(population.measure(&folds)?);
                }
                if draws.is_empty() {
                    continue;
                }
                let mean = ScoreDraws::mean(&draws.iter().collect::<Vec<_>>());
                let (Some(auc), Some(lift_10_percent)) = (
                    mean.auc.interval(CONFIDENCE),
                    mean.lift[2].interval(CONFIDENCE),
                ) else {
                    continue;
                };
                out.push(LookalikeResult {
                    task: found.plan.tasks.tasks[task].name.clone(),
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
pub(crate) fn recommendation(
    found: &Found<'_>,
    population: &Population,
) -> Result<Vec<RecommendationResult>> {
    let folds = values(found);
    let ours = [
        (method::MATCHED, "our vector + linear map to items"),
        (BY_TEXT, "our vector, cosine with the item's text"),
    ];
    let mut out = Vec::new();
    for one in &found.plan.recommendations {
        let name = &one.declared.name;
        let mut methods = Vec::new();
        for (method, title) in ours.into_iter().chain(RANKINGS) {
            let mean = |kind: &str| -> Result<Option<Interval>> {
                let draws = mean_of(population, &folds, kind, name, method)?;
                Ok(draws.and_then(|draws| draws.interval(CONFIDENCE)))
            };
            if let (
                Some(hit_rate_full),
                Some(ndcg_full),
                Some(hit_rate_sampled),
                Some(ndcg_sampled),
            ) = (
                mean("hit_full")?,
                mean("ndcg_full")?,
                mean("hit_sampled")?,
                mean("ndcg_sampled")?,
            ) {
                methods.push(RankingMetrics {
                    method: method.into(),
                    title: title.into(),
                    hit_rate_full,
                    ndcg_full,
                    hit_rate_sampled,
                    ndcg_sampled,
                });
            }
        }
        let users: BTreeSet<u32> = folds
            .iter()
            .flatten()
            .filter(|value| value.of == *name && value.kind == "hit_full")
            .flat_map(|value| value.values.users.iter().copied())
            .collect();
        out.push(RecommendationResult {
            name: name.clone(),
            instruction: one.declared.instruction.clone(),
            users: users.len(),
            candidates: one.items.len(),
            negatives: one.declared.negatives,
            methods,
        });
    }
    Ok(out)
}

/// Users' own answers among others'.
pub(crate) fn retrieval(
    found: &Found<'_>,
    population: &Population,
) -> Result<Vec<RetrievalResult>> {
    let folds = values(found);
    let mut out = Vec::new();
    for kind in ["seen families", "unseen families"] {
        let recall = mean_of(population, &folds, kind, "recall", method::MATCHED)?;
        let chance = mean_of(population, &folds, kind, "chance", method::MATCHED)?;
        let (Some(recall), Some(chance)) = (recall, chance) else {
            continue;
        };
        let queries = folds.iter().flatten();
        let queries = queries.filter(|value| value.kind == kind && value.of == "recall");
        if let Some(recall) = recall.interval(CONFIDENCE) {
            out.push(RetrievalResult {
                kind: kind.into(),
                queries: queries.map(|value| value.values.users.len()).sum(),
                k: TOP,
                recall,
                chance: chance.point,
            });
        }
    }
    Ok(out)
}
