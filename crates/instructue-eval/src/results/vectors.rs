//! The results about the vectors themselves: what they follow, what harms them, what
//! each part of the model is worth, and what is claimed of them.

use serde::{Deserialize, Serialize};

use instructue_metrics::Interval;

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
pub struct SourceShares {
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
    pub sources: Vec<SourceShares>,
    /// Per task, the gradient of the probe's answer by the sources' event vectors.
    pub gradients: Vec<SourceShares>,
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
    /// The method's id.
    pub method: String,
    /// `foreign`, `shuffled`, or `missing SOURCE`.
    pub kind: String,
    /// From clean (0) on; a missing source has shares 0 and 1.
    pub points: Vec<NoisePoint>,
}
