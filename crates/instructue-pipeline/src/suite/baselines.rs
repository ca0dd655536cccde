//! What the baselines left in the exchange directory, measured as our vectors are.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use instructue_eval::methods::{CLEAN, COLES, LIGHTGBM, LIGHTGBM_WITH_OURS, MINILM, RANKINGS};
use instructue_eval::{FoldResult, MethodInfo, MethodKind, Scored, Study, Valued, load_json};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::suite::declare::Suite;
use crate::suite::exchange::{Rankings, ScoreRow, Vectors, rankings, scores};
use crate::suite::kept;
use crate::suite::plan::Plan;
use crate::suite::recommend::ranking_values;

/// Baselines that give vectors; their probes are fitted here, as ours are.
const VECTORS: [(&str, &str); 2] = [
    (COLES, "CoLES + logistic regression"),
    (MINILM, "frozen text embedding + logistic regression"),
];
/// Baselines that give scores.
const SCORES: [(&str, &str, MethodKind); 3] = [
    (
        "counts_logistic",
        "count features + logistic regression",
        MethodKind::Baseline,
    ),
    (LIGHTGBM, "count features + LightGBM", MethodKind::Baseline),
    (
        LIGHTGBM_WITH_OURS,
        "count features and our vector + LightGBM",
        MethodKind::Together,
    ),
];
/// Measures what is in `dir` of `fold`; results for the same suite and files are
/// kept in a file.
pub(crate) fn baselines(
    suite: &Suite,
    (plan, study): (&Plan, &Study<'_>),
    dir: &Path,
    kept: &Path,
    fold: usize,
) -> Result<FoldResult> {
    let found = Fold {
        suite,
        plan,
        study,
        dir,
        fold,
        train: &study.folds[fold].train,
        test: &study.folds[fold].test,
    };
    let of = |name: &str, kind: &str| found.file(name, kind);
    let vectors = VECTORS.iter().map(|(name, _)| of(name, "vectors"));
    let scores = SCORES.iter();
    let scores = scores.flat_map(|(name, ..)| [of(name, "scores"), of(name, "few_shot")]);
    let ranked = RANKINGS.iter().map(|(name, _)| of(name, "ranking"));
    let files: Vec<PathBuf> = vectors.chain(scores).chain(ranked).collect();
    let key = format!("{:016x} {}", suite.digest(), fingerprint(&files));
    if let Some(result) = kept::load(kept, &key) {
        return Ok(result);
    }
    let result = found.measure()?;
    kept::save(kept, &key, &result)?;
    Ok(result)
}

/// A fold whose files are measured.
struct Fold<'a> {
    suite: &'a Suite,
    plan: &'a Plan,
    study: &'a Study<'a>,
    dir: &'a Path,
    fold: usize,
    train: &'a [usize],
    test: &'a [usize],
}

impl Fold<'_> {
    fn file(&self, name: &str, kind: &str) -> PathBuf {
        let file = format!("fold-{}.{kind}.parquet", self.fold);
        self.dir.join(name).join(file)
    }

    fn measure(&self) -> Result<FoldResult> {
        let mut out = FoldResult::default();
        for (name, title) in VECTORS {
            let Some(vectors) = Vectors::load(&self.file(name, "vectors"))? else {
                continue;
            };
            let width = Some(vectors.width());
            out.methods
                .push(self.info(name, title, MethodKind::Baseline, width));
            out.scores.extend(self.probe(name, &vectors)?);
        }
        for (name, title, kind) in SCORES {
            let path = self.file(name, "scores");
            if let Some(rows) = scores(&path, "condition")? {
                out.methods.push(self.info(name, title, kind, None));
                out.scores.extend(self.grouped(name, rows, &path)?);
            }
            let path = self.file(name, "few_shot");
            if let Some(rows) = scores(&path, "size")? {
                out.few_shot.extend(self.grouped(name, rows, &path)?);
            }
        }
        for (name, _) in RANKINGS {
            let path = self.file(name, "ranking");
            if let Some(found) = rankings(&path)? {
                out.values.extend(self.ranked(name, &found, &path)?);
            }
        }
        Ok(out)
    }

    fn info(
        &self,
        name: &str,
        title: &str,
        kind: MethodKind,
        features: Option<usize>,
    ) -> MethodInfo {
        let path = self.dir.join(name).join("info.json");
        let found: Option<serde_json::Value> = load_json(&path).ok();
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
    fn probe(&self, name: &str, vectors: &Vectors) -> Result<Vec<Scored>> {
        let plan = self.plan;
        let conditions = self.suite.noise.conditions();
        let tasks: Vec<usize> = self.study.measured().collect();
        let of_task = |&task: &usize| {
            let declared = &plan.tasks.tasks[task];
            let reference = plan.tasks.reference_of(declared).0.to_string();
            let train = self.study.labelled(task, self.train);
            let test = self.study.labelled(task, self.test);
            let of = |condition: &str, users: &[usize]| {
                let ids = users.iter().map(|&user| plan.users[user].as_str());
                vectors.of(&reference, condition, ids)
            };
            let missing = || {
                let what = format!("vectors of baseline `{name}` at {reference}");
                Error::argument(&what, "one of each labelled user", "some are missing")
            };
            let x = of(CLEAN, &train.users).ok_or_else(missing)?;
            let clean = of(CLEAN, &test.users).ok_or_else(missing)?;
            let cross_validation = self.study.cross_validation(self.fold, task);
            let (fit, _) = cross_validation.fit(&x, &train.labels)?;
            let mut out = vec![Scored::new(name, task, CLEAN, &test, fit.scores(&clean)?)];
            for (condition, _) in &conditions {
                if let Some(x) = of(condition, &test.users) {
                    out.push(Scored::new(name, task, condition, &test, fit.scores(&x)?));
                }
            }
            Ok(out)
        };
        let of_tasks = tasks
            .par_iter()
            .map(of_task)
            .collect::<Result<Vec<Vec<Scored>>>>()?;
        Ok(of_tasks.into_iter().flatten().collect())
    }

    /// Scores of a file by task and condition.
    fn grouped(&self, name: &str, rows: Vec<ScoreRow>, path: &Path) -> Result<Vec<Scored>> {
        let plan = self.plan;
        let mut groups: BTreeMap<(String, String), HashMap<String, f64>> = BTreeMap::new();
        for row in rows {
            let group = groups.entry((row.task, row.condition)).or_default();
            group.insert(row.user, row.score);
        }
        let mut out = Vec::new();
        for task in self.study.measured() {
            let test = self.study.labelled(task, self.test);
            let own = &plan.tasks.tasks[task].name;
            for ((_, condition), found) in groups.iter().filter(|((of, _), _)| of == own) {
                let of_user = |&user: &usize| {
                    let user = plan.users[user].as_str();
                    found.get(user).copied().ok_or_else(|| {
                        let what = format!("{}: task {own}, {condition}", path.display());
                        let expected = "a score of each labelled test user";
                        Error::argument(&what, expected, format!("none of {user}"))
                    })
                };
                let scores = test
                    .users
                    .iter()
                    .map(of_user)
                    .collect::<Result<Vec<f64>>>()?;
                out.push(Scored::new(name, task, condition, &test, scores));
            }
        }
        Ok(out)
    }

    fn ranked(&self, name: &str, found: &Rankings, path: &Path) -> Result<Vec<Valued>> {
        let plan = self.plan;
        let mut out = Vec::new();
        for (number, one) in plan.recommendations.iter().enumerate() {
            let known = one.known(self.test);
            let of_user = |&user: &usize| {
                let user = plan.users[user].as_str().to_owned();
                let scores = found.get(&(one.declared.name.clone(), user.clone()));
                let whole = scores.filter(|scores| scores.len() == one.items.len());
                whole.cloned().ok_or_else(|| {
                    let what = format!("{}: user {user}", path.display());
                    let expected = format!("{} scores", one.items.len());
                    let found = scores.map_or("none".into(), |scores| scores.len().to_string());
                    Error::argument(&what, &expected, found)
                })
            };
            let scores = known.iter().map(of_user).collect::<Result<Vec<_>>>()?;
            out.extend(ranking_values(
                self.suite,
                (number, one),
                name,
                &known,
                &scores,
            ));
        }
        Ok(out)
    }
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
