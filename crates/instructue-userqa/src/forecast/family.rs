//! The families of forecasts: what each asks, of whom, and when the answer is yes.

use serde::{Deserialize, Serialize};

use super::facts::Counts;

/// What a forecast asks about the days after the reference time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForecastFamily {
    /// Does a value occur?
    Occurs,
    /// Does a value that the user had lately not occur any more?
    Stops,
    /// Does a value that the user had lately occur more often than in as many days before?
    More,
    /// Are there at least so many days with an event?
    ManyDays,
    /// Is there an event on this weekday?
    OnWeekday,
    /// Does a value that the user never had occur?
    FirstTime,
    /// Does a value occur on two days or more?
    Twice,
    /// Does a value occur on a Saturday or Sunday?
    OnWeekend,
    /// Is the amount of a value's events at least so high?
    AmountOf,
    /// Is the amount of all events higher than in as many days before?
    HigherAmount,
    /// Are there at least so many values that the user never had?
    NewValues,
}

/// What a family asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// A source.
    Source,
    /// A source and a weekday.
    Weekday,
    /// A source and a number field.
    Number,
    /// A category field.
    Field,
    /// A value of a category field.
    Value,
    /// A value of a category field and a number field.
    ValueNumber,
}

impl Subject {
    /// Whether a value of the data is named.
    pub fn names_value(self) -> bool {
        matches!(self, Self::Value | Self::ValueNumber)
    }
}

impl ForecastFamily {
    /// All families.
    pub const ALL: [Self; 11] = [
        Self::Occurs,
        Self::Stops,
        Self::More,
        Self::ManyDays,
        Self::OnWeekday,
        Self::FirstTime,
        Self::Twice,
        Self::OnWeekend,
        Self::AmountOf,
        Self::HigherAmount,
        Self::NewValues,
    ];

    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Occurs => "occurs",
            Self::Stops => "stops",
            Self::More => "more",
            Self::ManyDays => "many_days",
            Self::OnWeekday => "on_weekday",
            Self::FirstTime => "first_time",
            Self::Twice => "twice",
            Self::OnWeekend => "on_weekend",
            Self::AmountOf => "amount_of",
            Self::HigherAmount => "higher_amount",
            Self::NewValues => "new_values",
        }
    }

    pub(super) fn subject(self) -> Subject {
        match self {
            Self::ManyDays => Subject::Source,
            Self::OnWeekday => Subject::Weekday,
            Self::HigherAmount => Subject::Number,
            Self::NewValues => Subject::Field,
            Self::AmountOf => Subject::ValueNumber,
            Self::Occurs | Self::Stops | Self::More => Subject::Value,
            Self::FirstTime | Self::Twice | Self::OnWeekend => Subject::Value,
        }
    }

    /// Whether a user with these events of the value is asked.
    pub(super) fn asks(self, counts: &Counts) -> bool {
        match self {
            Self::Stops | Self::More => counts.recent > 0,
            Self::FirstTime => counts.ever == 0,
            _ => true,
        }
    }

    /// The question, the answer that is true of a yes, and that of a no. Gaps as in other
    /// wordings, and `{e}` for a weekday or a number.
    pub(super) fn wordings(self) -> [&'static str; 3] {
        match self {
            Self::Occurs => [
                "Will this user {do} {x} in the next {d}?",
                "Yes, this user will {do} {x} in the next {d}.",
                "No, this user will not {do} {x} in the next {d}.",
            ],
            Self::Stops => [
                "Will this user no longer {do} {x} in the next {d}?",
                "Yes, this user will {do} no {x} any more in the next {d}.",
                "No, this user will still {do} {x} in the next {d}.",
            ],
            Self::More => [
                "Will this user {do} {x} more often in the next {d} than in the last {d}?",
                "Yes, this user will {do} {x} more often in the next {d}.",
                "No, this user will not {do} {x} more often in the next {d}.",
            ],
            Self::ManyDays => [
                "Will there be {s} of this user on {e} days or more in the next {d}?",
                "Yes, there will be {s} on {e} days or more in the next {d}.",
                "No, there will be {s} on fewer than {e} days in the next {d}.",
            ],
            Self::OnWeekday => [
                "Will there be {s} of this user on a {e} in the next {d}?",
                "Yes, there will be {s} on a {e} in the next {d}.",
                "No, there will be no {s} on a {e} in the next {d}.",
            ],
            Self::FirstTime => [
                "Will this user {do} {x} for the first time in the next {d}?",
                "Yes, this user will {do} {x} for the first time in the next {d}.",
                "No, this user will not begin to {do} {x} in the next {d}.",
            ],
            Self::Twice => [
                "Will this user {do} {x} on at least two days of the next {d}?",
                "Yes, this user will {do} {x} on two days or more in the next {d}.",
                "No, this user will {do} {x} on one day at most in the next {d}.",
            ],
            Self::OnWeekend => [
                "Will this user {do} {x} on a weekend in the next {d}?",
                "Yes, this user will {do} {x} on a weekend in the next {d}.",
                "No, this user will not {do} {x} on a weekend in the next {d}.",
            ],
            Self::AmountOf => [
                "Will the {n} of {x} be {e} or more in the next {d}?",
                "Yes, the {n} of {x} will be {e} or more in the next {d}.",
                "No, the {n} of {x} will be below {e} in the next {d}.",
            ],
            Self::HigherAmount => [
                "Will the {n} of this user's {s} be higher in the next {d} than in the last {d}?",
                "Yes, the {n} of the {s} will be higher in the next {d}.",
                "No, the {n} of the {s} will not be higher in the next {d}.",
            ],
            Self::NewValues => [
                "Will this user {do} at least {e} {f} values in the next {d} that were never there \
                 before?",
                "Yes, there will be {e} new {f} values or more in the next {d}.",
                "No, there will be fewer than {e} new {f} values in the next {d}.",
            ],
        }
    }
}
