//! Labelled users for the baseline that is written in Python (`scripts/baselines/forecasts.py`),
//! and what it says of test users.
//!
//! It reads `labelled.parquet` (question, date, number, label, features) and `tested.parquet`
//! (question, user, features), and writes `lightgbm.parquet` (method, question, user, score). What
//! is true of test users (`truth.parquet`: question, user, label, never) is for other programs.
//! Dates count back from 0, the newest time of training; numbers are places in one order of the
//! labelled users, the same for all questions: who has 50 labels has those of the first 50.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, FixedSizeListArray, Float32Array, Float64Array, Int32Array,
    StringArray,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int32Type, Schema};
use instructue_eval::{ForecastScores, Wording};
use instructue_features::{ProfileTexts, TEXT_FEATURES};
use instructue_schema::Timestamp;

use super::asked::Asked;
use super::forecast_run::ForecastRun;
use super::labelled::{Labelled, named_texts};
use crate::columns;
use crate::error::{Error, Result};
use crate::parquet_file::ParquetFile;

/// What the baseline writes.
const FOUND: &str = "lightgbm.parquet";
/// Times of training that labels are of.
const DATES: usize = 3;

/// Writes what the baseline reads, unless it has answered already.
pub(crate) fn write_labelled(run: &ForecastRun<'_>, asked: &Asked, dir: &Path) -> Result<()> {
    instructue_fs::create_directory(dir)?;
    write_truth(asked, &dir.join("truth.parquet"))?;
    if dir.join(FOUND).is_file() {
        return Ok(());
    }
    let texts = run.scorer.texts();
    let questions = 0..asked.forecasts.len();
    let named = questions.filter_map(|at| Some((at, named_texts(run, asked, at)?)));
    let named: Vec<(usize, Vec<u32>)> = named.collect();
    let features = |users: &[&ProfileTexts], named: &[u32]| -> Result<ArrayRef> {
        let values = users
            .iter()
            .flat_map(|user| texts.numbers_of_any(user, named));
        let values = Arc::new(Float32Array::from_iter_values(values));
        let width = TEXT_FEATURES as i32;
        let list = FixedSizeListArray::try_new(item(), width, values, None);
        Ok(Arc::new(list.map_err(|e| {
            Error::argument("features", "a list each", e)
        })?))
    };
    let name = |at: usize, rows: usize| -> ArrayRef {
        let name = asked.forecasts[at].name();
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
            name, rows,
        )))
    };
    let number = |name: &str| Field::new(name, DataType::Int32, false);
    let question = Field::new("question", DataType::Utf8, false);
    let list = DataType::FixedSizeList(item(), TEXT_FEATURES as i32);
    let list = Field::new("features", list, false);

    let label = Field::new("label", DataType::Boolean, false);
    let fields = vec![
        question.clone(),
        number("date"),
        number("number"),
        label,
        list.clone(),
    ];
    let path = dir.join("labelled.parquet");
    let mut file = ParquetFile::create(&path, Arc::new(Schema::new(fields)))?;
    for (date, time) in dates(run).into_iter().enumerate() {
        let labelled = Labelled::at(run, asked, time)?;
        let read = labelled
            .profiles
            .iter()
            .map(|profile| texts.profile(profile));
        let read: Vec<ProfileTexts> = read.collect();
        for (at, of_question) in &named {
            let (users, labels) = labelled.first(*at, usize::MAX);
            let of: Vec<&ProfileTexts> = users.iter().map(|user| &read[*user]).collect();
            let numbers = users.iter().map(|user| *user as i32);
            file.write(vec![
                name(*at, users.len()),
                Arc::new(Int32Array::from(vec![date as i32; users.len()])),
                Arc::new(Int32Array::from_iter_values(numbers)),
                Arc::new(BooleanArray::from(labels)),
                features(&of, of_question)?,
            ])?;
        }
    }
    file.finish()?;

    let path = dir.join("tested.parquet");
    let fields = vec![question, number("user"), list];
    let mut file = ParquetFile::create(&path, Arc::new(Schema::new(fields)))?;
    let read = asked.profiles.iter().map(|profile| texts.profile(profile));
    let read: Vec<ProfileTexts> = read.collect();
    for (at, of_question) in &named {
        let of: Vec<&ProfileTexts> = read.iter().collect();
        file.write(vec![
            name(*at, read.len()),
            Arc::new(Int32Array::from_iter_values(0..read.len() as i32)),
            features(&of, of_question)?,
        ])?;
    }
    file.finish()
}

/// What is true of the test users that each question is asked of.
fn write_truth(asked: &Asked, path: &Path) -> Result<()> {
    let (mut questions, mut users) = (Vec::new(), Vec::new());
    let (mut labels, mut never) = (Vec::new(), Vec::new());
    for (at, forecast) in asked.forecasts.iter().enumerate() {
        let name = forecast.name();
        let of = asked.study.labels[at].iter().zip(&asked.study.never[at]);
        for (user, (label, new)) in (0..).zip(of) {
            if let Some(label) = label {
                questions.push(name.clone());
                users.push(user);
                labels.push(*label);
                never.push(*new);
            }
        }
    }
    columns::write(
        path,
        vec![
            ("question", Arc::new(StringArray::from(questions))),
            ("user", Arc::new(Int32Array::from(users))),
            ("label", Arc::new(BooleanArray::from(labels))),
            ("never", Arc::new(BooleanArray::from(never))),
        ],
    )
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Float32, false))
}

/// The times of training that labels are of, the newest first, evenly spaced.
fn dates(run: &ForecastRun<'_>) -> Vec<Timestamp> {
    let times = &run.data.userqa.references;
    let step = times.len().div_ceil(DATES).max(1);
    times.iter().rev().step_by(step).copied().collect()
}

/// Keeps what methods said, in the baseline's format.
pub(crate) fn write_scores(asked: &Asked, methods: &[ForecastScores], path: &Path) -> Result<()> {
    let (mut names, mut questions) = (Vec::new(), Vec::new());
    let (mut users, mut scores) = (Vec::new(), Vec::new());
    for method in methods {
        for (forecast, of_question) in asked.forecasts.iter().zip(&method.scores) {
            let name = forecast.name();
            for (user, score) in (0..).zip(of_question) {
                names.push(&*method.method.name);
                questions.push(name.clone());
                users.push(user);
                scores.push(f64::from(*score));
            }
        }
    }
    columns::write(
        path,
        vec![
            ("method", columns::texts(&names)),
            ("question", Arc::new(StringArray::from(questions))),
            ("user", Arc::new(Int32Array::from(users))),
            ("score", Arc::new(Float64Array::from(scores))),
        ],
    )
}

/// What the baseline said; none if it was not run.
///
/// # Errors
/// Another file than it writes.
pub(crate) fn read_found(asked: &Asked, dir: &Path) -> Result<Vec<ForecastScores>> {
    Ok(read_scores(asked, &dir.join(FOUND), None)?.unwrap_or_default())
}

/// What methods said that read a wording, or none, from a file; `None` where there is no file.
///
/// # Errors
/// A file of something else.
pub(crate) fn read_scores(
    asked: &Asked,
    path: &Path,
    wording: Option<Wording>,
) -> Result<Option<Vec<ForecastScores>>> {
    let Some(batches) = columns::read(path)? else {
        return Ok(None);
    };
    let places = asked.forecasts.iter().zip(0usize..);
    let places: HashMap<String, usize> = places.map(|(one, at)| (one.name(), at)).collect();
    let users = asked.profiles.len();
    let mut found: BTreeMap<String, Vec<Vec<f32>>> = BTreeMap::new();
    for batch in &batches {
        let text = |name| columns::column(batch, path, name, &DataType::Utf8);
        let (method, question) = (text("method")?, text("question")?);
        let user = columns::column(batch, path, "user", &DataType::Int32)?;
        let score = columns::column(batch, path, "score", &DataType::Float64)?;
        let (method, question) = (method.as_string::<i32>(), question.as_string::<i32>());
        let (user, score) = (
            user.as_primitive::<Int32Type>(),
            score.as_primitive::<Float64Type>(),
        );
        for row in 0..batch.num_rows() {
            let wrong = |expected: &str, found: String| {
                let what = format!("{}: row {row}", path.display());
                Error::argument(&what, expected, found)
            };
            let name = question.value(row);
            let at = places.get(name).copied();
            let at = at.ok_or_else(|| wrong("a question that was asked", name.to_owned()))?;
            let of = user.value(row);
            let place = usize::try_from(of).ok().filter(|user| *user < users);
            let place = place.ok_or_else(|| wrong("a test user", of.to_string()))?;
            let none = || vec![Vec::new(); places.len()];
            let scores = found
                .entry(method.value(row).to_owned())
                .or_insert_with(none);
            scores[at].resize(users, f32::NAN);
            scores[at][place] = score.value(row) as f32;
        }
    }
    for (method, scores) in &found {
        let all = scores.iter().flatten();
        if let Some(score) = all.copied().find(|score| !score.is_finite()) {
            let what = format!("{}: scores of {method}", path.display());
            return Err(Error::argument(
                &what,
                "a finite one for each test user",
                score,
            ));
        }
    }
    let each = found.into_iter().map(|(method, scores)| {
        asked.scores((&method, wording), &|at| {
            Some(scores[at].clone()).filter(|found| !found.is_empty())
        })
    });
    Ok(Some(each.collect()))
}
