//! Forecasts: yes-or-no questions about the days after a reference time, over all values of a
//! schema.
//!
//! One needs them where a question must have an answer for *every* user: to train an answer
//! score, whose users under one question are each other's negatives, and to evaluate one on
//! questions that training never saw. A [`Forecast`] words a question; [`ForecastQuestion`] reads
//! its answer from a history; [`ForecastPlan`] finds the questions that data can answer.

mod facts;
mod family;
mod plan;
mod question;
#[cfg(test)]
mod tests;

pub use facts::ForecastFacts;
pub use family::ForecastFamily;
pub use plan::{ForecastConfig, ForecastPlan, PlannedForecast};
pub use question::{Forecast, ForecastQuestion, ForecastTexts, seen_value};
