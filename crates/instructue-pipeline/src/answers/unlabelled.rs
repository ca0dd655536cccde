//! What methods say that need no label of a question.

use std::sync::Arc;

use instructue_eval::{ForecastItem, ForecastScores, Wording};
use instructue_features::{About, KnownTexts, Profile, SourceProfile, text_feature_names};
use instructue_schema::{DataText, Matrix, seed};

use super::asked::{Asked, Worded};
use super::forecast_run::ForecastRun;

/// The answer score.
pub(super) const SCORE: &str = "answer score";
/// The answer score under another question.
pub(super) const WRONG: &str = "wrong question";
/// The answer score under another question about the same field.
pub(super) const WRONG_IN_GROUP: &str = "wrong within the field";
/// The cosine of user and question in the space of answers.
pub(super) const COSINE: &str = "cosine";
/// Decayed events of what the question means.
pub(super) const COUNT: &str = "count";
/// The answer score from histories with added events of another user.
pub(super) const SCORE_ADDED: &str = "answer score, added events";
/// The count, likewise.
pub(super) const COUNT_ADDED: &str = "count, added events";
/// Decayed events of what the question means, and then how popular it is.
pub(super) const COUNT_THEN_POPULARITY: &str = "count, then popularity";
/// Decayed events of the whole source.
pub(super) const ACTIVITY: &str = "activity";

/// Added events of another user per own one.
const ADDED: f64 = 0.5;

/// What is said without any label.
pub(super) fn without_labels(run: &ForecastRun<'_>, asked: &Asked) -> Vec<ForecastScores> {
    let counted: Vec<Counted> = counted(run, &asked.profiles);
    let mut methods = Vec::new();
    for wording in Wording::ALL {
        let worded = asked.worded(run, wording);
        if !worded.places.is_empty() {
            methods.extend(of_wording(run, asked, (&worded, wording), &counted));
        }
    }
    methods.extend(among_added_events(run, asked));
    let schema = run.data.store.schema();
    let activity = |at: usize| {
        let (source, _) = schema.source(&asked.forecasts[at].source)?;
        Some(counted.iter().map(|user| user.of_source[source]).collect())
    };
    methods.push(asked.scores((ACTIVITY, None), &activity));
    methods.push(counts_then_popularity(run, asked, &counted));
    methods
}

/// What is said by methods that read a wording.
fn of_wording(
    run: &ForecastRun<'_>,
    asked: &Asked,
    (worded, wording): (&Worded, Wording),
    counted: &[Counted],
) -> Vec<ForecastScores> {
    let scores = run.scorer.scores(&asked.profiles, &worded.instructions);
    let score = |at: usize| Some(column(&scores, worded.find(at)?));
    let wrong = |at: usize, within: bool| {
        worded.find(at)?;
        let other = other(&asked.study.items, worded, at, within, run.data.userqa.seed)?;
        Some(column(&scores, other))
    };
    let users = run.scorer.user_vectors(&asked.profiles);
    let questions = run.scorer.question_vectors(&worded.instructions);
    let near = |at: usize| {
        let question = questions.row(worded.find(at)?);
        let of_user = |user: usize| cosine(users.row(user), question);
        Some((0..users.rows).map(of_user).collect())
    };
    let texts = run.scorer.texts();
    let count = |at: usize| {
        let query = texts.instruction(&worded.instructions[worded.find(at)?]);
        Some(counted.iter().map(|user| user.of(&query.about)).collect())
    };
    let wording = Some(wording);
    vec![
        ForecastScores {
            probabilities: true,
            ..asked.scores((SCORE, wording), &score)
        },
        asked.scores((WRONG, wording), &|at| wrong(at, false)),
        asked.scores((WRONG_IN_GROUP, wording), &|at| wrong(at, true)),
        asked.scores((COSINE, wording), &near),
        asked.scores((COUNT, wording), &count),
    ]
}

/// Another question's place in a wording, always the same one for a question: of its own group,
/// or of another.
fn other(
    items: &[ForecastItem],
    worded: &Worded,
    at: usize,
    within: bool,
    run_seed: u64,
) -> Option<usize> {
    let group = &items[at].group;
    let fits = |other: &usize| {
        let same = items[*other].group == *group;
        *other != at && same == within && (!within || group.is_some())
    };
    let others: Vec<usize> = worded.places.iter().copied().filter(fits).collect();
    let drawn = seed::derive(run_seed, &items[at].name, &[]) % others.len().max(1) as u64;
    worded.find(*others.get(drawn as usize)?)
}

/// The score and the count, from histories with half as many events of somebody else in them.
fn among_added_events(run: &ForecastRun<'_>, asked: &Asked) -> Vec<ForecastScores> {
    let count = asked.profiles.len();
    let mixed: Vec<Profile> = (0..count)
        .map(|user| {
            let other = &asked.profiles[(user + 1) % count];
            with_added(&asked.profiles[user], other, run.data.userqa.seed)
        })
        .collect();
    let worded = asked.worded(run, Wording::Exact);
    let scores = run.scorer.scores(&mixed, &worded.instructions);
    let counted = counted(run, &mixed);
    let texts = run.scorer.texts();
    let wording = Some(Wording::Exact);
    let score = |at: usize| Some(column(&scores, worded.find(at)?));
    let count = |at: usize| {
        let query = texts.instruction(&worded.instructions[worded.find(at)?]);
        Some(counted.iter().map(|user| user.of(&query.about)).collect())
    };
    vec![
        asked.scores((SCORE_ADDED, wording), &score),
        asked.scores((COUNT_ADDED, wording), &count),
    ]
}

/// A profile with events of another user, [`ADDED`] for each of its own.
fn with_added(profile: &Profile, other: &Profile, run_seed: u64) -> Profile {
    let mut out = profile.clone();
    let sources = out.sources.iter_mut().zip(&other.sources);
    for (source, (own, others)) in sources.enumerate() {
        let (SourceProfile::Events(own), SourceProfile::Events(others)) = (own, others) else {
            continue;
        };
        // Each of an event's days is one that happened.
        let mut added: Vec<(usize, f32)> = Vec::new();
        for (event, one) in others.iter().enumerate() {
            added.extend(one.days.iter().map(|day| (event, *day)));
        }
        let key = instructue_schema::user_key(&profile.user);
        let mut drawn = seed::rng(run_seed, "added events", &[key, source as u64]);
        seed::shuffle(&mut added, &mut drawn);
        let days: usize = own.iter().map(|event| event.days.len()).sum();
        added.truncate((ADDED * days as f64).round() as usize);
        own.extend(added.into_iter().map(|(event, day)| {
            let mut event = others[event].clone();
            event.days = Arc::from([day]);
            event
        }));
    }
    out
}

/// What a user's events say without a reader: decayed days of each known text, and of each source
/// together.
struct Counted {
    of_text: Vec<f32>,
    of_source: Vec<f32>,
}

fn counted(run: &ForecastRun<'_>, profiles: &[Profile]) -> Vec<Counted> {
    let texts = run.scorer.texts();
    let each = profiles.iter();
    each.map(|profile| Counted::new(texts, profile)).collect()
}

impl Counted {
    fn new(texts: &KnownTexts, profile: &Profile) -> Self {
        let names = text_feature_names();
        let place = |name: &str| names.iter().position(|one| one == name);
        let [own, all] = ["own.decay.1", "all.decay.1"].map(|name| place(name).expect("a feature"));
        let read = texts.profile(profile);
        let mut out = Self {
            of_text: Vec::with_capacity(texts.len()),
            of_source: vec![0.0; profile.sources.len()],
        };
        for (known, text) in texts.fitted().texts.iter().zip(0..) {
            let numbers = texts.numbers(&read, text);
            out.of_text.push(numbers[own]);
            out.of_source[known.source] = numbers[all];
        }
        out
    }

    /// The decayed events of what a question is about.
    fn of(&self, about: &About) -> f32 {
        let of = |text: &u32| self.of_text[*text as usize];
        match about {
            About::Anything => 0.0,
            About::Source(source) => self.of_source[*source],
            About::AnyOf(texts) => texts.iter().map(of).sum(),
            About::OneOf(shares) => shares.iter().map(|(text, share)| share * of(text)).sum(),
        }
    }
}

/// The decayed count of what a question names, and of equal counts the more popular: the usual
/// way to rank what one user may want.
fn counts_then_popularity(
    run: &ForecastRun<'_>,
    asked: &Asked,
    counted: &[Counted],
) -> ForecastScores {
    let (texts, schema) = (run.scorer.texts(), run.data.store.schema());
    let score = |at: usize| {
        let forecast = asked.forecasts[at].texts(schema, None);
        let instruction = forecast.filter(|_| asked.study.items[at].seen_family)?;
        let query = texts.instruction(&DataText::new(instruction.instruction));
        let About::OneOf(shares) = query.about else {
            return None;
        };
        let text = shares.first()?.0 as usize;
        let popular = 1e-3 * texts.fitted().texts[text].popular as f32;
        let each = counted.iter();
        Some(each.map(|user| user.of_text[text] + popular).collect())
    };
    asked.scores((COUNT_THEN_POPULARITY, None), &score)
}

fn column(scores: &Matrix, place: usize) -> Vec<f32> {
    let users = 0..scores.rows;
    users.map(|user| scores.row(user)[place]).collect()
}

/// 0 where a vector has no length.
fn cosine(left: &[f32], right: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    let length = (dot(left, left) * dot(right, right)).sqrt();
    if length > 0.0 {
        dot(left, right) / length
    } else {
        0.0
    }
}
