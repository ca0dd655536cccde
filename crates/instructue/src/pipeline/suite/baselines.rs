//! What the baselines left in the exchange directory, measured as our vectors are.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use instructue_eval::suite::{MethodInfo, MethodKind};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::pipeline::error::{Error, Result};
use crate::pipeline::suite::declare::Suite;
use crate::pipeline::suite::exchange::{CLEAN, EXCHANGE_DIR, ScoreRow, Vectors, rankings, scores};
use crate::pipeline::suite::fold::{Scored, Valued, cross_validation, scored};
use crate::pipeline::suite::plan::Plan;
use crate::pipeline::suite::uses::ranking_values;

/// Baselines that give vectors; their probes are fitted here, as ours are.
const VECTORS: [(&str, &str); 2] = [
    ("coles", "CoLES + logistic regression"),
    ("minilm", "frozen text embedding + logistic regression"),
];
/// Baselines that give scores.
const SCORES: [(&str, &str, MethodKind); 3] = [
    (
        "counts_logistic",
        "count features + logistic regression",
        MethodKind::Baseline,
    ),
    (
        "counts_lightgbm",
        "count features + LightGBM",
        MethodKind::Baseline,
    ),
    (
        "counts_ours_lightgbm",
        "count features and our vector + LightGBM",
        MethodKind::Together,
    ),
];
/// Baselines that rank items.
pub(crate) const RANKINGS: [(&str, &str); 4] = [
    ("popularity", "popularity"),
    ("own_frequency", "the user's own counts, then popularity"),
    ("item_knn", "item-kNN"),
    ("sasrec", "SASRec"),
];
/// The mean of two log-odds: of LightGBM on counts and of our probe.
pub(crate) const AVERAGE: &str = "counts_lightgbm_matched";

/// Baselines on one fold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct BaselineFold {
    pub key: String,
    pub methods: Vec<MethodInfo>,
    pub scores: Vec<Scored>,
    pub few_shot: Vec<Scored>,
    pub values: Vec<Valued>,
}

/// Measures what is there for `fold`; results for the same files are kept in `cache`.
pub(crate) fn baselines(
    suite: &Suite,
    plan: &Plan,
    fold: usize,
    out: &Path,
    cache: &Path,
) -> Result<BaselineFold> {
    let dir = out.join(EXCHANGE_DIR);
    let of = |name: &str, kind: &str| {
        dir.join("baselines")
            .join(name)
            .join(format!("fold-{fold}.{kind}.parquet"))
    };
    let mut files: Vec<PathBuf> = VECTORS
        .iter()
        .map(|(name, _)| of(name, "vectors"))
        .collect();
    files.extend(
        SCORES
            .iter()
            .flat_map(|(name, ..)| [of(name, "scores"), of(name, "few_shot")]),
    );
    files.extend(RANKINGS.iter().map(|(name, _)| of(name, "ranking")));
    let key = fingerprint(&files);
    if let Ok(bytes) = std::fs::read(cache)
        && let Ok(found) = serde_json::from_slice::<BaselineFold>(&bytes)
        && found.key == key
    {
        return Ok(found);
    }
    let mut result = BaselineFold {
        key,
        ..BaselineFold::default()
    };
    let test = plan.side(fold, true);
    let train = plan.side(fold, false);
    for (name, title) in VECTORS {
        let Some(vectors) = Vectors::load(&of(name, "vectors"), "reference")? else {
            continue;
        };
        result.methods.push(info(
            &dir,
            name,
            title,
            MethodKind::Baseline,
            Some(vectors.width()),
        ));
        result
            .scores
            .extend(probe(suite, plan, fold, name, &vectors, (&train, &test))?);
    }
    for (name, title, kind) in SCORES {
        if let Some(rows) = scores(&of(name, "scores"), "condition")? {
            result.methods.push(info(&dir, name, title, kind, None));
            result
                .scores
                .extend(grouped(plan, name, rows, &test, &of(name, "scores"))?);
        }
        if let Some(rows) = scores(&of(name, "few_shot"), "size")? {
            result
                .few_shot
                .extend(grouped(plan, name, rows, &test, &of(name, "few_shot"))?);
        }
    }
    for (name, _) in RANKINGS {
        let path = of(name, "ranking");
        let Some(found) = rankings(&path)? else {
            continue;
        };
        for (number, one) in plan.recommendations.iter().enumerate() {
            let known: Vec<usize> = test
                .iter()
                .copied()
                .filter(|&user| !one.next[user].is_empty())
                .collect();
            let of_user = |&user: &usize| {
                let key = (
                    one.declared.name.clone(),
                    plan.users[user].as_str().to_owned(),
                );
                let scores = found
                    .get(&key)
                    .filter(|scores| scores.len() == one.items.len());
                scores.cloned().ok_or_else(|| {
                    let what = format!("{}: user {}", path.display(), plan.users[user]);
                    let expected = format!("{} scores", one.items.len());
                    Error::argument(&what, &expected, "none or another number")
                })
            };
            let scores = known.iter().map(of_user).collect::<Result<Vec<_>>>()?;
            result
                .values
                .extend(ranking_values(suite, plan, number, name, &known, &scores));
        }
    }
    let bytes = serde_json::to_vec(&result).expect("plain values");
    let parent = cache.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| Error::io(parent, e))?;
    let partial = cache.with_extension("partial");
    std::fs::write(&partial, bytes).map_err(|e| Error::io(&partial, e))?;
    std::fs::rename(&partial, cache).map_err(|e| Error::io(cache, e))?;
    Ok(result)
}

/// Names, lengths and times of files: what changes when one is made again.
fn fingerprint(files: &[PathBuf]) -> String {
    let one = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok()?;
        let time = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(format!("{}:{}", found.len(), time.as_nanos()))
    };
    let parts: Vec<String> = files
        .iter()
        .map(|path| one(path).unwrap_or_default())
        .collect();
    parts.join(" ")
}

fn info(
    dir: &Path,
    name: &str,
    title: &str,
    kind: MethodKind,
    features: Option<usize>,
) -> MethodInfo {
    let path = dir.join("baselines").join(name).join("info.json");
    let found = std::fs::read(path).ok();
    let found: Option<serde_json::Value> = found.and_then(|b| serde_json::from_slice(&b).ok());
    let seconds = found.and_then(|found| found.get("seconds")?.as_f64());
    MethodInfo {
        name: name.into(),
        title: title.into(),
        kind,
        features,
        seconds,
    }
}

/// Probes on a baseline's vectors.
fn probe(
    suite: &Suite,
    plan: &Plan,
    fold: usize,
    name: &str,
    vectors: &Vectors,
    (train, test): (&[usize], &[usize]),
) -> Result<Vec<Scored>> {
    let conditions = conditions(suite);
    let tasks: Vec<usize> = plan.measured().collect();
    let of_tasks = tasks.par_iter().map(|&task| {
        let declared = &plan.tasks.tasks[task];
        let reference = plan.tasks.reference_of(declared).0.to_string();
        let train = plan.labelled(task, train);
        let test = plan.labelled(task, test);
        let of = |condition: &str, users: &[usize]| {
            let ids = users.iter().map(|&user| plan.users[user].as_str());
            vectors.of(&reference, condition, ids)
        };
        let missing = || {
            let what = format!("vectors of baseline `{name}` at {reference}");
            Error::argument(&what, "one of each labelled user", "some are missing")
        };
        let x = of(CLEAN, &train.0).ok_or_else(missing)?;
        let clean = of(CLEAN, &test.0).ok_or_else(missing)?;
        let (fit, _) = cross_validation(suite, fold, task).fit(&x, &train.1)?;
        let mut out = vec![scored(name, task, CLEAN, &test, fit.scores(&clean)?)];
        for condition in &conditions {
            if let Some(x) = of(condition, &test.0) {
                out.push(scored(name, task, condition, &test, fit.scores(&x)?));
            }
        }
        Ok(out)
    });
    let of_tasks = of_tasks.collect::<Result<Vec<_>>>()?;
    Ok(of_tasks.into_iter().flatten().collect())
}

/// Names of the conditions with noise.
pub(crate) fn conditions(suite: &Suite) -> Vec<String> {
    let percent = |kind: &str, share: &f64| format!("{kind}-{:.0}", share * 100.0);
    let noise = &suite.noise;
    let foreign = noise.foreign.iter().map(|share| percent("foreign", share));
    let shuffled = noise
        .shuffled
        .iter()
        .map(|share| percent("shuffled", share));
    let missing = noise
        .missing
        .iter()
        .map(|source| format!("missing-{source}"));
    foreign.chain(shuffled).chain(missing).collect()
}

/// Scores of a file by task and condition.
fn grouped(
    plan: &Plan,
    name: &str,
    rows: Vec<ScoreRow>,
    test: &[usize],
    path: &Path,
) -> Result<Vec<Scored>> {
    let mut groups: HashMap<(String, String), HashMap<String, f64>> = HashMap::new();
    for row in rows {
        groups
            .entry((row.task, row.condition))
            .or_default()
            .insert(row.user, row.score);
    }
    let mut out = Vec::new();
    for task in plan.measured() {
        let of_task = plan.labelled(task, test);
        let task_name = &plan.tasks.tasks[task].name;
        let mut conditions: Vec<&(String, String)> =
            groups.keys().filter(|(of, _)| of == task_name).collect();
        conditions.sort();
        for group in conditions {
            let of_user = |&user: &usize| {
                let user = plan.users[user].as_str();
                groups[group].get(user).copied().ok_or_else(|| {
                    let what = format!("{}: task {task_name}, {}", path.display(), group.1);
                    Error::argument(
                        &what,
                        "a score of each labelled test user",
                        format!("none of {user}"),
                    )
                })
            };
            let scores = of_task
                .0
                .iter()
                .map(of_user)
                .collect::<Result<Vec<f64>>>()?;
            out.push(scored(name, task, &group.1, &of_task, scores));
        }
    }
    Ok(out)
}

/// The mean of two methods' log-odds where the first gives probabilities.
pub(crate) fn averaged(probabilities: &Scored, odds: &Scored) -> Option<Scored> {
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
