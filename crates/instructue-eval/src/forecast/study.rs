//! What is asked of whom, and what methods answer.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a question is worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wording {
    /// With the value's own name.
    Exact,
    /// In plain words.
    Plain,
    /// In other words: synonyms and instances.
    Far,
}

impl Wording {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Plain, Self::Far];

    /// The name in files and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Plain => "plain",
            Self::Far => "far",
        }
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastItem {
    /// A name of its own.
    pub name: String,
    /// Its family.
    pub family: String,
    /// Whether training named its value, or could have.
    pub seen_value: bool,
    /// Whether training asked questions of its family.
    pub seen_family: bool,
    /// Whether at most a tenth of the users that it is asked of answer yes.
    pub rare: bool,
    /// Questions of one group are comparable for a user: ranked beside each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// A way to answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastMethod {
    /// A short name.
    pub name: String,
    /// The wording that it read; `None`: it does not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wording: Option<Wording>,
}

impl ForecastMethod {
    /// The name with the wording.
    pub fn label(&self) -> String {
        match self.wording {
            Some(wording) => format!("{}, {}", self.name, wording.name()),
            None => self.name.clone(),
        }
    }
}

/// The answers of a method.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastScores {
    /// The method.
    pub method: ForecastMethod,
    /// Whether scores are probabilities of a yes.
    pub probabilities: bool,
    /// `[questions][users]`; an empty list for a question that it did not answer.
    pub scores: Vec<Vec<f32>>,
}

/// Questions with the truth for test users.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ForecastStudy {
    /// The questions.
    pub items: Vec<ForecastItem>,
    /// `[questions][users]`; `None`: the user is not asked.
    pub labels: Vec<Vec<Option<bool>>>,
    /// `[questions][users]`: whether the user never had what is asked about.
    pub never: Vec<Vec<bool>>,
    /// `[users]`: the fold that tests a user. Only users of one fold are compared with each other,
    /// since each fold has methods of its own. Without entries there is one fold.
    pub folds: Vec<u32>,
}

impl ForecastStudy {
    /// The number of test users.
    pub fn users(&self) -> usize {
        self.labels.first().map_or(0, Vec::len)
    }

    /// The fold of a user.
    pub fn fold(&self, user: usize) -> u32 {
        self.folds.get(user).copied().unwrap_or(0)
    }

    /// Refuses lists that do not belong together.
    pub(super) fn check(&self, methods: &[ForecastScores]) -> Result<()> {
        let (questions, users) = (self.items.len(), self.users());
        let lists = [("labels", self.labels.len()), ("never", self.never.len())];
        let scores = methods.iter().map(|one| ("scores", one.scores.len()));
        for (what, found) in lists.into_iter().chain(scores) {
            if found != questions {
                return Err(Error::shape(
                    format!("{what} of forecasts"),
                    questions,
                    found,
                ));
            }
        }
        if !self.folds.is_empty() && self.folds.len() != users {
            return Err(Error::shape("folds of forecasts", users, self.folds.len()));
        }
        let lengths = self.labels.iter().map(Vec::len);
        let lengths = lengths.chain(self.never.iter().map(Vec::len));
        let scores = methods.iter().flat_map(|one| &one.scores);
        let scores = scores.map(Vec::len).filter(|length| *length > 0);
        match lengths.chain(scores).find(|length| *length != users) {
            Some(found) => Err(Error::shape("users of a forecast", users, found)),
            None => Ok(()),
        }
    }
}
