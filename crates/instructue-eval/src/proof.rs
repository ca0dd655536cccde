//! The results of [`prove`](crate::prove): numbers only, ready for JSON.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bootstrap::Interval;
use crate::error::Result;
use crate::files::{load_json, save_json};
use crate::map::Map2d;
use crate::prove::EvaluateOptions;

/// The version of the JSON layout.
pub const PROOF_FORMAT: u32 = 1;

/// What a probe is trained and tested on.
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
    /// Vectors under the same question in other words.
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

    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Empty => "empty",
            Self::Wrong => "wrong",
            Self::Reworded => "reworded",
            Self::Untrained => "untrained",
            Self::Counts => "counts",
            Self::Concatenated => "counts + matched",
        }
    }
}

/// The comparisons that are made on the same resamples: left minus right.
pub(crate) const COMPARISONS: [(Arm, Arm); 6] = [
    (Arm::Matched, Arm::Untrained),
    (Arm::Concatenated, Arm::Counts),
    (Arm::Matched, Arm::Counts),
    (Arm::Matched, Arm::Empty),
    (Arm::Matched, Arm::Wrong),
    (Arm::Matched, Arm::Reworded),
];

/// AUC and KS with intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Area under the ROC curve.
    pub auc: Interval,
    /// Kolmogorov–Smirnov distance. As a maximum it is higher on resamples than
    /// on the sample, so near zero the interval may lie above the point.
    pub ks: Interval,
}

/// One probe's results on the test users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmResult {
    /// What it was trained on.
    pub arm: Arm,
    /// The instruction behind the vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// Number of inputs.
    pub features: usize,
    /// The penalty that cross-validation on the training users chose.
    pub l2: f64,
    /// AUC and KS.
    #[serde(flatten)]
    pub score: Score,
    /// Mean −log p of the true label.
    pub log_loss: f64,
    /// Lift among the tenth with the highest scores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lift_at_10_percent: Option<f64>,
    /// Mean cosine of the test users' vectors with their matched ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine_to_matched: Option<f64>,
    /// AUC of the *matched* probe on these vectors: what is lost when a probe
    /// meets vectors of another instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_probe_auc: Option<f64>,
    /// ROC curve, (false-positive rate, true-positive rate).
    pub roc: Vec<(f64, f64)>,
}

/// A comparison of two arms on the same test users and resamples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The minuend.
    pub left: Arm,
    /// The subtrahend.
    pub right: Arm,
    /// Left minus right.
    #[serde(flatten)]
    pub score: Score,
}

/// How many users, and how many of them are positive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Labelled users.
    pub users: usize,
    /// Positive ones.
    pub positives: usize,
}

/// Scores without any training on labels: cosine with a true answer minus cosine with a false one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ZeroShot {
    /// AUC of the trained model.
    pub trained: Interval,
    /// AUC of the untrained model.
    pub untrained: Interval,
    /// Trained minus untrained.
    pub difference: Interval,
}

/// Everything about one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskProof {
    /// Its name.
    pub name: String,
    /// Its instruction.
    pub instruction: String,
    /// Reference time, as a date.
    pub reference: String,
    /// Training users.
    pub train: Tally,
    /// Test users.
    pub test: Tally,
    /// Why the task was left out, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// One entry per arm; several for [`Arm::Reworded`].
    pub arms: Vec<ArmResult>,
    /// Mean over the rewordings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reworded: Option<Score>,
    /// Comparisons on the same resamples.
    pub differences: Vec<Difference>,
    /// Zero-shot scores, when the task declares the texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zero_shot: Option<ZeroShot>,
}

impl TaskProof {
    /// The first result of an arm.
    pub fn arm(&self, arm: Arm) -> Option<&ArmResult> {
        self.arms.iter().find(|result| result.arm == arm)
    }

    /// AUC and KS of an arm; for rewordings their mean.
    pub fn score(&self, arm: Arm) -> Option<Score> {
        match arm {
            Arm::Reworded => self.reworded,
            _ => self.arm(arm).map(|result| result.score),
        }
    }

    /// A comparison.
    pub fn difference(&self, left: Arm, right: Arm) -> Option<Score> {
        find(&self.differences, left, right)
    }
}

/// Mean over the tasks that were not left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Average {
    /// Number of tasks.
    pub tasks: usize,
    /// Mean per arm.
    pub arms: Vec<(Arm, Score)>,
    /// Mean of the comparisons.
    pub differences: Vec<Difference>,
}

impl Average {
    /// Mean AUC and KS of an arm.
    pub fn score(&self, arm: Arm) -> Option<Score> {
        self.arms
            .iter()
            .find(|entry| entry.0 == arm)
            .map(|entry| entry.1)
    }

    /// Mean of a comparison.
    pub fn difference(&self, left: Arm, right: Arm) -> Option<Score> {
        find(&self.differences, left, right)
    }
}

fn find(differences: &[Difference], left: Arm, right: Arm) -> Option<Score> {
    differences
        .iter()
        .find(|d| d.left == left && d.right == right)
        .map(|d| d.score)
}

/// Recall among the first k.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecallAt {
    /// How many candidates are looked at.
    pub k: usize,
    /// The trained model.
    pub trained: Interval,
    /// The untrained model.
    pub untrained: Interval,
    /// Trained minus untrained.
    pub difference: Interval,
    /// What a random order gives in expectation.
    pub chance: f64,
}

/// Text to user: an answer finds the user it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievalProof {
    /// Answers that were searched with.
    pub queries: usize,
    /// Distinct instructions among them.
    pub instructions: usize,
    /// Users searched in, per query on average.
    pub candidates: f64,
    /// Users with the very same answer to the instruction, per query on average; each counts as found.
    pub relevant: f64,
    /// One entry per k.
    pub recall: Vec<RecallAt>,
}

/// The proof of a model's quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// [`PROOF_FORMAT`].
    pub format: u32,
    /// How it was made.
    pub options: EvaluateOptions,
    /// Training users given.
    pub train_users: usize,
    /// Test users given.
    pub test_users: usize,
    /// The tasks, in order of declaration.
    pub tasks: Vec<TaskProof>,
    /// Mean over tasks; empty when all were left out.
    pub average: Average,
    /// Retrieval, when answers were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval: Option<RetrievalProof>,
    /// The test users in two dimensions, coloured by the label of one task.
    #[serde(default)]
    pub map: Map2d,
}

impl Evaluation {
    /// Writes JSON; a reader sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        save_json(path, self)
    }

    /// Reads what [`Evaluation::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read or is of another layout.
    pub fn load(path: &Path) -> Result<Self> {
        load_json(path)
    }
}
