//! One forecast: its words, and its answer for a user.

use std::collections::HashMap;

use instructue_schema::{ColumnRole, Schema, seed};
use serde::{Deserialize, Serialize};

use super::facts::{Counts, ForecastFacts};
use super::family::ForecastFamily;
use crate::triple::{Facts, Finding};
use crate::words::{WEEKDAYS, Words, about};

/// A yes-or-no question about the days after a reference time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forecast {
    /// What it asks.
    pub family: ForecastFamily,
    /// The source of the events.
    pub source: String,
    /// The category field, where one is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The value of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The number field, where an amount is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The weekday, 0 for Monday.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekday: Option<u32>,
    /// The least amount or number of a yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// The days from the reference time on that it asks about.
    pub days: i64,
}

/// A question with the answers that are true of a yes and of a no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForecastTexts {
    /// The question.
    pub instruction: String,
    /// The answer if it is yes.
    pub yes: String,
    /// The answer if it is no.
    pub no: String,
}

impl Forecast {
    /// A name of its own among the forecasts of a schema, for files and tables.
    pub fn name(&self) -> String {
        let mut name = format!("{}/{}", self.family.name(), self.source);
        for part in [&self.field, &self.value, &self.number]
            .into_iter()
            .flatten()
        {
            name.push('/');
            name.push_str(part);
        }
        if let Some(weekday) = self.weekday {
            name.push('/');
            name.push_str(WEEKDAYS[weekday as usize % 7]);
        }
        name
    }

    /// Whether the value that it asks about is one that training may name: half of all values
    /// are, by a hash of the name. A question without a value is.
    pub fn is_of_seen_value(&self, seed: u64) -> bool {
        let Some((field, value)) = self.field.as_ref().zip(self.value.as_ref()) else {
            return true;
        };
        seen_value(seed, &self.source, field, value)
    }

    /// The texts under a schema; `value` stands for the value's own name if it is given.
    ///
    /// `None` if the schema lacks a source or field that it names.
    pub fn texts(&self, schema: &Schema, value: Option<&str>) -> Option<ForecastTexts> {
        let facts = Facts {
            source: Some(self.source.clone()),
            field: self.field.clone(),
            number: self.number.clone(),
            value: value.map(str::to_owned).or_else(|| self.value.clone()),
            second: None,
            other: None,
            days: self.days,
            finding: Finding::Share { part: 0, whole: 0 },
        };
        let words = Words::new(schema, &facts)?;
        let extra = match (self.weekday, self.least) {
            (Some(weekday), _) => WEEKDAYS[weekday as usize % 7].to_owned(),
            (None, Some(least)) => about(least),
            (None, None) => String::new(),
        };
        let [instruction, yes, no] = self.family.wordings();
        Some(ForecastTexts {
            instruction: words.fill_with(instruction, &extra),
            yes: words.fill_with(yes, &extra),
            no: words.fill_with(no, &extra),
        })
    }

    /// The question by its places in a schema; `None` if the schema lacks what it names.
    pub fn resolve(&self, schema: &Schema) -> Option<ForecastQuestion<'_>> {
        let (source, declared) = schema.source(&self.source)?;
        let fields = declared.fields();
        let place = |name: &Option<String>| match name {
            Some(name) => Some(Some(fields.iter().position(|field| field.name == *name)?)),
            None => Some(None),
        };
        let number = place(&self.number)?.map(|number| {
            let before = fields[..number].iter();
            before
                .filter(|field| field.role == ColumnRole::Number)
                .count()
        });
        Some(ForecastQuestion {
            forecast: self,
            source,
            field: place(&self.field)?,
            number,
        })
    }
}

/// A forecast by its places in a schema.
#[derive(Debug, Clone, Copy)]
pub struct ForecastQuestion<'a> {
    forecast: &'a Forecast,
    source: usize,
    field: Option<usize>,
    /// Among the number fields of the source.
    number: Option<usize>,
}

impl ForecastQuestion<'_> {
    /// The answer for a user; `None` if the user is not asked, because nothing happened in the
    /// source lately or the question does not apply.
    pub fn label(&self, facts: &ForecastFacts<'_>) -> Option<bool> {
        let facts = facts.source(self.source);
        if facts.all.recent == 0 {
            return None;
        }
        let Forecast { family, value, .. } = self.forecast;
        let none = Counts::default();
        let values = self.field.and_then(|field| facts.values.get(&field));
        let counts = match value {
            Some(value) => values
                .and_then(|values| values.get(&**value))
                .unwrap_or(&none),
            None => &facts.all,
        };
        if !family.asks(counts) {
            return None;
        }
        let least = self.forecast.least.unwrap_or(1.0);
        Some(match family {
            ForecastFamily::Occurs | ForecastFamily::FirstTime => counts.next > 0,
            ForecastFamily::Stops => counts.next == 0,
            ForecastFamily::More => counts.next > counts.previous,
            ForecastFamily::ManyDays => counts.next_days.len() as f64 >= least,
            ForecastFamily::OnWeekday => counts.on_weekday(self.forecast.weekday?),
            ForecastFamily::Twice => counts.next_days.len() >= 2,
            ForecastFamily::OnWeekend => counts.on_weekend(),
            ForecastFamily::AmountOf => counts.next > 0 && self.sum(&counts.next_sums) >= least,
            ForecastFamily::HigherAmount => {
                self.sum(&counts.next_sums) > self.sum(&counts.previous_sums)
            }
            ForecastFamily::NewValues => new_values(values) as f64 >= least,
        })
    }

    /// Whether the user never had what is asked about.
    pub fn is_new(&self, facts: &ForecastFacts<'_>) -> bool {
        let facts = facts.source(self.source);
        let values = self.field.and_then(|field| facts.values.get(&field));
        match &self.forecast.value {
            Some(value) => values
                .and_then(|values| values.get(&**value))
                .is_none_or(|counts| counts.ever == 0),
            None => facts.all.ever == 0,
        }
    }

    /// What `least` is compared with, where the family has one.
    pub(super) fn quantity(&self, facts: &ForecastFacts<'_>) -> Option<f64> {
        let facts = facts.source(self.source);
        if facts.all.recent == 0 {
            return None;
        }
        let values = self.field.and_then(|field| facts.values.get(&field));
        let value = self.forecast.value.as_deref();
        match self.forecast.family {
            ForecastFamily::ManyDays => Some(facts.all.next_days.len() as f64),
            ForecastFamily::NewValues => Some(new_values(values) as f64),
            ForecastFamily::AmountOf => {
                let counts = values?.get(value?).filter(|counts| counts.next > 0)?;
                Some(self.sum(&counts.next_sums))
            }
            _ => None,
        }
    }

    fn sum(&self, sums: &[f64]) -> f64 {
        self.number
            .and_then(|at| sums.get(at))
            .copied()
            .unwrap_or(0.0)
    }
}

/// How many values occur that the user never had.
fn new_values(values: Option<&HashMap<&str, Counts>>) -> usize {
    let values = values.into_iter().flat_map(HashMap::values);
    values
        .filter(|counts| counts.ever == 0 && counts.next > 0)
        .count()
}

/// Whether training may name a value: half of all values, by a hash of the name.
pub fn seen_value(seed: u64, source: &str, field: &str, value: &str) -> bool {
    let purpose = format!("forecast value {source}/{field}/{value}");
    seed::derive(seed, &purpose, &[]).is_multiple_of(2)
}
