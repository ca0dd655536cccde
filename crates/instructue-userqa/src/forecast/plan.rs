//! Which forecasts data can answer: those with enough users of either answer.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use instructue_schema::{ColumnRole, Schema, SourceKind};
use serde::{Deserialize, Serialize};

use super::facts::ForecastFacts;
use super::family::{ForecastFamily, Subject};
use super::question::Forecast;
use crate::words::nameable;

/// Which forecasts are planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastConfig {
    /// Days from the reference time on that are asked about.
    pub days: i64,
    /// Users that each answer of a question must have.
    pub min_users: usize,
    /// Values of one field that "does it occur" asks about, at most.
    pub values: usize,
    /// Values of one field that each other family asks about, at most.
    pub values_of_others: usize,
}

impl Default for ForecastConfig {
    fn default() -> Self {
        Self {
            days: 30,
            min_users: 30,
            values: 200,
            values_of_others: 20,
        }
    }
}

/// A forecast with how often it is answered yes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedForecast {
    /// The question.
    pub forecast: Forecast,
    /// Users that are asked.
    pub asked: usize,
    /// Users whose answer is yes.
    pub yes: usize,
}

/// The forecasts that some users' histories can answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastPlan {
    /// By family, then source, field and falling number of the rarer answer.
    pub forecasts: Vec<PlannedForecast>,
}

impl ForecastPlan {
    /// Finds the forecasts that at least [`min_users`](ForecastConfig::min_users) of these users
    /// answer with yes and as many with no. Thresholds are the users' medians.
    pub fn fit(schema: &Schema, users: &[ForecastFacts<'_>], config: &ForecastConfig) -> Self {
        let mut forecasts = Vec::new();
        for family in ForecastFamily::ALL {
            for group in candidates(schema, users, family, config.days) {
                let most = match family {
                    ForecastFamily::Occurs => config.values,
                    _ if family.subject().names_value() => config.values_of_others,
                    _ => usize::MAX,
                };
                let planned = group.into_iter().filter_map(|forecast| {
                    let forecast = with_threshold(schema, users, forecast)?;
                    counted(schema, users, forecast)
                });
                let rarer = |one: &PlannedForecast| one.yes.min(one.asked - one.yes);
                let enough = planned.filter(|one| rarer(one) >= config.min_users.max(1));
                let mut enough: Vec<PlannedForecast> = enough.collect();
                // A stable sort: values of equal counts stay in the order of their names.
                enough.sort_by_key(|one| Reverse(rarer(one)));
                enough.truncate(most);
                forecasts.extend(enough);
            }
        }
        Self { forecasts }
    }
}

/// The questions of a family, one list per source and field.
fn candidates(
    schema: &Schema,
    users: &[ForecastFacts<'_>],
    family: ForecastFamily,
    days: i64,
) -> Vec<Vec<Forecast>> {
    let mut groups = Vec::new();
    for (at, source) in schema.sources.iter().enumerate() {
        if source.kind != SourceKind::Events {
            continue;
        }
        let plain = Forecast {
            family,
            source: source.name.clone(),
            field: None,
            value: None,
            number: None,
            weekday: None,
            least: None,
            days,
        };
        let fields = source.fields();
        let of = |role: ColumnRole| {
            let fields = fields.iter().enumerate();
            fields.filter(move |(_, field)| field.role == role)
        };
        let valued = |number: Option<&str>| -> Vec<Vec<Forecast>> {
            let of_field = of(ColumnRole::Category).map(|(place, field)| {
                let values = users
                    .iter()
                    .flat_map(|user| user.source(at).values.get(&place));
                let names = values.flat_map(|values| values.keys().copied());
                let names: BTreeSet<&str> = names.filter(|name| nameable(name)).collect();
                let forecasts = names.into_iter().map(|value| Forecast {
                    field: Some(field.name.clone()),
                    value: Some(value.to_owned()),
                    number: number.map(str::to_owned),
                    ..plain.clone()
                });
                forecasts.collect()
            });
            of_field.collect()
        };
        match family.subject() {
            Subject::Source => groups.push(vec![plain.clone()]),
            Subject::Weekday => groups.push(
                (0..7)
                    .map(|weekday| Forecast {
                        weekday: Some(weekday),
                        ..plain.clone()
                    })
                    .collect(),
            ),
            Subject::Number => groups.push(
                of(ColumnRole::Number)
                    .map(|(_, field)| Forecast {
                        number: Some(field.name.clone()),
                        ..plain.clone()
                    })
                    .collect(),
            ),
            Subject::Field => groups.extend(of(ColumnRole::Category).map(|(_, field)| {
                vec![Forecast {
                    field: Some(field.name.clone()),
                    ..plain.clone()
                }]
            })),
            Subject::Value => groups.extend(valued(None)),
            Subject::ValueNumber => {
                // One amount is enough: the others of an event go along with it.
                let number = of(ColumnRole::Number).next().map(|(_, field)| &*field.name);
                groups.extend(number.into_iter().flat_map(|number| valued(Some(number))));
            }
        }
    }
    groups
}

/// The question with the users' median as its threshold, where its family has one.
fn with_threshold(
    schema: &Schema,
    users: &[ForecastFacts<'_>],
    forecast: Forecast,
) -> Option<Forecast> {
    let question = forecast.resolve(schema)?;
    let quantities = users.iter().filter_map(|user| question.quantity(user));
    let mut quantities: Vec<f64> = quantities.collect();
    if quantities.is_empty() {
        return Some(forecast);
    }
    quantities.sort_by(f64::total_cmp);
    // Two digits are what the question says, and a median is nobody's own number.
    let least = rounded(quantities[quantities.len() / 2]).max(1.0);
    Some(Forecast {
        least: Some(least),
        ..forecast
    })
}

/// A number in two significant digits.
fn rounded(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        return 0.0;
    }
    let unit = 10f64.powf(x.abs().log10().floor() - 1.0);
    (x / unit).round() * unit
}

fn counted(
    schema: &Schema,
    users: &[ForecastFacts<'_>],
    forecast: Forecast,
) -> Option<PlannedForecast> {
    let question = forecast.resolve(schema)?;
    let labels = users.iter().filter_map(|user| question.label(user));
    let (mut asked, mut yes) = (0, 0);
    for label in labels {
        asked += 1;
        yes += usize::from(label);
    }
    Some(PlannedForecast {
        forecast,
        asked,
        yes,
    })
}
