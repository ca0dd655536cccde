//! Test users that are asked questions, and the truth.

use instructue_eval::{ForecastItem, ForecastMethod, ForecastScores, ForecastStudy, Wording};
use instructue_features::Profile;
use instructue_schema::{DataText, UserRef};
use instructue_userqa::{
    Forecast, ForecastFacts, ForecastFamily, ForecastPlan, PlannedForecast, Split, split_of,
};
use rayon::prelude::*;

use super::forecast_run::{ForecastRun, MOST_USERS};
use crate::error::Result;

/// Users who answer yes to a rare question, one in so many at most.
const RARE: usize = 10;

/// Test users that are asked questions.
pub(crate) struct Asked {
    pub forecasts: Vec<Forecast>,
    pub study: ForecastStudy,
    /// The users, in the order of the study.
    pub users: Vec<UserRef>,
    pub profiles: Vec<Profile>,
}

impl Asked {
    /// Asks the test users of `run`.
    pub fn of(run: &ForecastRun<'_>, plan: ForecastPlan) -> Result<Self> {
        let data = &run.data;
        let schema = data.store.schema();
        let items = plan.forecasts.iter();
        let items = items.map(|one| item(one, data.userqa.seed)).collect();
        let forecasts = plan.forecasts.into_iter().map(|one| one.forecast);
        let forecasts: Vec<Forecast> = forecasts.collect();
        let mut out = Self {
            study: ForecastStudy {
                items,
                labels: vec![Vec::new(); forecasts.len()],
                never: vec![Vec::new(); forecasts.len()],
                folds: Vec::new(),
            },
            users: Vec::new(),
            profiles: Vec::new(),
            forecasts,
        };
        let questions: Vec<_> = out
            .forecasts
            .iter()
            .map(|one| one.resolve(schema))
            .collect();
        for shard in 0..data.store.shards() {
            if out.users.len() >= MOST_USERS {
                break;
            }
            let users = data.store.shard(shard)?;
            for (index, history) in users.histories().enumerate() {
                if split_of(history.user(), data.userqa.seed, data.userqa) != Split::Test {
                    continue;
                }
                out.users.push(UserRef { shard, index });
                out.profiles
                    .push(data.profiles.build(&history, run.reference));
                let days = data.userqa.horizon_days;
                let facts = ForecastFacts::new(schema, &history, run.reference, days);
                for (at, question) in questions.iter().enumerate() {
                    let label = question.as_ref().and_then(|one| one.label(&facts));
                    let new = question.as_ref().is_some_and(|one| one.is_new(&facts));
                    out.study.labels[at].push(label);
                    out.study.never[at].push(new);
                }
            }
        }
        Ok(out)
    }

    /// The questions in a wording; those that have none in it are left out.
    pub fn worded(&self, run: &ForecastRun<'_>, wording: Wording) -> Worded {
        let schema = run.data.store.schema();
        let mut out = Worded::default();
        for (at, one) in self.forecasts.iter().enumerate() {
            let value = one.field.as_deref().zip(one.value.as_deref());
            let other = value
                .and_then(|(field, value)| run.wordings.of(wording, &one.source, field, value));
            if wording != Wording::Exact && other.is_none() {
                continue;
            }
            if let Some(texts) = one.texts(schema, other) {
                out.places.push(at);
                out.instructions.push(DataText::new(texts.instruction));
            }
        }
        out
    }

    /// A method's scores: what it says of each question, nothing of one that it does not answer.
    pub fn scores(
        &self,
        (name, wording): (&str, Option<Wording>),
        of: &(dyn Fn(usize) -> Option<Vec<f32>> + Sync),
    ) -> ForecastScores {
        let questions = (0..self.forecasts.len()).into_par_iter();
        ForecastScores {
            method: ForecastMethod {
                name: name.into(),
                wording,
            },
            probabilities: false,
            scores: questions.map(|at| of(at).unwrap_or_default()).collect(),
        }
    }
}

/// Questions in one wording.
#[derive(Default)]
pub(crate) struct Worded {
    /// Their numbers, ascending.
    pub places: Vec<usize>,
    pub instructions: Vec<DataText>,
}

impl Worded {
    /// Where the question of a number is among these.
    pub fn find(&self, question: usize) -> Option<usize> {
        self.places.binary_search(&question).ok()
    }
}

/// A question as the evaluation knows it.
fn item(planned: &PlannedForecast, seed: u64) -> ForecastItem {
    let forecast = &planned.forecast;
    let occurs = forecast.family == ForecastFamily::Occurs;
    let group = forecast.field.as_ref().filter(|_| occurs);
    ForecastItem {
        name: forecast.name(),
        family: forecast.family.name().into(),
        seen_value: forecast.is_of_seen_value(seed),
        seen_family: occurs,
        rare: planned.yes * RARE <= planned.asked,
        group: group.map(|field| format!("{}/{field}", forecast.source)),
    }
}
