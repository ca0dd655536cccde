//! The parts of an evaluation, put together.

use crate::error::Result;
use crate::fold::{FoldResult, Scored};
use crate::methods::CLEAN;
use crate::results::{EVALUATION_FORMAT, Evaluation};
use crate::study::Study;
use crate::summary::ablations::ablations;
use crate::summary::awareness::awareness;
use crate::summary::claims::claims;
use crate::summary::found::{Extras, Found};
use crate::summary::methods::{averages, methods};
use crate::summary::noise::noise;
use crate::summary::retrieval::retrieval;
use crate::summary::table::Table;
use crate::summary::tasks::{differences, score, task_result};
use crate::summary::uses;

/// Puts an evaluation together from the results of its folds; title, notes and facts
/// are the caller's to add. Means over folds and tasks, and differences between methods,
/// are taken resample by resample.
///
/// # Errors
/// Scores of other users than the folds test, or that are NaN.
pub fn summarise(study: &Study<'_>, folds: &[FoldResult], extras: &Extras) -> Result<Evaluation> {
    let found = &Found {
        study,
        folds,
        population: study.population(),
    };
    let tasks: Vec<usize> = study.measured().collect();
    let averages = averages(found);
    let scores: Vec<Vec<&Scored>> = folds
        .iter()
        .zip(&averages)
        .map(|(fold, averages)| fold.scores.iter().chain(averages).collect())
        .collect();
    let table = Table::new(&found.population, &scores, tasks)?;
    let methods = methods(found, &table);
    let confidence = study.options.confidence;
    let means = methods.iter().filter_map(|info| {
        let mean = table.mean(&info.name, CLEAN)?;
        score(&info.name, &mean, confidence)
    });
    let mean_differences = differences(confidence, |method| table.mean(method, CLEAN));
    let tasks = 0..study.tasks.tasks.len();
    let noise = noise(&extras.noise, &table, &methods, confidence);
    let few_shot = uses::few_shot(found)?;
    let audience = uses::audience(found)?;
    let claims = match extras.claims {
        true => claims(&table, confidence, &few_shot, &audience),
        false => Vec::new(),
    };
    let first = folds.first().cloned().unwrap_or_default();
    Ok(Evaluation {
        forecasts: None,
        format: EVALUATION_FORMAT,
        title: String::new(),
        notes: Vec::new(),
        facts: Vec::new(),
        options: study.options.clone(),
        folds: study.sizes(),
        means: means.collect(),
        mean_differences,
        tasks: tasks
            .map(|task| task_result(found, &table, &methods, &scores, task))
            .collect::<Result<_>>()?,
        retrieval: retrieval(found)?,
        map: first.map,
        audience,
        awareness: awareness(found)?,
        claims,
        ablations: ablations(found, &extras.variants)?,
        noise,
        few_shot,
        lookalike: uses::lookalike(found)?,
        recommendation: uses::recommendation(found)?,
        examples: first.examples,
        methods,
    })
}
