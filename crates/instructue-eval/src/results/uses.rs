//! The results of what vectors are used for beside probes: searches, lists, rankings.

use serde::{Deserialize, Serialize};

use instructue_metrics::Interval;

/// One method trained on few labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FewShotResult {
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
pub struct RankingResult {
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
    pub methods: Vec<RankingResult>,
}

/// Recall among the first k.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RecallAt {
    /// How many candidates are looked at.
    pub k: usize,
    /// The trained model.
    pub trained: Interval,
    /// The untrained model, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untrained: Option<Interval>,
    /// Trained minus untrained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Interval>,
    /// What a random order gives in expectation.
    pub chance: f64,
}

/// Text to user: an answer finds the user it is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievalResult {
    /// Which answers, for example `seen families`: of instructions that were trained on.
    pub kind: String,
    /// Answers that were searched with, over all folds.
    pub queries: usize,
    /// Distinct instructions among them, in the fold with most.
    pub instructions: usize,
    /// Users searched in, per query on average.
    pub candidates: f64,
    /// Users with the very same answer to the instruction, per query on average; each counts as found.
    pub relevant: f64,
    /// One entry per k.
    pub recall: Vec<RecallAt>,
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
