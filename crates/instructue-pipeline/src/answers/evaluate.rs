//! How well answer scores answer questions that were kept from learning.

use instructue_eval::{
    EvaluateOptions, ForecastMethod, ForecastResult, ForecastScores, ForecastStudy, Wording,
    summarise_forecasts,
};
use instructue_schema::Progress;
use instructue_userqa::{ForecastConfig, ForecastFacts, ForecastPlan};

use super::asked::Asked;
use super::forecast_run::{ForecastRun, MOST_USERS};
use super::labelled::{LABELS, labels_alone, labels_beside, with_labels};
use super::unlabelled::{
    ACTIVITY, COSINE, COUNT, COUNT_ADDED, SCORE, SCORE_ADDED, WRONG, WRONG_IN_GROUP, without_labels,
};
use crate::error::Result;

/// Resamples of users and questions.
const RESAMPLES: usize = 200;

/// Asks test users what training users of an earlier time show can be asked, and measures.
pub(crate) fn evaluate_forecasts(
    run: &ForecastRun<'_>,
    watch: &mut dyn FnMut(Progress),
) -> Result<ForecastResult> {
    let (asked, methods) = ask(run, watch)?;
    summarise(&asked.study, &methods, Vec::new(), run.data.userqa.seed)
}

/// Asks test users what training users of an earlier time show can be asked.
pub(crate) fn ask(
    run: &ForecastRun<'_>,
    watch: &mut dyn FnMut(Progress),
) -> Result<(Asked, Vec<ForecastScores>)> {
    watch(Progress::Stage {
        name: "asking questions",
    });
    let asked = Asked::of(run, plan(run)?)?;
    let mut methods = without_labels(run, &asked);
    methods.extend(with_labels(run, &asked, &methods)?);
    Ok((asked, methods))
}

/// Measures what methods say, and the differences that tell something; `pairs` are further ones.
pub(crate) fn summarise(
    study: &ForecastStudy,
    methods: &[ForecastScores],
    mut pairs: Vec<(ForecastMethod, ForecastMethod)>,
    seed: u64,
) -> Result<ForecastResult> {
    let pair = |name: &str, wording, against: &str, other| {
        let method = |name: &str, wording| ForecastMethod {
            name: name.to_owned(),
            wording,
        };
        (method(name, wording), method(against, other))
    };
    for wording in Wording::ALL {
        let wording = Some(wording);
        for against in [COUNT, COSINE, WRONG, WRONG_IN_GROUP] {
            pairs.push(pair(SCORE, wording, against, wording));
        }
        pairs.push(pair(SCORE, wording, ACTIVITY, None));
        let plain = methods.iter().filter(|one| one.method.wording.is_none());
        for other in plain.filter(|one| one.method.name != ACTIVITY) {
            pairs.push(pair(SCORE, wording, &other.method.name, None));
        }
        for count in LABELS {
            let known = (labels_beside(count), labels_alone(count));
            pairs.push(pair(&known.0, wording, &known.1, None));
        }
    }
    let exact = Some(Wording::Exact);
    for other in [Wording::Plain, Wording::Far] {
        pairs.push(pair(SCORE, Some(other), SCORE, exact));
    }
    pairs.push(pair(SCORE, exact, SCORE_ADDED, exact));
    pairs.push(pair(COUNT, exact, COUNT_ADDED, exact));
    let options = EvaluateOptions {
        seed,
        resamples: RESAMPLES,
        ..EvaluateOptions::default()
    };
    Ok(summarise_forecasts(study, methods, &pairs, &options)?)
}

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
