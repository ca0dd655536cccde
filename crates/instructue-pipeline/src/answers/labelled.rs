//! What labels would be worth: readers of each question's own, learned from labelled users.

use instructue_eval::{ForecastScores, Wording};
use instructue_features::{About, Profile, ProfileTexts, TEXT_FEATURES};
use instructue_metrics::{LogisticRegression, log_odds};
use instructue_schema::{DataText, Matrix, Timestamp, UserRef, seed};
use instructue_userqa::{ForecastFacts, ForecastFamily};

use super::asked::Asked;
use super::forecast_run::{ForecastRun, MOST_USERS};
use super::unlabelled::SCORE;
use crate::error::Result;

/// Numbers of labelled users.
pub(super) const LABELS: [usize; 4] = [20, 50, 200, 1_000];
/// From so many labels on a question is left out if it has fewer.
const ENOUGH: usize = 200;
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

/// Training users with the labels of all questions, in an order that is the same for all.
pub(crate) struct Labelled {
    pub users: Vec<UserRef>,
    pub profiles: Vec<Profile>,
    /// `[users][questions]`
    labels: Vec<Vec<Option<bool>>>,
}

impl Labelled {
    /// Training users as they are at a time of training.
    pub fn at(run: &ForecastRun<'_>, asked: &Asked, time: Timestamp) -> Result<Self> {
        let data = &run.data;
        let schema = data.store.schema();
        let questions = asked.forecasts.iter().map(|one| one.resolve(schema));
        let questions: Vec<_> = questions.collect();
        let mut users = Vec::new();
        data.each_training_user(MOST_USERS, &mut |_| {}, |user, history| {
            let days = data.userqa.horizon_days;
            let facts = ForecastFacts::new(schema, history, time, days);
            let labels = questions.iter().map(|one| one.as_ref()?.label(&facts));
            let order = seed::derive(data.userqa.seed, history.user().as_str(), &[]);
            let profile = data.profiles.build(history, time);
            users.push((order, user, profile, labels.collect::<Vec<_>>()));
        })?;
        // Any order but that of the store.
        users.sort_by_key(|(order, ..)| *order);
        let mut out = Self {
            users: Vec::with_capacity(users.len()),
            profiles: Vec::with_capacity(users.len()),
            labels: Vec::with_capacity(users.len()),
        };
        for (_, user, profile, labels) in users {
            out.users.push(user);
            out.profiles.push(profile);
            out.labels.push(labels);
        }
        Ok(out)
    }

    /// The first `count` users whose answer to a question is known, with these.
    pub fn first(&self, question: usize, count: usize) -> (Vec<usize>, Vec<bool>) {
        let each = self.labels.iter().enumerate();
        let known = each.filter_map(|(user, labels)| Some((user, labels[question]?)));
        known.take(count).unzip()
    }
}

/// The texts that a question names, if it names any.
pub(crate) fn named_texts(
    run: &ForecastRun<'_>,
    asked: &Asked,
    question: usize,
) -> Option<Vec<u32>> {
    let forecast = &asked.forecasts[question];
    if forecast.family != ForecastFamily::Occurs {
        return None;
    }
    let instruction = forecast.texts(run.data.store.schema(), None)?.instruction;
    let query = run.scorer.texts().instruction(&DataText::new(instruction));
    match query.about {
        About::OneOf(shares) if shares.len() == 1 => Some(vec![shares[0].0]),
        About::AnyOf(texts) => Some(texts),
        _ => None,
    }
}

/// For each number of labels, what logistic regressions of each question's own say of test
/// users, learned from training users at the newest time of training: on the features of what the
/// question names, and on the same beside the answer score, whose answers for test users are in
/// `found`. Questions that name no text are left out.
pub(super) fn with_labels(
    run: &ForecastRun<'_>,
    asked: &Asked,
    found: &[ForecastScores],
) -> Result<Vec<ForecastScores>> {
    let texts = run.scorer.texts();
    let labelled = Labelled::at(run, asked, run.data.newest())?;
    let read = |profiles: &[Profile]| -> Vec<ProfileTexts> {
        let each = profiles.iter();
        each.map(|profile| texts.profile(profile)).collect()
    };
    let (learned, tested) = (read(&labelled.profiles), read(&asked.profiles));
    let everyone: Vec<usize> = (0..tested.len()).collect();
    let features = |of: &[ProfileTexts], users: &[usize], named: &[u32]| {
        let rows = users
            .iter()
            .flat_map(|user| texts.numbers_of_any(&of[*user], named));
        Matrix::new(users.len(), TEXT_FEATURES, rows.collect()).expect("as many features each")
    };
    let chosen = |at: usize, count: usize| {
        let (of, labels) = labelled.first(at, count);
        let yes = labels.iter().filter(|label| **label).count();
        let enough = labels.len() >= count.min(ENOUGH);
        let enough = enough && yes.min(labels.len() - yes) >= MIN_PER_CLASS;
        enough.then_some((of, labels))
    };
    let alone = |at: usize, count: usize| {
        let named = named_texts(run, asked, at)?;
        let (of, labels) = chosen(at, count)?;
        let x = features(&learned, &of, &named);
        let fit = LogisticRegression::fit(&x, &labels, PENALTY).ok()?;
        let found = fit.scores(&features(&tested, &everyone, &named)).ok()?;
        Some(found.into_iter().map(|score| score as f32).collect())
    };
    let mut methods: Vec<ForecastScores> = LABELS
        .map(|count| asked.scores((&labels_alone(count), None), &|at| alone(at, count)))
        .into();
    for wording in Wording::ALL {
        let score =
            |one: &&ForecastScores| one.method.name == SCORE && one.method.wording == Some(wording);
        let Some(score) = found.iter().find(score) else {
            continue;
        };
        let worded = asked.worded(run, wording);
        let learned_scores = run.scorer.scores(&labelled.profiles, &worded.instructions);
        let beside = |at: usize, count: usize| {
            let (named, place) = (named_texts(run, asked, at)?, worded.find(at)?);
            let (of, labels) = chosen(at, count)?;
            let known = of
                .iter()
                .map(|user| log_odds(learned_scores.row(*user)[place]));
            let x = features(&learned, &of, &named);
            let known: Vec<f64> = known.collect();
            let fit = LogisticRegression::fit_beside(&x, &labels, &known, STRONG).ok()?;
            let added = fit.scores(&features(&tested, &everyone, &named)).ok()?;
            let each = score.scores[at].iter().zip(added);
            Some(
                each.map(|(p, added)| (log_odds(*p) + added) as f32)
                    .collect(),
            )
        };
        for count in LABELS {
            let method = (&*labels_beside(count), Some(wording));
            methods.push(asked.scores(method, &|at| beside(at, count)));
        }
    }
    Ok(methods)
}
