//! The names of the methods that an evaluation compares.
//!
//! A method is whatever gives scores of users: the model under some instruction, a
//! baseline, or both together. Results name it by a short id; [`Arm`] lists the ids
//! that every evaluation has, the constants those that only some have.

use serde::{Deserialize, Serialize};

/// A method that every evaluation measures: what a probe is trained and tested on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Arm {
    /// Vectors under the task's own instruction.
    Matched,
    /// Vectors without an instruction.
    Empty,
    /// Vectors under an instruction about something else.
    Wrong,
    /// Vectors under the same question in other words; the mean over the wordings.
    Reworded,
    /// Vectors of the model before training, under the task's own instruction.
    Untrained,
    /// Recency, counts and sums, no model.
    Counts,
    /// Counts and matched vectors side by side.
    Concatenated,
}

impl Arm {
    /// All arms, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Matched,
        Self::Empty,
        Self::Wrong,
        Self::Reworded,
        Self::Untrained,
        Self::Counts,
        Self::Concatenated,
    ];

    /// A short name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Concatenated => "counts + matched",
            _ => self.id(),
        }
    }

    /// The id of the method in the results.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Empty => "empty",
            Self::Wrong => "wrong",
            Self::Reworded => "reworded",
            Self::Untrained => "untrained",
            Self::Counts => "simple_counts",
            Self::Concatenated => "simple_counts_matched",
        }
    }

    /// What it is, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Matched => "our vector, the task's instruction",
            Self::Empty => "our vector, no instruction",
            Self::Wrong => "our vector, another task's instruction",
            Self::Reworded => "our vector, the instruction in other words",
            Self::Untrained => "our model before training",
            Self::Counts => "recency, counts and sums + logistic regression",
            Self::Concatenated => "recency, counts, sums and our vector + logistic regression",
        }
    }

    pub(crate) fn kind(self) -> MethodKind {
        match self {
            Self::Counts => MethodKind::Baseline,
            Self::Concatenated => MethodKind::Together,
            _ => MethodKind::Ours,
        }
    }
}

impl AsRef<str> for Arm {
    fn as_ref(&self) -> &str {
        self.id()
    }
}

/// What kind of method it is: how the report colours it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// The model, under some instruction.
    Ours,
    /// What one would use instead.
    Baseline,
    /// The model beside a baseline.
    Together,
}

/// A method, what it is and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodInfo {
    /// A short id, unique in the evaluation.
    pub name: String,
    /// What it is, in a few words.
    pub title: String,
    /// Its kind.
    pub kind: MethodKind,
    /// Number of inputs of the probe, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features: Option<usize>,
    /// Seconds per fold, where they were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// LightGBM on count features, the strongest baseline.
pub const LIGHTGBM: &str = "counts_lightgbm";
/// Counts and our vector in one LightGBM.
pub const LIGHTGBM_WITH_OURS: &str = "counts_ours_lightgbm";
/// The mean of two log-odds: of LightGBM on counts and of our probe.
pub const AVERAGE: &str = "counts_lightgbm_matched";
/// CoLES vectors under a probe.
pub const COLES: &str = "coles";
/// Vectors of a frozen text encoder under a probe.
pub const MINILM: &str = "minilm";

/// Cosine of the vector without an instruction with a sentence.
pub const TEXT: &str = "text";
/// Cosine of the vector under the task's instruction with a sentence.
pub const TEXT_INSTRUCTED: &str = "text_instructed";
/// That minus the cosine with the opposite sentence.
pub const TEXT_CONTRAST: &str = "text_contrast";

/// A probe on the vector under the task's own instruction, on few labels.
pub const PROBE: &str = "probe";
/// Learned tokens behind an instruction, and a readout, on few labels.
pub const TUNED: &str = "tuned";
/// The same tokens, read by prototypes alone.
pub const TUNED_PROTOTYPES: &str = "tuned_prototypes";

/// Baselines that rank items: id and title.
pub const RANKINGS: [(&str, &str); 4] = [
    ("popularity", "popularity"),
    ("own_frequency", "the user's own counts, then popularity"),
    ("item_knn", "item-kNN"),
    ("sasrec", "SASRec"),
];

/// The condition of events as they are.
pub const CLEAN: &str = "clean";

/// What is compared on the same resamples: left minus right.
pub(crate) const COMPARISONS: [(&str, &str); 11] = [
    (Arm::Matched.id(), Arm::Untrained.id()),
    (Arm::Concatenated.id(), Arm::Counts.id()),
    (Arm::Matched.id(), Arm::Counts.id()),
    (Arm::Matched.id(), Arm::Empty.id()),
    (Arm::Matched.id(), Arm::Wrong.id()),
    (Arm::Matched.id(), Arm::Reworded.id()),
    (Arm::Matched.id(), LIGHTGBM),
    (Arm::Matched.id(), COLES),
    (Arm::Matched.id(), MINILM),
    (AVERAGE, LIGHTGBM),
    (LIGHTGBM_WITH_OURS, LIGHTGBM),
];

/// Methods whose curves are drawn, in the order of the legend.
pub(crate) const DRAWN: [&str; 6] = [
    Arm::Matched.id(),
    LIGHTGBM,
    COLES,
    AVERAGE,
    Arm::Untrained.id(),
    Arm::Counts.id(),
];

/// The id of one wording among several.
pub(crate) fn reworded(number: usize) -> String {
    format!("{}{}", Arm::Reworded.id(), number + 1)
}

/// The arm whose id a method has, a single wording's included.
pub(crate) fn arm_of(method: &str) -> Option<Arm> {
    let of_wording = |arm: Arm| {
        let rest = method.strip_prefix(arm.id());
        arm == Arm::Reworded && rest.is_some_and(|rest| rest.parse::<usize>().is_ok())
    };
    let mut all = Arm::ALL.into_iter();
    all.find(|&arm| arm.id() == method || of_wording(arm))
}
