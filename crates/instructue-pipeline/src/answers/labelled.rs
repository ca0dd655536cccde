//! What labels would be worth: a reader of each question's own, learned from labelled users.

use instructue_eval::{ForecastMethod, ForecastScores};
use instructue_features::{About, Profile, ProfileTexts, TEXT_FEATURES};
use instructue_metrics::LogisticRegression;
use instructue_schema::{DataText, Matrix, seed};
use instructue_userqa::{Forecast, ForecastFacts, ForecastFamily};
use rayon::prelude::*;

use super::evaluate::{SCORE, instructions};
use super::forecast_run::{ForecastRun, MOST_USERS};
use crate::error::Result;

/// Numbers of labelled users.
pub(super) const LABELS: [usize; 4] = [20, 50, 200, 1_000];
/// The penalty of a fit on features: few labels and many features.
const PENALTY: f64 = 30.0;
/// That of what is added to the answer score.
const STRONG: f64 = 300.0;
/// Users of each answer that a fit needs.
const MIN_PER_CLASS: usize = 2;

/// The method that learns from so many labels and features of what the question names.
pub(super) fn labels_alone(count: usize) -> String {
    format!("{count} labels of the question")
}

/// The method that adds to the answer score what so many labels say.
pub(super) fn labels_beside(count: usize) -> String {
    format!("answer score + {count} labels")
}

/// A training user with the labels of all questions.
struct Labelled {
    profile: Profile,
    labels: Vec<Option<bool>>,
}

/// For each number of labels, what logistic regressions of each question's own say of test
/// users, learned from training users at the newest time of training: on the features of what the
/// question names, and on the same beside the answer score, whose answers for test users are in
/// `found`. Questions that name no single text are left out.
pub(super) fn with_labels(
    run: &ForecastRun<'_>,
    forecasts: &[&Forecast],
    tested: &[Profile],
    found: &[ForecastScores],
) -> Result<Vec<ForecastScores>> {
    let data = &run.data;
    let (schema, texts) = (data.store.schema(), run.scorer.texts());
    let questions: Vec<_> = forecasts.iter().map(|one| one.resolve(schema)).collect();
    let mut users: Vec<(u64, Labelled)> = Vec::new();
    data.each_training_user(MOST_USERS, &mut |_| {}, |history| {
        let days = data.userqa.horizon_days;
        let facts = ForecastFacts::new(schema, history, data.newest(), days);
        let labels = questions.iter().map(|one| one.as_ref()?.label(&facts));
        let user = Labelled {
            labels: labels.collect(),
            profile: data.profiles.build(history, data.newest()),
        };
        let order = seed::derive(data.userqa.seed, history.user().as_str(), &[]);
        users.push((order, user));
    })?;
    // Any order but that of the store, the same for all questions.
    users.sort_by_key(|(order, _)| *order);
    let users: Vec<Labelled> = users.into_iter().map(|(_, user)| user).collect();
    let read = |profiles: &[Profile]| -> Vec<ProfileTexts> {
        let each = profiles.iter();
        each.map(|profile| texts.profile(profile)).collect()
    };
    let profiles: Vec<Profile> = users.iter().map(|user| user.profile.clone()).collect();
    let (learned_texts, tested_texts) = (read(&profiles), read(tested));
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
    let features = |of: &[ProfileTexts], users: &[usize], text: u32| {
        let rows = users
            .iter()
            .flat_map(|user| texts.numbers(&of[*user], text));
        Matrix::new(users.len(), TEXT_FEATURES, rows.collect()).expect("as many features each")
    };
    // The users that a question's first so many labels are of, with these.
    let chosen = |at: usize, count: usize| -> Option<(Vec<usize>, Vec<bool>)> {
        let labelled = users.iter().enumerate();
        let labelled = labelled.filter_map(|(user, one)| Some((user, one.labels[at]?)));
        let (of, labels): (Vec<usize>, Vec<bool>) = labelled.take(count).unzip();
        let yes = labels.iter().filter(|label| **label).count();
        let enough = labels.len() >= count.min(LABELS[2]);
        let enough = enough && yes.min(labels.len() - yes) >= MIN_PER_CLASS;
        enough.then_some((of, labels))
    };
    let everyone: Vec<usize> = (0..tested.len()).collect();
    let floats = |found: Vec<f64>| found.into_iter().map(|score| score as f32).collect();
    let alone = |at: usize, count: usize| -> Option<Vec<f32>> {
        let text = asked(at)?;
        let (of, labels) = chosen(at, count)?;
        let x = features(&learned_texts, &of, text);
        let fit = LogisticRegression::fit(&x, &labels, PENALTY).ok()?;
        let x = features(&tested_texts, &everyone, text);
        Some(floats(fit.scores(&x).ok()?))
    };
    let mut methods = Vec::new();
    let mut add = |name: String, wording, scores: &(dyn Fn(usize) -> Option<Vec<f32>> + Sync)| {
        let each = (0..forecasts.len()).into_par_iter();
        methods.push(ForecastScores {
            method: ForecastMethod { name, wording },
            probabilities: false,
            scores: each.map(|at| scores(at).unwrap_or_default()).collect(),
        });
    };
    for count in LABELS {
        add(labels_alone(count), None, &|at| alone(at, count));
    }
    for known in found.iter().filter(|one| one.method.name == SCORE) {
        let Some(wording) = known.method.wording else {
            continue;
        };
        let asked_of = instructions(run, forecasts, wording);
        let worded: Vec<usize> = (0..forecasts.len())
            .filter(|at| asked_of[*at].is_some())
            .collect();
        let each = worded.iter().filter_map(|at| asked_of[*at].clone());
        let learned = run.scorer.scores(&profiles, &each.collect::<Vec<_>>());
        let beside = |at: usize, count: usize| -> Option<Vec<f32>> {
            let text = asked(at)?;
            let place = worded.binary_search(&at).ok()?;
            let (of, labels) = chosen(at, count)?;
            let odds = |p: f32| {
                let p = f64::from(p).clamp(1e-6, 1.0 - 1e-6);
                (p / (1.0 - p)).ln()
            };
            let known_of: Vec<f64> = of
                .iter()
                .map(|user| odds(learned.row(*user)[place]))
                .collect();
            let x = features(&learned_texts, &of, text);
            let fit = LogisticRegression::fit_beside(&x, &labels, &known_of, STRONG).ok()?;
            let added = fit.scores(&features(&tested_texts, &everyone, text)).ok()?;
            let known = known.scores[at].iter().map(|p| odds(*p));
            Some(floats(
                known
                    .zip(added)
                    .map(|(known, added)| known + added)
                    .collect(),
            ))
        };
        for count in LABELS {
            add(labels_beside(count), Some(wording), &|at| beside(at, count));
        }
    }
    Ok(methods)
}
