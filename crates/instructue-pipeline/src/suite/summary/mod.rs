//! From the folds' results to the proof of a suite.

mod ablations;
mod aware;
mod claims;
mod methods;
mod noise;
mod table;
mod tasks;
mod uses;
mod values;

use instructue_eval::CONFIDENCE;
use instructue_eval::suite::{Population, SUITE_FORMAT, SuiteProof};

use crate::error::Result;
use crate::suite::baselines::BaselineFold;
use crate::suite::declare::{Suite, Variant};
use crate::suite::exchange::CLEAN;
use crate::suite::fold::{FoldResult, Scored};
use crate::suite::plan::Plan;
use crate::suite::summary::methods::{averages, methods};
use crate::suite::summary::table::Table;
use crate::suite::summary::tasks::{score, task_result};

/// All that was found, fold by fold.
pub(crate) struct Found<'a> {
    pub suite: &'a Suite,
    pub plan: &'a Plan,
    pub whole: Vec<FoldResult>,
    pub baselines: Vec<BaselineFold>,
    pub variants: Vec<(&'a Variant, Vec<FoldResult>)>,
    /// Variants that could not be trained, and why.
    pub left_out: Vec<String>,
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
        let others = found.baselines.get(fold).into_iter();
        list.extend(others.flat_map(|found| &found.scores));
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
    let noise = noise::noise(suite, &table, &methods);
    let few_shot = uses::few_shot(found, &population)?;
    let audience = uses::audience(found, &population)?;
    let claims = claims::claims(&table, &noise, &few_shot, &audience);
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
        ablations: ablations::ablations(found, &population)?,
        awareness: aware::awareness(found, &population)?,
        noise,
        few_shot,
        audience,
        lookalike: uses::lookalike(found, &population)?,
        recommendation: uses::recommendation(found, &population)?,
        retrieval: uses::retrieval(found, &population)?,
        examples: found
            .whole
            .first()
            .map_or_else(Vec::new, |fold| fold.examples.clone()),
        methods,
    })
}
