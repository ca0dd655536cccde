//! Triples and the facts behind their answers.

use instructue_schema::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::split::Split;

/// The time that an instruction asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TripleKind {
    /// A habit that the profile before the reference time shows.
    Past,
    /// Events from the reference time on.
    Future,
}

impl TripleKind {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Past => "past",
            Self::Future => "future",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Past, Self::Future]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// A user at a reference time, a question and its answer.
///
/// `instruction` and `answer` may contain values of the data (a category such as `DOG FOODS`).
/// They must be encoded as data, never as part of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Triple {
    /// The user.
    pub user: UserId,
    /// The user's shard in the store.
    pub shard: u32,
    /// The reference time: the profile ends there, and the future starts there.
    pub reference: Timestamp,
    /// The family's name, see [`families`](crate::families).
    pub family: String,
    /// Past or future.
    pub kind: TripleKind,
    /// The number of the family's wording that the instruction uses.
    pub wording: u32,
    /// The question.
    pub instruction: String,
    /// The answer.
    pub answer: String,
    /// The [`Facts`] as JSON, from which the answer was computed.
    pub facts: String,
    /// The user's split.
    pub split: Split,
    /// Whether the family is held out of training.
    pub held_out: bool,
}

impl Triple {
    /// The question without user and wording. It is equal for triples whose answers could be
    /// swapped; `None` when `facts` are no [`Facts`].
    pub fn question(&self) -> Option<String> {
        let facts: Facts = serde_json::from_str(&self.facts).ok()?;
        let (source, number) = (facts.source.as_deref(), facts.number.as_deref());
        let (field, second) = (facts.field.as_deref(), facts.second.as_deref());
        let (value, other) = (facts.value.as_deref(), facts.other.as_deref());
        let asked = (
            &self.family,
            source,
            field,
            number,
            second,
            value,
            other,
            facts.days,
        );
        serde_json::to_string(&asked).ok()
    }
}

/// The content of an answer in numbers. An answer is a pure function of the facts and the
/// schema's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The source that is asked about; `None` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The category field that is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The number field that is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// A second category field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
    /// The value X of `field` that the question names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// A second value of `field`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// The length in days of the time asked about, before or after the reference time.
    pub days: i64,
    /// The computed result.
    pub finding: Finding,
}

/// The computed part of [`Facts`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Finding {
    /// A number of things, the total, and the number's band (0 very low to 4 very high).
    Count {
        /// The number.
        count: u32,
        /// The total.
        of: u32,
        /// The band among the training users.
        band: Option<u8>,
    },
    /// A part of a whole.
    Share {
        /// The part.
        part: u32,
        /// The whole.
        whole: u32,
    },
    /// An amount, rounded to cents, and its band.
    Amount {
        /// The amount.
        amount: f64,
        /// The band among the training users; `None` when no event has an amount.
        band: Option<u8>,
    },
    /// A quantity in two periods of equal length.
    Change {
        /// Its value in the earlier period.
        before: f64,
        /// Its value in the later period.
        after: f64,
    },
    /// Values by falling count.
    Ranking {
        /// The first few values.
        values: Vec<RankedValue>,
        /// The number of different values.
        distinct: u32,
        /// The sum of all counts.
        total: u32,
    },
    /// The most frequent of a few slots (weekday, part of the day, week).
    Slot {
        /// The slot, from 0; `None` when there is no event.
        slot: Option<u32>,
        /// The slot's count.
        part: u32,
        /// The sum of all counts.
        whole: u32,
    },
    /// A time in whole days; `None` when the event did not happen.
    Days {
        /// The days.
        days: Option<u32>,
    },
    /// The largest event's amount and value.
    Peak {
        /// The amount, rounded to cents.
        amount: f64,
        /// The value of the category field.
        value: String,
    },
    /// The events by week.
    Weeks {
        /// One entry per week, in order.
        weeks: Vec<WeekSummary>,
    },
}

/// A value and its number of occurrences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankedValue {
    /// The value, clipped to [`MAX_VALUE_CHARS`](crate::MAX_VALUE_CHARS).
    pub value: String,
    /// The number of occurrences.
    pub count: u32,
}

/// One week of a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeekSummary {
    /// The number of events.
    pub events: u32,
    /// The value chosen for the week by frequency. It differs from those of earlier weeks where
    /// possible.
    pub value: Option<String>,
}
