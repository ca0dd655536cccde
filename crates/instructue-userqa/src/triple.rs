//! The triple and its facts.

use instructue_schema::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::config::Split;

/// What an instruction asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TripleKind {
    /// A habit that the profile before the reference time shows.
    Past,
    /// What happens from the reference time on.
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
/// `instruction` and `answer` may contain values of the data (a category such
/// as `DOG FOODS`): encode them as text, never as part of a template.
#[derive(Debug, Clone, PartialEq)]
pub struct Triple {
    /// Whose profile.
    pub user: UserId,
    /// The user's shard in the store.
    pub shard: u32,
    /// Where the profile ends and the future starts.
    pub reference: Timestamp,
    /// The family's name, see [`families`](crate::families).
    pub family: String,
    /// Past or future.
    pub kind: TripleKind,
    /// Which of the family's wordings the instruction uses.
    pub wording: u32,
    /// The question.
    pub instruction: String,
    /// The answer.
    pub answer: String,
    /// [`Facts`] as JSON: what the answer was computed from.
    pub facts: String,
    /// The user's part of the data.
    pub split: Split,
    /// Whether the family is kept from training.
    pub held_out: bool,
}

impl Triple {
    /// What is asked, whoever is asked and in whatever words: equal for triples
    /// whose answers could be swapped. `None` when `facts` are no [`Facts`].
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

/// What an answer says, in numbers. An answer is a pure function of the facts
/// and the schema's words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// The source asked about; none when it is about all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The category field asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The number field asked about.
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
    /// Length in days of the time looked at, before or after the reference.
    pub days: i64,
    /// The result.
    pub finding: Finding,
}

/// The computed part of [`Facts`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Finding {
    /// A number of things, of how many, and its band (0 very low to 4 very high).
    Count {
        /// How many.
        count: u32,
        /// Out of how many.
        of: u32,
        /// Band among the training users.
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
        /// Band among the training users; none for an amount of nothing.
        band: Option<u8>,
    },
    /// A quantity in two periods of equal length.
    Change {
        /// In the earlier period.
        before: f64,
        /// In the later period.
        after: f64,
    },
    /// Values by falling count.
    Ranking {
        /// The first few.
        values: Vec<Ranked>,
        /// Number of different values.
        distinct: u32,
        /// Sum of all counts.
        total: u32,
    },
    /// The most frequent of a few slots (weekday, part of the day, week); none when nothing happened.
    Slot {
        /// Which: 0-based.
        slot: Option<u32>,
        /// Its count.
        part: u32,
        /// All counts.
        whole: u32,
    },
    /// A time in whole days; none when it did not happen.
    Days {
        /// The days.
        days: Option<u32>,
    },
    /// The extreme event's amount and value.
    Peak {
        /// The amount, rounded to cents.
        amount: f64,
        /// The value of the category field.
        value: String,
    },
    /// Actions by week.
    Weeks {
        /// One entry per week, in order.
        weeks: Vec<Week>,
    },
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranked {
    /// The value, clipped to [`MAX_VALUE_CHARS`](crate::MAX_VALUE_CHARS).
    pub value: String,
    /// How often.
    pub count: u32,
}

/// One week of a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Week {
    /// Number of events.
    pub events: u32,
    /// The value chosen for it by frequency, different from earlier weeks' where possible.
    pub value: Option<String>,
}
