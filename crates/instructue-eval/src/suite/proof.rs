//! The results of a suite: numbers only, ready for JSON.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::bootstrap::Interval;
use crate::curves::{Calibration, Deciles};
use crate::error::Result;
use crate::files::{load_json, save_json};

/// The version of the JSON layout.
pub const SUITE_FORMAT: u32 = 1;

/// What kind of method it is: which part of the report it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// The model of the suite, in its variants of instruction.
    Ours,
    /// What one would use instead.
    Baseline,
    /// The model beside a baseline.
    Together,
}

/// A method, what it is and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodInfo {
    /// A short name, unique in the suite.
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

/// Statistics of one method, means over folds, with intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Area under the ROC curve.
    pub auc: Interval,
    /// Kolmogorov–Smirnov distance.
    pub ks: Interval,
    /// Lift among the 1 % with the highest scores.
    pub lift_1_percent: Interval,
    /// The same among 5 %.
    pub lift_5_percent: Interval,
    /// The same among 10 %.
    pub lift_10_percent: Interval,
}

/// One method's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodScore {
    /// [`MethodInfo::name`].
    pub method: String,
    /// The statistics.
    #[serde(flatten)]
    pub stats: Stats,
    /// AUC in each fold.
    pub folds: Vec<f64>,
}

/// AUC of one method minus that of another on the same resamples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedDifference {
    /// The minuend.
    pub left: String,
    /// The subtrahend.
    pub right: String,
    /// Left minus right.
    pub auc: Interval,
}

/// What can be drawn of one method at one task, all folds together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// [`MethodInfo::name`].
    pub method: String,
    /// (False-positive rate, true-positive rate).
    pub roc: Vec<(f64, f64)>,
    /// (Share of users, gap of the two rates).
    pub ks: Vec<(f64, f64)>,
    /// (Share of users, share of positives found).
    pub gain: Vec<(f64, f64)>,
    /// Ten equal parts by score.
    pub deciles: Deciles,
    /// Predicted beside observed rates, where the method gives probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
}

/// One task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteTask {
    /// Its name.
    pub name: String,
    /// `prediction` or `marketing`.
    pub domain: String,
    /// The matching instruction.
    pub instruction: String,
    /// The other one that stands for a wrong one.
    pub wrong: String,
    /// Profiles end here.
    pub reference: String,
    /// Labelled users.
    pub users: usize,
    /// Positive ones.
    pub positives: usize,
    /// Why it was left out, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// One entry per method.
    pub scores: Vec<MethodScore>,
    /// The comparisons behind the claims.
    pub differences: Vec<PairedDifference>,
    /// Of the main methods.
    pub curves: Vec<Curves>,
}

/// A claim with its target and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// What is claimed.
    pub claim: String,
    /// What would show it.
    pub target: String,
    /// What was found, in words and numbers.
    pub found: String,
    /// The difference or ratio behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Interval>,
    /// Tasks on which it holds, and tasks in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<(usize, usize)>,
    /// Whether the target is met; nothing where it could not be measured.
    pub met: Option<bool>,
}

/// A model with one thing changed, on the same folds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ablation {
    /// A short name.
    pub name: String,
    /// What was changed.
    pub title: String,
    /// Folds that it was trained on.
    pub folds: usize,
    /// Mean AUC under the matching instruction.
    pub auc: Interval,
    /// Minus the whole model's on the same folds.
    pub difference: Interval,
    /// Its own matched minus empty.
    pub matched_minus_empty: Interval,
    /// Difference by task.
    pub tasks: Vec<(String, f64)>,
}

/// How much of the agreement of neighbours follows the instruction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeighbourResult {
    /// The task whose labels are compared.
    pub task: String,
    /// Agreement of the nearest users under its own instruction, both classes alike.
    pub own: Interval,
    /// Under the other tasks' instructions.
    pub other: Interval,
    /// Own minus other.
    pub difference: Interval,
}

/// Which source a vector depends on under an instruction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceShare {
    /// The task whose instruction it is.
    pub task: String,
    /// Names of the sources, and of what all of them have, each one's share.
    pub shares: Vec<(String, f64)>,
}

/// Whether vectors follow the instruction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Awareness {
    /// Share of the variance of unit vectors that the user alone explains.
    pub user: f64,
    /// That the instruction alone explains.
    pub instruction: f64,
    /// That only both together explain.
    pub interaction: f64,
    /// Per task.
    pub neighbours: Vec<NeighbourResult>,
    /// Per task, how far a missing source moves vectors (1 − cosine); empty where it
    /// was not measured.
    pub sources: Vec<SourceShare>,
    /// Per task, the gradient of the probe's answer by the sources' event vectors.
    pub gradients: Vec<SourceShare>,
    /// Mean cosine of vectors under the matching and the reworded, the empty and
    /// the wrong instruction.
    pub cosine: Vec<(String, f64)>,
}

/// One point of a curve over noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoisePoint {
    /// Share of the events that were changed.
    pub share: f64,
    /// Mean AUC over the tasks.
    pub auc: Interval,
    /// That on clean events, minus it.
    pub drop: Interval,
}

/// One method under one kind of noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoiseResult {
    /// [`MethodInfo::name`].
    pub method: String,
    /// `foreign`, `shuffled`, or `missing SOURCE`.
    pub kind: String,
    /// From clean (0) on; a missing source has shares 0 and 1.
    pub points: Vec<NoisePoint>,
}

/// One method trained on few labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FewShot {
    /// Labelled users.
    pub labels: usize,
    /// The method.
    pub method: String,
    /// What it is.
    pub title: String,
    /// Tasks with so many labels.
    pub tasks: usize,
    /// Mean AUC over the tasks.
    pub auc: Interval,
    /// Minus the probe on the frozen vector with the same labels.
    pub difference: Interval,
}

/// Users found by one sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudienceResult {
    /// The task that says who is meant.
    pub task: String,
    /// The sentence.
    pub sentence: String,
    /// How users are scored.
    pub method: String,
    /// Share of positives among all.
    pub base_rate: f64,
    /// Area under the ROC curve.
    pub auc: Interval,
    /// Share of positives among the tenth found first.
    pub precision_10_percent: Interval,
    /// That over the base rate.
    pub lift_10_percent: Interval,
}

/// Users like those of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LookalikeResult {
    /// The task whose positives are sought.
    pub task: String,
    /// Positives in the list.
    pub seeds: usize,
    /// Whose vectors: a method's name.
    pub method: String,
    /// Mean over draws of the list.
    pub auc: Interval,
    /// Lift among the tenth found first.
    pub lift_10_percent: Interval,
}

/// Ranking metrics of one method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankingMetrics {
    /// The method.
    pub method: String,
    /// What it is.
    pub title: String,
    /// HR@10 among all candidates.
    pub hit_rate_full: Interval,
    /// NDCG@10 among all candidates.
    pub ndcg_full: Interval,
    /// HR@10 among one true and sampled candidates.
    pub hit_rate_sampled: Interval,
    /// NDCG@10 among them.
    pub ndcg_sampled: Interval,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecommendationResult {
    /// Its name.
    pub name: String,
    /// The instruction.
    pub instruction: String,
    /// Test users over all folds.
    pub users: usize,
    /// All candidates.
    pub candidates: usize,
    /// Sampled negatives beside one true item.
    pub negatives: usize,
    /// One entry per method.
    pub methods: Vec<RankingMetrics>,
}

/// Answers that find the users who gave them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievalResult {
    /// `seen families` or `unseen families`.
    pub kind: String,
    /// Answers searched with.
    pub queries: usize,
    /// The k of recall.
    pub k: usize,
    /// Recall.
    pub recall: Interval,
    /// What a random order gives.
    pub chance: f64,
}

/// A user that a sentence found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExampleUser {
    /// The place among those found; ids are no part of a report.
    pub user: String,
    /// Cosine.
    pub score: f64,
    /// Whether the sentence is true of the user.
    pub positive: bool,
    /// Some of the events, as texts: those that enough other users have, too.
    pub events: Vec<String>,
}

/// A sentence and the users that it finds first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The task.
    pub task: String,
    /// The sentence.
    pub sentence: String,
    /// Share of positives among all.
    pub base_rate: f64,
    /// The nearest first.
    pub users: Vec<ExampleUser>,
}

/// The proof of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteProof {
    /// [`SUITE_FORMAT`].
    pub format: u32,
    /// The suite's name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What a reader should know: what was left out and why, how often the test
    /// parts were looked at.
    pub notes: Vec<String>,
    /// Names and values: users, folds, machine, versions, configuration.
    pub facts: Vec<(String, String)>,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Bootstrap resamples.
    pub resamples: usize,
    /// The methods.
    pub methods: Vec<MethodInfo>,
    /// The tasks.
    pub tasks: Vec<SuiteTask>,
    /// Mean over tasks, one entry per method.
    pub means: Vec<MethodScore>,
    /// Claims, targets and findings.
    pub claims: Vec<Claim>,
    /// Models with one thing changed.
    pub ablations: Vec<Ablation>,
    /// Whether vectors follow the instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awareness: Option<Awareness>,
    /// Under noise.
    pub noise: Vec<NoiseResult>,
    /// From few labels.
    pub few_shot: Vec<FewShot>,
    /// Text → users.
    pub audience: Vec<AudienceResult>,
    /// Users → users.
    pub lookalike: Vec<LookalikeResult>,
    /// Next items.
    pub recommendation: Vec<RecommendationResult>,
    /// Answers → users.
    pub retrieval: Vec<RetrievalResult>,
    /// To judge by eye.
    pub examples: Vec<Example>,
}

impl SuiteProof {
    /// Writes JSON; a reader sees the old file or the new one, never a part.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        save_json(path, self)
    }

    /// Reads what [`SuiteProof::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read or is of another layout.
    pub fn load(path: &Path) -> Result<Self> {
        load_json(path)
    }

    /// The mean of a method over tasks.
    pub fn mean(&self, method: &str) -> Option<&MethodScore> {
        self.means.iter().find(|score| score.method == method)
    }
}
