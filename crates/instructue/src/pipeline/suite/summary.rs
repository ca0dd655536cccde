//! From the folds' results to the proof of a suite.

use std::collections::{BTreeMap, BTreeSet};

use instructue_eval::suite::{
    Ablation, AudienceResult, Awareness, FewShot, FoldScores, FoldValues, LookalikeResult,
    MethodInfo, MethodKind, MethodScore, NeighbourResult, NoisePoint, NoiseResult,
    PairedDifference, Population, RankingMetrics, RecommendationResult, RetrievalResult,
    SUITE_FORMAT, ScoreDraws, SourceShare, SuiteProof, SuiteTask, curves,
};
use instructue_eval::{CONFIDENCE, Draws, Interval, format_time};

use crate::pipeline::error::Result;
use crate::pipeline::suite::baselines::{AVERAGE, BaselineFold, RANKINGS, averaged, conditions};
use crate::pipeline::suite::claims::claims;
use crate::pipeline::suite::declare::{Suite, Variant};
use crate::pipeline::suite::exchange::CLEAN;
use crate::pipeline::suite::fold::{FoldResult, Scored, Valued, method};
use crate::pipeline::suite::plan::Plan;
use crate::pipeline::suite::uses::TOP;

/// Methods whose curves are drawn.
const DRAWN: [&str; 4] = [method::MATCHED, "counts_lightgbm", "coles", AVERAGE];

/// All that was found, fold by fold.
pub(crate) struct Found<'a> {
    pub suite: &'a Suite,
    pub plan: &'a Plan,
    pub whole: &'a [FoldResult],
    pub baselines: &'a [BaselineFold],
    pub variants: &'a [(&'a Variant, Vec<FoldResult>)],
}

/// Draws by method, task and condition.
pub(crate) struct Table {
    pub draws: BTreeMap<(String, usize, String), ScoreDraws>,
    pub tasks: Vec<usize>,
}

impl Table {
    /// Measures the scores of all folds; what some fold lacks is left out.
    pub fn new(population: &Population, folds: &[Vec<&Scored>], tasks: Vec<usize>) -> Result<Self> {
        let mut lists: BTreeMap<(&str, usize, &str), Vec<FoldScores>> = BTreeMap::new();
        for scored in folds.iter().flatten() {
            let key = (
                scored.method.as_str(),
                scored.task,
                scored.condition.as_str(),
            );
            lists.entry(key).or_default().push(scored.scores.clone());
        }
        let mut draws = BTreeMap::new();
        // What a method lacks in some fold where others have it would be another mean.
        let mut most: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        for ((_, task, condition), list) in &lists {
            let entry = most.entry((*task, *condition)).or_insert(0);
            *entry = list.len().max(*entry);
        }
        for ((method, task, condition), list) in lists {
            if list.len() < most[&(task, condition)] {
                continue;
            }
            if let Some(found) = population.measure(&list)? {
                draws.insert((method.to_owned(), task, condition.to_owned()), found);
            }
        }
        // The mean over wordings is one method.
        for &task in &tasks {
            let wordings: Vec<&ScoreDraws> = draws
                .iter()
                .filter(|((method, of, condition), _)| {
                    let number = method.strip_prefix(method::REWORDED);
                    *of == task && condition == CLEAN && number.is_some_and(|n| !n.is_empty())
                })
                .map(|(_, draws)| draws)
                .collect();
            if !wordings.is_empty() {
                let mean = ScoreDraws::mean(&wordings);
                draws.insert((method::REWORDED.to_owned(), task, CLEAN.to_owned()), mean);
            }
        }
        Ok(Self { draws, tasks })
    }

    pub fn get(&self, method: &str, task: usize, condition: &str) -> Option<&ScoreDraws> {
        self.draws
            .get(&(method.to_owned(), task, condition.to_owned()))
    }

    /// The mean over all tasks; `None` where one lacks the method.
    pub fn mean(&self, method: &str, condition: &str) -> Option<ScoreDraws> {
        let list: Option<Vec<&ScoreDraws>> = self
            .tasks
            .iter()
            .map(|&task| self.get(method, task, condition))
            .collect();
        list.filter(|list| !list.is_empty())
            .map(|list| ScoreDraws::mean(&list))
    }

    /// Mean AUC of one method minus another's on the same resamples.
    pub fn difference(&self, left: &str, right: &str) -> Option<Draws> {
        Some(
            self.mean(left, CLEAN)?
                .auc
                .minus(&self.mean(right, CLEAN)?.auc),
        )
    }
}

/// Puts the proof together.
pub(crate) fn summarise(found: &Found<'_>) -> Result<SuiteProof> {
    let (suite, plan) = (found.suite, found.plan);
    let population = Population::new(plan.users.len(), suite.seed, suite.resamples);
    let tasks: Vec<usize> = plan.measured().collect();
    let averages = averages(found);
    let mut folds: Vec<Vec<&Scored>> = Vec::new();
    for (fold, result) in found.whole.iter().enumerate() {
        let mut list: Vec<&Scored> = result.scores.iter().collect();
        list.extend(
            found
                .baselines
                .get(fold)
                .into_iter()
                .flat_map(|found| &found.scores),
        );
        list.extend(averages.get(fold).into_iter().flatten());
        folds.push(list);
    }
    let table = Table::new(&population, &folds, tasks.clone())?;
    let methods = methods(found, &table);
    let means = methods
        .iter()
        .filter_map(|info| score(&info.name, &table.mean(&info.name, CLEAN)?))
        .collect();
    let suite_tasks = (0..plan.tasks.tasks.len())
        .map(|task| task_result(found, &table, &methods, &folds, task))
        .collect::<Result<_>>()?;
    let noise = noise(suite, &table, &methods);
    let few_shot = few_shot(found, &population)?;
    let audience = audience(found, &population)?;
    let claims = claims(&table, &noise, &few_shot, &audience);
    Ok(SuiteProof {
        format: SUITE_FORMAT,
        name: suite.name.clone(),
        title: suite.title.clone(),
        notes: Vec::new(),
        facts: Vec::new(),
        confidence: CONFIDENCE,
        resamples: suite.resamples,
        tasks: suite_tasks,
        means,
        claims,
        ablations: ablations(found, &population)?,
        awareness: awareness(found, &population)?,
        noise,
        few_shot,
        audience,
        lookalike: lookalike(found, &population)?,
        recommendation: recommendation(found, &population)?,
        retrieval: retrieval(found, &population)?,
        examples: found
            .whole
            .first()
            .map_or_else(Vec::new, |fold| fold.examples.clone()),
        methods,
    })
}

/// Per fold: the mean log-odds of LightGBM on counts and of our probe.
fn averages(found: &Found<'_>) -> Vec<Vec<Scored>> {
    let clean = |list: &'_ [Scored], name: &str, task: usize| -> Option<Scored> {
        let mut list = list.iter();
        let wanted = |s: &&Scored| s.method == name && s.task == task && s.condition == CLEAN;
        list.find(wanted).cloned()
    };
    let of_fold = |(whole, baseline): (&FoldResult, &BaselineFold)| -> Vec<Scored> {
        let of_task = |task: usize| {
            let counts = clean(&baseline.scores, "counts_lightgbm", task)?;
            averaged(&counts, &clean(&whole.scores, method::MATCHED, task)?)
        };
        found.plan.measured().filter_map(of_task).collect()
    };
    found
        .whole
        .iter()
        .zip(found.baselines)
        .map(of_fold)
        .collect()
}

fn methods(found: &Found<'_>, table: &Table) -> Vec<MethodInfo> {
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
    for fold in found.baselines {
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

fn score(method: &str, draws: &ScoreDraws) -> Option<MethodScore> {
    Some(MethodScore {
        method: method.into(),
        stats: draws.stats(CONFIDENCE)?,
        folds: draws.folds.clone(),
    })
}

/// What is compared at each task.
pub(crate) const COMPARISONS: [(&str, &str); 9] = [
    (method::MATCHED, "counts_lightgbm"),
    (method::MATCHED, "coles"),
    (method::MATCHED, "minilm"),
    (method::MATCHED, method::UNTRAINED),
    (method::MATCHED, method::EMPTY),
    (method::MATCHED, method::WRONG),
    (method::MATCHED, method::REWORDED),
    (AVERAGE, "counts_lightgbm"),
    ("counts_ours_lightgbm", "counts_lightgbm"),
];

fn task_result(
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
        (!all.is_empty()).then(|| curves(name, &all, name == "counts_lightgbm"))
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

fn noise(suite: &Suite, table: &Table, methods: &[MethodInfo]) -> Vec<NoiseResult> {
    let mut out = Vec::new();
    for info in methods {
        let Some(clean) = table.mean(&info.name, CLEAN) else {
            continue;
        };
        let mut kinds: Vec<(String, Vec<(f64, String)>)> = Vec::new();
        for condition in conditions(suite) {
            let (kind, share) = match condition.split_once('-') {
                Some(("missing", source)) => (format!("missing {source}"), 1.0),
                Some((kind, percent)) => (
                    kind.to_owned(),
                    percent.parse::<f64>().unwrap_or(0.0) / 100.0,
                ),
                None => continue,
            };
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, points)) => points.push((share, condition)),
                None => kinds.push((kind, vec![(share, condition)])),
            }
        }
        for (kind, points) in kinds {
            let point = |share: f64, draws: &Draws| {
                Some(NoisePoint {
                    share,
                    auc: draws.interval(CONFIDENCE)?,
                    drop: clean.auc.minus(draws).interval(CONFIDENCE)?,
                })
            };
            let changed: Vec<NoisePoint> = points
                .iter()
                .filter_map(|(share, condition)| {
                    point(*share, &table.mean(&info.name, condition)?.auc)
                })
                .collect();
            if let (false, Some(first)) = (changed.is_empty(), point(0.0, &clean.auc)) {
                out.push(NoiseResult {
                    method: info.name.clone(),
                    kind,
                    points: std::iter::once(first).chain(changed).collect(),
                });
            }
        }
    }
    out
}

fn few_shot(found: &Found<'_>, population: &Population) -> Result<Vec<FewShot>> {
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
            .filter(|&task| with("tuned", task))
            .collect();
        let table = Table::new(population, &folds, tasks.clone())?;
        let Some(probe) = table.mean("probe", &condition) else {
            continue;
        };
        for (name, title) in [
            ("tuned", "instruction tuned"),
            ("probe", "logistic regression on the frozen vector"),
            ("counts_lightgbm", "count features + LightGBM"),
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

fn audience(found: &Found<'_>, population: &Population) -> Result<Vec<AudienceResult>> {
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

fn lookalike(found: &Found<'_>, population: &Population) -> Result<Vec<LookalikeResult>> {
    let mut out = Vec::new();
    for task in found.plan.measured() {
        for &seeds in &found.suite.lookalike.seeds {
            for name in [method::MATCHED, method::EMPTY] {
                let condition = seeds.to_string();
                // One list per fold and draw: fold by fold, then draw by draw.
                let mut by_draw: Vec<Vec<FoldScores>> = Vec::new();
                for fold in found.whole {
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

/// Draws of the mean of values of one kind.
fn mean_of(
    population: &Population,
    folds: &[Vec<&Valued>],
    kind: &str,
    of: &str,
    method: &str,
) -> Result<Option<Draws>> {
    let wanted = |value: &&&Valued| value.kind == kind && value.of == of && value.method == method;
    let values: Vec<FoldValues> = folds
        .iter()
        .filter_map(|fold| fold.iter().find(wanted).map(|value| value.values.clone()))
        .collect();
    Ok(population.mean(&values)?)
}

fn values<'a>(found: &'a Found<'_>) -> Vec<Vec<&'a Valued>> {
    let with = |(number, fold): (usize, &'a FoldResult)| {
        let baselines = found.baselines.get(number).into_iter();
        fold.values
            .iter()
            .chain(baselines.flat_map(|found| &found.values))
            .collect()
    };
    found.whole.iter().enumerate().map(with).collect()
}

fn recommendation(found: &Found<'_>, population: &Population) -> Result<Vec<RecommendationResult>> {
    let folds = values(found);
    let ours = [
        ("matched", "our vector + linear map to items"),
        ("text", "our vector, cosine with the item's text"),
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

fn retrieval(found: &Found<'_>, population: &Population) -> Result<Vec<RetrievalResult>> {
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

fn awareness(found: &Found<'_>, population: &Population) -> Result<Option<Awareness>> {
    let shares: Vec<[f64; 3]> = found
        .whole
        .iter()
        .filter_map(|fold| fold.variance)
        .collect();
    if shares.is_empty() {
        return Ok(None);
    }
    let mean = |at: usize| shares.iter().map(|one| one[at]).sum::<f64>() / shares.len() as f64;
    let folds = values(found);
    let mut neighbours = Vec::new();
    for task in found.plan.measured() {
        let name = &found.plan.tasks.tasks[task].name;
        let own = mean_of(population, &folds, "neighbours", name, "own")?;
        let other = mean_of(population, &folds, "neighbours", name, "other")?;
        if let (Some(own), Some(other)) = (own, other)
            && let (Some(difference), Some(own), Some(other)) = (
                own.minus(&other).interval(CONFIDENCE),
                own.interval(CONFIDENCE),
                other.interval(CONFIDENCE),
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
    for (arm, value) in found.whole.iter().flat_map(|fold| &fold.cosine) {
        cosine.entry(arm).or_default().push(*value);
    }
    let average = |list: &[f64]| list.iter().sum::<f64>() / list.len().max(1) as f64;
    let mut sources = Vec::new();
    for task in found.plan.measured() {
        let mut sums: Vec<(String, Vec<f64>)> = Vec::new();
        let all = found.whole.iter().flat_map(|fold| &fold.sources);
        for (name, share) in all.filter(|(of, _)| *of == task).flat_map(|(_, list)| list) {
            match sums.iter_mut().find(|(known, _)| known == name) {
                Some((_, list)) => list.push(*share),
                None => sums.push((name.clone(), vec![*share])),
            }
        }
        if !sums.is_empty() {
            sources.push(SourceShare {
                task: found.plan.tasks.tasks[task].name.clone(),
                shares: sums
                    .into_iter()
                    .map(|(name, list)| (name, average(&list)))
                    .collect(),
            });
        }
    }
    Ok(Some(Awareness {
        user: mean(0),
        instruction: mean(1),
        interaction: mean(2),
        neighbours,
        sources,
        cosine: cosine
            .into_iter()
            .map(|(arm, list)| (arm.into(), average(&list)))
            .collect(),
    }))
}

fn ablations(found: &Found<'_>, population: &Population) -> Result<Vec<Ablation>> {
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
    for (variant, folds) in found.variants {
        let against = match &variant.against {
            None => found.whole,
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
