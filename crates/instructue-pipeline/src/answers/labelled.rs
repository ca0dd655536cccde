//! What labels would be worth: a reader of each question's own, learned from labelled users.

use instructue_eval::{ForecastMethod, ForecastScores};
use instructue_features::{About, Profile, ProfileTexts, TEXT_FEATURES};
use instructue_metrics::LogisticRegression;
use instructue_schema::{DataText, Matrix, seed};
use instructue_userqa::{Forecast, ForecastFacts, ForecastFamily};
use rayon::prelude::*;

use super::forecast_run::{ForecastRun, MOST_USERS};
use crate::error::Result;

/// Numbers of labelled users.
const LABELS: [usize; 3] = [50, 200, 1_000];
/// The penalty: few labels and many features.
const PENALTY: f64 = 30.0;
/// Users of each answer that a fit needs.
const MIN_PER_CLASS: usize = 5;

/// A training user with the labels of all questions.
struct Labelled {
    texts: ProfileTexts,
    labels: Vec<Option<bool>>,
}

/// For each number of labels, what a logistic regression of each question's own says of test
/// users, learned from training users at the newest time of training. It reads the same features
/// as the answer score. Questions that name no single text are left out.
pub(super) fn with_labels(
    run: &ForecastRun<'_>,
    forecasts: &[&Forecast],
    tested: &[Profile],
) -> Result<Vec<ForecastScores>> {
    let data = &run.data;
    let (schema, texts) = (data.store.schema(), run.scorer.texts());
    let questions: Vec<_> = forecasts.iter().map(|one| one.resolve(schema)).collect();
    let mut users: Vec<(u64, Labelled)> = Vec::new();
    for index in 0..data.store.shards() {
        if users.len() >= MOST_USERS {
            break;
        }
        let shard = data.store.shard(index)?;
        for history in shard
            .histories()
            .filter(|history| data.trains(history.user()))
        {
            let days = data.userqa.horizon_days;
            let facts = ForecastFacts::new(schema, &history, data.newest(), days);
            let labels = questions.iter().map(|one| one.as_ref()?.label(&facts));
            let user = Labelled {
                labels: labels.collect(),
                texts: texts.profile(&data.profiles.build(&history, data.newest())),
            };
            let order = seed::derive(data.userqa.seed, history.user().as_str(), &[]);
            users.push((order, user));
        }
    }
    // Any order but that of the store, the same for all questions.
    users.sort_by_key(|(order, _)| *order);
    let tested: Vec<ProfileTexts> = tested
        .iter()
        .map(|profile| texts.profile(profile))
        .collect();
    let asked = |at: usize| {
        let forecast = forecasts[at];
        let occurs = forecast.family == ForecastFamily::Occurs;
        let instruction = forecast.texts(schema, None)?.instruction;
        let query = texts.instruction(&DataText::new(instruction));
        match query.about {
            About::OneOf(shares) if occurs && shares.len() == 1 => Some(shares[0].0),
            _ => None,
        }
    };
    let matrix = |of: &[&ProfileTexts], text: u32| {
        let rows = of.iter().flat_map(|user| texts.numbers(user, text));
        Matrix::new(of.len(), TEXT_FEATURES, rows.collect()).expect("as many features each")
    };
    let scores = |at: usize, count: usize| -> Option<Vec<f32>> {
        let text = asked(at)?;
        let labelled = users
            .iter()
            .filter_map(|(_, user)| Some((&user.texts, user.labels[at]?)));
        let (of, labels): (Vec<&ProfileTexts>, Vec<bool>) = labelled.take(count).unzip();
        let yes = labels.iter().filter(|label| **label).count();
        if labels.len() < count.min(LABELS[1]) || yes.min(labels.len() - yes) < MIN_PER_CLASS {
            return None;
        }
        let fit = LogisticRegression::fit(&matrix(&of, text), &labels, PENALTY).ok()?;
        let tested: Vec<&ProfileTexts> = tested.iter().collect();
        let found = fit.scores(&matrix(&tested, text)).ok()?;
        Some(found.into_iter().map(|score| score as f32).collect())
    };
    let methods = LABELS.map(|count| ForecastScores {
        method: ForecastMethod {
            name: format!("{count} labels of the question"),
            wording: None,
        },
        probabilities: false,
        scores: (0..forecasts.len())
            .into_par_iter()
            .map(|at| scores(at, count).unwrap_or_default())
            .collect(),
    });
    Ok(methods.into())
}
