//! The figures of an evaluation on many questions.

use std::collections::BTreeMap;

use instructue_metrics::{Calibration, Interval};
use serde::{Deserialize, Serialize};

use super::study::{ForecastItem, ForecastMethod};

/// Which questions, or which users of them, a figure is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForecastSubset {
    /// All questions.
    All,
    /// Families and values that training asked about.
    Seen,
    /// Families that training asked about, with values that it never named.
    UnseenValue,
    /// Families that training never asked about.
    UnseenFamily,
    /// Families that training asked about, of users who never had the value; whether training
    /// named it or not.
    NeverBefore,
    /// Families that training asked about, with few users who answer yes.
    Rare,
}

impl ForecastSubset {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::All,
        Self::Seen,
        Self::UnseenValue,
        Self::UnseenFamily,
        Self::NeverBefore,
        Self::Rare,
    ];

    /// The name in tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::All => "all questions",
            Self::Seen => "seen",
            Self::UnseenValue => "unseen values",
            Self::UnseenFamily => "unseen families",
            Self::NeverBefore => "never before",
            Self::Rare => "rare",
        }
    }

    /// Whether a question belongs to it.
    pub fn holds(self, item: &ForecastItem) -> bool {
        match self {
            Self::All => true,
            Self::Seen => item.seen_family && item.seen_value,
            Self::UnseenValue => item.seen_family && !item.seen_value,
            Self::UnseenFamily => !item.seen_family,
            Self::NeverBefore => item.seen_family && item.group.is_some(),
            Self::Rare => item.seen_family && item.rare,
        }
    }
}

/// The mean AUC of a method over the questions of a subset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastMean {
    /// The method.
    pub method: ForecastMethod,
    /// The questions.
    pub subset: ForecastSubset,
    /// How many there are.
    pub questions: usize,
    /// The mean AUC; the interval is over users and questions.
    pub auc: Interval,
}

/// How much better one method is than another on the same questions and users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastDifference {
    /// The method.
    pub method: ForecastMethod,
    /// The other one.
    pub against: ForecastMethod,
    /// The questions.
    pub subset: ForecastSubset,
    /// The difference of the mean AUCs.
    pub auc: Interval,
}

/// Other figures of a method, over the families that training asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastQuality {
    /// The method.
    pub method: ForecastMethod,
    /// Lift in the first hundredth, twentieth and tenth, means over questions.
    pub lift: [Option<f64>; 3],
    /// Predicted beside observed rates, if scores are probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// How often a yes or a no is right, if scores are probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<RightAnswers>,
    /// The mean AUC of ranking the questions of a group for one user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_user: Option<f64>,
}

/// How often a yes or a no is right, a yes and a no counting alike: the mean over questions of the
/// mean of both shares.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RightAnswers {
    /// Saying yes where it is likelier than a no.
    pub likelier: f64,
    /// Saying yes where it is likelier than for the mean of the users that are asked.
    pub likelier_than_mean: f64,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastQuestionResult {
    /// The question.
    pub item: ForecastItem,
    /// Test users that are asked.
    pub asked: usize,
    /// Of these, whose answer is yes.
    pub yes: usize,
    /// The AUC by method, see [`ForecastMethod::label`].
    pub auc: BTreeMap<String, f64>,
}

impl ForecastResult {
    /// The mean AUC of a method over the questions of a subset, if there are any.
    pub fn mean(&self, method: &ForecastMethod, subset: ForecastSubset) -> Option<&ForecastMean> {
        let mut means = self.means.iter();
        means.find(|one| one.method == *method && one.subset == subset)
    }
}

/// All figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForecastResult {
    /// Mean AUCs by method and subset.
    pub means: Vec<ForecastMean>,
    /// Differences that were asked for.
    pub differences: Vec<ForecastDifference>,
    /// Lift, calibration and ranking.
    pub qualities: Vec<ForecastQuality>,
    /// Each question.
    pub questions: Vec<ForecastQuestionResult>,
}
