//! How well answer scores answer questions that were kept from learning.

use instructue_eval::{
    EvaluateOptions, ForecastItem, ForecastMethod, ForecastResult, ForecastScores, ForecastStudy,
    Wording, summarise_forecasts,
};
use instructue_features::{About, KnownTexts, Profile, text_feature_names};
use instructue_schema::{DataText, Progress, seed};
use instructue_userqa::{
    Forecast, ForecastConfig, ForecastFacts, ForecastFamily, ForecastPlan, Split, split_of,
};

use super::forecast_run::{ForecastRun, MOST_USERS};
use super::labelled::{LABELS, labels_alone, labels_beside, with_labels};
use crate::error::Result;

/// Resamples of users and questions.
const RESAMPLES: usize = 200;

/// Asks test users what training users of an earlier time show can be asked.
pub(crate) fn evaluate_forecasts(
    run: &ForecastRun<'_>,
    watch: &mut dyn FnMut(Progress),
) -> Result<ForecastResult> {
    watch(Progress::Stage {
        name: "asking questions",
    });
    let plan = plan(run)?;
    let asked = Asked::of(run, &plan)?;
    let (study, methods) = (asked.study, asked.methods);
    let pair = |name: &str, wording, against: &str, other| {
        let method = |name: &str, wording| ForecastMethod {
            name: name.to_owned(),
            wording,
        };
        (method(name, wording), method(against, other))
    };
    let mut pairs = Vec::new();
    for wording in Wording::ALL {
        let wording = Some(wording);
        for against in [COUNT, COSINE, WRONG, WRONG_IN_GROUP] {
            pairs.push(pair(SCORE, wording, against, wording));
        }
        pairs.push(pair(SCORE, wording, ACTIVITY, None));
        let labelled = methods.iter().filter(|one| one.method.wording.is_none());
        for other in labelled.filter(|one| one.method.name != ACTIVITY) {
            pairs.push(pair(SCORE, wording, &other.method.name, None));
        }
        for count in LABELS {
            let known = (labels_beside(count), labels_alone(count));
            pairs.push(pair(&known.0, wording, &known.1, None));
        }
    }
    for other in [Wording::Plain, Wording::Far] {
        pairs.push(pair(SCORE, Some(other), SCORE, Some(Wording::Exact)));
    }
    let options = EvaluateOptions {
        seed: run.data.userqa.seed,
        resamples: RESAMPLES,
        ..EvaluateOptions::default()
    };
    Ok(summarise_forecasts(&study, &methods, &pairs, &options)?)
}

/// The answer score.
pub(super) const SCORE: &str = "answer score";
/// The answer score under another question.
const WRONG: &str = "wrong question";
/// The answer score under another question about the same field.
const WRONG_IN_GROUP: &str = "wrong within the field";
/// The cosine of user and question in the space of answers.
const COSINE: &str = "cosine";
/// Decayed events of what the question means.
const COUNT: &str = "count";
/// Decayed events of what the question means, and then how popular it is.
const COUNT_THEN_POPULARITY: &str = "count, then popularity";
/// Decayed events of the whole source.
const ACTIVITY: &str = "activity";

/// Questions that training users can answer at the newest time of training.
fn plan(run: &ForecastRun<'_>) -> Result<ForecastPlan> {
    let data = &run.data;
    let config = ForecastConfig {
        days: data.userqa.horizon_days,
        min_users: run.min_users.max(ForecastConfig::default().min_users),
        ..ForecastConfig::default()
    };
    let mut shards = Vec::new();
    let mut users = 0;
    for index in 0..data.store.shards() {
        let shard = data.store.shard(index)?;
        users += shard.users.iter().filter(|user| data.trains(user)).count();
        shards.push(shard);
        if users >= MOST_USERS {
            break;
        }
    }
    let schema = data.store.schema();
    let histories = shards.iter().flat_map(|shard| shard.histories());
    let training = histories.filter(|history| data.trains(history.user()));
    let facts =
        training.map(|history| ForecastFacts::new(schema, &history, data.newest(), config.days));
    Ok(ForecastPlan::fit(
        schema,
        &facts.collect::<Vec<_>>(),
        &config,
    ))
}

/// Test users with their answers, and what methods say.
struct Asked {
    study: ForecastStudy,
    methods: Vec<ForecastScores>,
}

impl Asked {
    fn of(run: &ForecastRun<'_>, plan: &ForecastPlan) -> Result<Self> {
        let data = &run.data;
        let schema = data.store.schema();
        let forecasts: Vec<&Forecast> = plan.forecasts.iter().map(|one| &one.forecast).collect();
        let questions: Vec<_> = forecasts
            .iter()
            .filter_map(|one| one.resolve(schema))
            .collect();
        let mut profiles: Vec<Profile> = Vec::new();
        let mut study = ForecastStudy {
            items: forecasts
                .iter()
                .map(|one| item(one, data.userqa.seed))
                .collect(),
            labels: vec![Vec::new(); forecasts.len()],
            never: vec![Vec::new(); forecasts.len()],
        };
        for index in 0..data.store.shards() {
            if profiles.len() >= MOST_USERS {
                break;
            }
            let shard = data.store.shard(index)?;
            for history in shard.histories() {
                if split_of(history.user(), data.userqa.seed, data.userqa) != Split::Test {
                    continue;
                }
                profiles.push(data.profiles.build(&history, run.reference));
                let days = data.userqa.horizon_days;
                let facts = ForecastFacts::new(schema, &history, run.reference, days);
                for (at, question) in questions.iter().enumerate() {
                    study.labels[at].push(question.label(&facts));
                    study.never[at].push(question.is_new(&facts));
                }
            }
        }
        let texts = run.scorer.texts();
        let told: Vec<Told> = profiles
            .iter()
            .map(|profile| Told::of(texts, profile))
            .collect();
        let mut methods = Vec::new();
        for wording in Wording::ALL {
            methods.extend(Self::answers(
                run,
                &study,
                &forecasts,
                (&profiles, &told),
                wording,
            ));
        }
        let activity = |at: usize| {
            let (source, _) = schema.source(&forecasts[at].source)?;
            Some(
                told.iter()
                    .map(|told| told.of_source[source])
                    .collect::<Vec<f32>>(),
            )
        };
        methods.push(ForecastScores {
            method: ForecastMethod {
                name: ACTIVITY.into(),
                wording: None,
            },
            probabilities: false,
            scores: (0..forecasts.len())
                .map(|at| activity(at).unwrap_or_default())
                .collect(),
        });
        methods.push(counts_then_popularity(run, &study, &forecasts, &told));
        methods.extend(with_labels(run, &forecasts, &profiles, &methods)?);
        Ok(Self { study, methods })
    }

    /// What methods say that read a wording; questions that have none in it are left out.
    fn answers(
        run: &ForecastRun<'_>,
        study: &ForecastStudy,
        forecasts: &[&Forecast],
        (profiles, told): (&[Profile], &[Told]),
        wording: Wording,
    ) -> Vec<ForecastScores> {
        let texts = instructions(run, forecasts, wording);
        let worded: Vec<usize> = (0..texts.len()).filter(|&at| texts[at].is_some()).collect();
        if worded.is_empty() {
            return Vec::new();
        }
        let asked: Vec<DataText> = worded.iter().filter_map(|&at| texts[at].clone()).collect();
        let scores = run.scorer.scores(profiles, &asked);
        let column = |at: usize| {
            let place = worded.binary_search(&at).ok()?;
            Some(
                (0..profiles.len())
                    .map(|user| scores.row(user)[place])
                    .collect::<Vec<f32>>(),
            )
        };
        // Another question, always the same one for a question.
        let other = |at: usize, same_group: bool| {
            let group = &study.items[at].group;
            let others = worded.iter().copied().filter(|&other| {
                let same = study.items[other].group == *group;
                other != at && same == same_group && (!same_group || group.is_some())
            });
            let others: Vec<usize> = others.collect();
            let drawn = seed::derive(run.data.userqa.seed, &study.items[at].name, &[]);
            others
                .get((drawn % others.len().max(1) as u64) as usize)
                .copied()
        };
        let counts = counts(run, told, &asked);
        let cosines = cosines(run, profiles, &asked);
        let method = |name: &str, probabilities, scores| ForecastScores {
            method: ForecastMethod {
                name: name.into(),
                wording: Some(wording),
            },
            probabilities,
            scores,
        };
        let all = 0..study.items.len();
        let of = |pick: &dyn Fn(usize) -> Option<Vec<f32>>| {
            all.clone()
                .map(|at| pick(at).unwrap_or_default())
                .collect::<Vec<_>>()
        };
        let wrong = |at: usize, same: bool| {
            column(at)?;
            column(other(at, same)?)
        };
        let counted = |at: usize| Some(counts[worded.binary_search(&at).ok()?].clone());
        let near = |at: usize| Some(cosines[worded.binary_search(&at).ok()?].clone());
        vec![
            method(SCORE, true, of(&column)),
            method(WRONG, false, of(&|at| wrong(at, false))),
            method(WRONG_IN_GROUP, false, of(&|at| wrong(at, true))),
            method(COSINE, false, of(&near)),
            method(COUNT, false, of(&counted)),
        ]
    }
}

/// Each question in a wording; `None` where it has none.
pub(super) fn instructions(
    run: &ForecastRun<'_>,
    forecasts: &[&Forecast],
    wording: Wording,
) -> Vec<Option<DataText>> {
    let schema = run.data.store.schema();
    let worded = |one: &&Forecast| {
        let value = one.field.as_deref().zip(one.value.as_deref());
        let other =
            value.and_then(|(field, value)| run.wordings.of(wording, &one.source, field, value));
        if wording != Wording::Exact && other.is_none() {
            return None;
        }
        Some(DataText::new(one.texts(schema, other)?.instruction))
    };
    forecasts.iter().map(worded).collect()
}

/// What a user's events say without a reader: decayed days of each known text, and of each source
/// together.
struct Told {
    of_text: Vec<f32>,
    of_source: Vec<f32>,
}

impl Told {
    fn of(texts: &KnownTexts, profile: &Profile) -> Self {
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
}

/// The decayed events of what each question means, `[questions][users]`.
fn counts(run: &ForecastRun<'_>, told: &[Told], asked: &[DataText]) -> Vec<Vec<f32>> {
    let of_question = |text: &DataText| {
        let query = run.scorer.texts().instruction(text);
        let of_user = |told: &Told| {
            let of = |text: &u32| told.of_text[*text as usize];
            match &query.about {
                About::Anything => 0.0,
                About::Source(source) => told.of_source[*source],
                About::AnyOf(texts) => texts.iter().map(of).sum(),
                About::OneOf(shares) => shares.iter().map(|(text, share)| share * of(text)).sum(),
            }
        };
        told.iter().map(of_user).collect()
    };
    asked.iter().map(of_question).collect()
}

/// The decayed count of what a question names, and of equal counts the more popular: the usual
/// way to rank what one user may want.
fn counts_then_popularity(
    run: &ForecastRun<'_>,
    study: &ForecastStudy,
    forecasts: &[&Forecast],
    told: &[Told],
) -> ForecastScores {
    let texts = run.scorer.texts();
    let schema = run.data.store.schema();
    let scores = forecasts.iter().zip(&study.items).map(|(forecast, item)| {
        let asked = forecast.texts(schema, None).filter(|_| item.seen_family);
        let Some(asked) = asked else {
            return Vec::new();
        };
        let query = texts.instruction(&DataText::new(asked.instruction));
        let About::OneOf(shares) = query.about else {
            return Vec::new();
        };
        let text = shares[0].0 as usize;
        let popular = 1e-3 * texts.fitted().texts[text].popular as f32;
        told.iter()
            .map(|told| told.of_text[text] + popular)
            .collect()
    });
    ForecastScores {
        method: ForecastMethod {
            name: COUNT_THEN_POPULARITY.into(),
            wording: None,
        },
        probabilities: false,
        scores: scores.collect(),
    }
}

/// The cosines of users and questions in the space of answers, `[questions][users]`.
fn cosines(run: &ForecastRun<'_>, profiles: &[Profile], asked: &[DataText]) -> Vec<Vec<f32>> {
    let users = run.scorer.user_vectors(profiles);
    let questions = run.scorer.question_vectors(asked);
    let of_question = |question: usize| {
        let question = questions.row(question);
        let of_user = |user: usize| cosine(users.row(user), question);
        (0..users.rows).map(of_user).collect()
    };
    (0..questions.rows).map(of_question).collect()
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

/// A question as the evaluation knows it.
fn item(forecast: &Forecast, seed: u64) -> ForecastItem {
    let occurs = forecast.family == ForecastFamily::Occurs;
    let group = forecast.field.as_ref().filter(|_| occurs);
    ForecastItem {
        name: forecast.name(),
        family: forecast.family.name().into(),
        seen_value: forecast.is_of_seen_value(seed),
        seen_family: occurs,
        group: group.map(|field| format!("{}/{field}", forecast.source)),
    }
}
