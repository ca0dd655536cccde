//! Files between this program and the baselines, which are written in Python
//! (`scripts/baselines`): what is asked of whom there, vectors and scores back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, Float32Array, Int32Array, ListArray, StringArray};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Float64Type};
use instructue_eval::methods::CLEAN;
use instructue_eval::{Measured, Study, save_json};
use instructue_schema::{Matrix, seed};
use serde::Serialize;

use crate::columns::{column, lists, read, texts, write};
use crate::error::{Error, Result};
use crate::suite::declare::Suite;
use crate::suite::few_shot::few_shot_users;
use crate::suite::plan::Plan;
use crate::suite::stores::Noisy;

/// Where baselines write, below the exchange directory.
const BASELINES_DIR: &str = "baselines";

/// `plan.json`.
#[derive(Serialize)]
struct PlanFile<'a> {
    format: u32,
    /// Where baselines write; what they made from another plan lies elsewhere.
    baselines: String,
    name: &'a str,
    data: PathBuf,
    folds: usize,
    seed: u64,
    train_end: i64,
    tasks: Vec<PlanTask<'a>>,
    recommendations: Vec<PlanRecommendation<'a>>,
    noise: Vec<PlanNoise>,
    few_shot: &'a [usize],
}

#[derive(Serialize)]
struct PlanTask<'a> {
    name: &'a str,
    reference: i64,
}

#[derive(Serialize)]
struct PlanRecommendation<'a> {
    name: &'a str,
    reference: i64,
    source: &'a str,
    field: &'a str,
    exclude_seen: bool,
}

#[derive(Serialize)]
struct PlanNoise {
    name: String,
    data: PathBuf,
}

/// Writes what the baselines need to know. The result is the directory that they
/// write to.
pub(crate) fn write_plan(
    suite: &Suite,
    (plan, study): (&Plan, &Study<'_>),
    noise: &[Noisy],
    out: &Path,
) -> Result<PathBuf> {
    instructue_fs::create_directory(out)?;
    let absolute = |path: &Path| path.canonicalize().map_err(|e| Error::io(path, e));
    let tasks = study.measured().map(|task| {
        let task = &plan.tasks.tasks[task];
        PlanTask {
            name: &task.name,
            reference: plan.tasks.reference_of(task).0,
        }
    });
    let recommendations = plan.recommendations.iter().map(|one| PlanRecommendation {
        name: &one.declared.name,
        reference: plan.tasks.reference.0,
        source: &one.declared.source,
        field: &one.declared.field,
        exclude_seen: one.declared.exclude_seen,
    });
    let noise = noise
        .iter()
        .map(|one| {
            Ok(PlanNoise {
                name: one.condition.clone(),
                data: absolute(&one.data)?,
            })
        })
        .collect::<Result<_>>()?;
    let mut file = PlanFile {
        format: 2,
        baselines: String::new(),
        name: &suite.name,
        data: absolute(&plan.data)?,
        folds: suite.folds_run(),
        seed: suite.seed,
        train_end: plan.ingested.end.0,
        tasks: tasks.collect(),
        recommendations: recommendations.collect(),
        noise,
        few_shot: &suite.few_shot.labels,
    };
    let user = |place: usize| plan.users[place].as_str();
    let (mut users, mut folds, mut splits) = (Vec::new(), Vec::new(), Vec::new());
    for fold in 0..suite.folds_run() {
        for place in 0..plan.users.len() {
            users.push(user(place));
            folds.push(fold as i32);
            splits.push(plan.splits[fold][place].name());
        }
    }
    write(
        &out.join("users.parquet"),
        vec![
            ("user", texts(&users)),
            ("fold", Arc::new(Int32Array::from(folds))),
            ("split", texts(&splits)),
        ],
    )?;
    let (mut names, mut users, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    for task in study.measured() {
        for (place, label) in plan.labels[task].iter().enumerate() {
            if let Some(label) = label {
                names.push(plan.tasks.tasks[task].name.as_str());
                users.push(user(place));
                labels.push(*label);
            }
        }
    }
    write(
        &out.join("labels.parquet"),
        vec![
            ("task", texts(&names)),
            ("user", texts(&users)),
            ("label", Arc::new(BooleanArray::from(labels))),
        ],
    )?;
    let (mut names, mut folds, mut sizes, mut users) = (vec![], vec![], vec![], vec![]);
    for task in study.measured() {
        for fold in 0..suite.folds_run() {
            for &size in &suite.few_shot.labels {
                for place in few_shot_users(study, task, fold, size).unwrap_or_default() {
                    names.push(plan.tasks.tasks[task].name.as_str());
                    folds.push(fold as i32);
                    sizes.push(size as i32);
                    users.push(user(place));
                }
            }
        }
    }
    write(
        &out.join("few_shot.parquet"),
        vec![
            ("task", texts(&names)),
            ("fold", Arc::new(Int32Array::from(folds))),
            ("size", Arc::new(Int32Array::from(sizes))),
            ("user", texts(&users)),
        ],
    )?;
    let (mut names, mut items) = (Vec::new(), Vec::new());
    let (mut of, mut users, mut next) = (Vec::new(), Vec::new(), Vec::new());
    for one in &plan.recommendations {
        for item in &one.items {
            names.push(one.declared.name.as_str());
            items.push(item.as_str());
        }
        for (place, truth) in one.next.iter().enumerate() {
            for &item in truth {
                of.push(one.declared.name.as_str());
                users.push(user(place));
                next.push(one.items[item].as_str());
            }
        }
    }
    let candidates = vec![("recommendation", texts(&names)), ("item", texts(&items))];
    write(&out.join("candidates.parquet"), candidates)?;
    write(
        &out.join("next.parquet"),
        vec![
            ("recommendation", texts(&of)),
            ("user", texts(&users)),
            ("item", texts(&next)),
        ],
    )?;
    file.baselines = format!("{BASELINES_DIR}/{:016x}", digest(&file, plan));
    // Last: with it the directory is complete.
    save_json(&out.join("plan.json"), &file)?;
    Ok(out.join(file.baselines))
}

/// Of all that baselines are made from, wherever it lies.
fn digest(file: &PlanFile<'_>, plan: &Plan) -> u64 {
    let mut json = serde_json::to_value(file).expect("plain values");
    json["data"].take();
    for noise in json["noise"].as_array_mut().into_iter().flatten() {
        noise["data"].take();
    }
    let splits = plan.splits.iter().flatten().map(|&split| split as u64);
    let labels = plan.labels.iter().flatten();
    let labels = labels.map(|label| label.map_or(2, u64::from));
    let next = plan.recommendations.iter().flat_map(|one| &one.next);
    let next = next.flat_map(|items| {
        let places = items.iter().map(|&item| item as u64);
        std::iter::once(items.len() as u64).chain(places)
    });
    let parts: Vec<u64> = splits.chain(labels).chain(next).collect();
    let of = format!("{} {json}", plan.ingested.store.fingerprint());
    seed::derive(file.seed, &of, &parts)
}

/// Vectors under each task's own instruction, for baselines that stand beside them.
#[derive(Default)]
pub(crate) struct OwnVectors {
    tasks: Vec<String>,
    conditions: Vec<String>,
    users: Vec<String>,
    width: usize,
    values: Vec<f32>,
}

impl OwnVectors {
    /// Adds the vectors of all labelled users of a group's tasks.
    pub fn extend(&mut self, plan: &Plan, measured: &Measured<'_>) -> Result<()> {
        for part in &measured.group.parts {
            let task = &plan.tasks.tasks[part.task];
            for users in [&part.train.users, &part.test.users] {
                let (vectors, _) = measured.trained.readable(Some(&task.instruction), users)?;
                for (row, &user) in users.iter().enumerate() {
                    self.tasks.push(task.name.clone());
                    self.conditions.push(CLEAN.into());
                    self.users.push(plan.users[user].as_str().into());
                    self.values.extend_from_slice(vectors.row(row));
                }
                self.width = vectors.columns;
            }
        }
        Ok(())
    }

    pub fn save(self, path: &Path) -> Result<()> {
        let rows = self.users.len();
        if i32::try_from(rows.saturating_mul(self.width)).is_err() {
            let what = format!("{}: numbers in vectors", path.display());
            let found = format!("{rows} × {}", self.width);
            return Err(Error::argument(&what, "at most 2^31", found));
        }
        let offsets = (0..=rows).map(|row| (row * self.width) as i32);
        let vectors = ListArray::new(
            Arc::new(Field::new_list_field(DataType::Float32, true)),
            OffsetBuffer::new(ScalarBuffer::from_iter(offsets)),
            Arc::new(Float32Array::from(self.values)),
            None,
        );
        write(
            path,
            vec![
                ("task", Arc::new(StringArray::from(self.tasks))),
                ("condition", Arc::new(StringArray::from(self.conditions))),
                ("user", Arc::new(StringArray::from(self.users))),
                ("vector", Arc::new(vectors)),
            ],
        )
    }
}

/// Vectors of users by reference time in seconds and condition.
pub(crate) struct Vectors {
    rows: HashMap<(String, String, String), usize>,
    matrix: Matrix,
}

impl Vectors {
    /// Reads `fold-K.vectors.parquet`; `None` where there is no such file.
    pub fn load(path: &Path) -> Result<Option<Self>> {
        let Some(batches) = read(path)? else {
            return Ok(None);
        };
        let mut rows = HashMap::new();
        let mut vectors: Vec<Vec<f32>> = Vec::new();
        for batch in &batches {
            let reference = column(batch, path, "reference", &DataType::Utf8)?;
            let condition = column(batch, path, "condition", &DataType::Utf8)?;
            let user = column(batch, path, "user", &DataType::Utf8)?;
            let reference = reference.as_string::<i32>();
            let (condition, user) = (condition.as_string::<i32>(), user.as_string::<i32>());
            for (row, vector) in lists(batch, path, "vector")?.into_iter().enumerate() {
                let key = (reference.value(row), condition.value(row), user.value(row));
                rows.insert((key.0.into(), key.1.into(), key.2.into()), vectors.len());
                vectors.push(vector);
            }
        }
        let matrix = Matrix::from_rows(&vectors)?;
        Ok(Some(Self { rows, matrix }))
    }

    pub fn width(&self) -> usize {
        self.matrix.columns
    }

    /// The vectors of `users` in that order; `None` where one is missing.
    pub fn of<'a>(
        &self,
        reference: &str,
        condition: &str,
        users: impl Iterator<Item = &'a str>,
    ) -> Option<Matrix> {
        let place = |user: &str| {
            let key = (reference.to_owned(), condition.to_owned(), user.to_owned());
            self.rows.get(&key).copied()
        };
        let rows = users.map(place).collect::<Option<Vec<usize>>>()?;
        Some(self.matrix.select(&rows))
    }
}

/// Rows of `fold-K.scores.parquet` and `fold-K.few_shot.parquet`.
pub(crate) struct ScoreRow {
    pub task: String,
    /// The condition, or the number of labels.
    pub condition: String,
    pub user: String,
    pub score: f64,
}

/// Reads scores; `key` is `condition` or `size`.
pub(crate) fn scores(path: &Path, key: &str) -> Result<Option<Vec<ScoreRow>>> {
    let Some(batches) = read(path)? else {
        return Ok(None);
    };
    let mut rows = Vec::new();
    for batch in &batches {
        let task = column(batch, path, "task", &DataType::Utf8)?;
        let user = column(batch, path, "user", &DataType::Utf8)?;
        let score = column(batch, path, "score", &DataType::Float64)?;
        let (task, user) = (task.as_string::<i32>(), user.as_string::<i32>());
        let score = score.as_primitive::<Float64Type>();
        let condition = column(batch, path, key, &DataType::Utf8)?;
        let condition = condition.as_string::<i32>();
        for row in 0..batch.num_rows() {
            rows.push(ScoreRow {
                task: task.value(row).to_owned(),
                condition: condition.value(row).to_owned(),
                user: user.value(row).to_owned(),
                score: score.value(row),
            });
        }
    }
    Ok(Some(rows))
}

/// Scores of all candidates by recommendation and user.
pub(crate) type Rankings = HashMap<(String, String), Vec<f32>>;

/// Reads `fold-K.ranking.parquet`.
pub(crate) fn rankings(path: &Path) -> Result<Option<Rankings>> {
    let Some(batches) = read(path)? else {
        return Ok(None);
    };
    let mut out = Rankings::new();
    for batch in &batches {
        let name = column(batch, path, "recommendation", &DataType::Utf8)?;
        let user = column(batch, path, "user", &DataType::Utf8)?;
        let (name, user) = (name.as_string::<i32>(), user.as_string::<i32>());
        let lists = lists(batch, path, "scores")?;
        for (row, scores) in lists.into_iter().enumerate() {
            out.insert(
                (name.value(row).to_owned(), user.value(row).to_owned()),
                scores,
            );
        }
    }
    Ok(Some(out))
}
