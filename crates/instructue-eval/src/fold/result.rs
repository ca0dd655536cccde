//! What is kept of a fold: scores and values per user, ready for JSON.
//!
//! Statistics are made later, over all folds at once, because every method and task is
//! measured on the same resamples.

use serde::{Deserialize, Serialize};

use crate::methods::MethodInfo;
use crate::results::Example;
use crate::scores::{FoldScores, FoldValues};
use crate::study::Labelled;
use instructue_metrics::Map2d;

/// Scores of one method at one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The method's id.
    pub method: String,
    /// Place among the tasks.
    pub task: usize,
    /// [`CLEAN`](crate::methods::CLEAN), or the change of events; with few labels their number; of lists
    /// the number of seeds; of sentences the sentence.
    pub condition: String,
    /// The scores.
    pub scores: FoldScores,
}

/// Values of one kind per user, and what they are about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Valued {
    /// What is measured.
    pub kind: String,
    /// A task's name, a recommendation's, or what else the values are of.
    pub of: String,
    /// The method's id.
    pub method: String,
    /// The values.
    pub values: FoldValues,
}

/// A fitted probe, beside its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeFit {
    /// The method's id; each wording has its own.
    pub method: String,
    /// Place among the tasks.
    pub task: usize,
    /// The instruction behind the vectors.
    pub instruction: Option<String>,
    /// Number of inputs.
    pub features: usize,
    /// The penalty that was chosen.
    pub l2: f64,
    /// Mean −log p of the true label.
    pub log_loss: f64,
    /// Mean cosine with the matched vectors.
    pub cosine_to_matched: Option<f64>,
    /// AUC of the matched probe on these vectors.
    pub matched_probe_auc: Option<f64>,
}

/// What was searched with, beside what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchSize {
    /// Which answers.
    pub kind: String,
    /// Answers searched with.
    pub queries: usize,
    /// Distinct instructions among them.
    pub instructions: usize,
    /// Users searched in.
    pub candidates: usize,
    /// Users with the same answer, per query on average.
    pub relevant: f64,
    /// Per k what a random order gives.
    pub chance: Vec<(usize, f64)>,
}

/// Next items that were ranked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankedItems {
    /// The recommendation's name.
    pub name: String,
    /// The instruction.
    pub instruction: String,
    /// All candidates.
    pub candidates: usize,
    /// Sampled negatives beside one true item.
    pub negatives: usize,
}

/// What a fold leaves of one model, and of what stands beside it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FoldResult {
    /// Methods beside the [arms](crate::Arm).
    pub methods: Vec<MethodInfo>,
    /// By probe or baseline.
    pub scores: Vec<Scored>,
    /// The probes.
    pub probes: Vec<ProbeFit>,
    /// By cosine with a true minus a false answer: `matched` and `untrained`.
    pub zero_shot: Vec<Scored>,
    /// By cosine with a sentence.
    pub audience: Vec<Scored>,
    /// By cosine with the mean of a list.
    pub lookalike: Vec<Scored>,
    /// Learned from few labels.
    pub few_shot: Vec<Scored>,
    /// To be averaged over users.
    pub values: Vec<Valued>,
    /// What answers were searched with.
    pub searches: Vec<SearchSize>,
    /// What items were ranked.
    pub ranked: Vec<RankedItems>,
    /// Shares of variance: user, instruction, interaction.
    pub variance: Option<[f64; 3]>,
    /// Per task: how far each source moves the vectors when it is missing, as a share of all.
    pub sources: Vec<(usize, Vec<(String, f64)>)>,
    /// Per task: each source's share of the gradient of the probe's answer.
    pub gradients: Vec<(usize, Vec<(String, f64)>)>,
    /// What a sentence finds first.
    pub examples: Vec<Example>,
    /// Test users in two dimensions.
    pub map: Map2d,
    /// Seconds of training.
    pub train_seconds: f64,
    /// Seconds of measuring.
    pub evaluate_seconds: f64,
}

impl FoldResult {
    /// Puts baselines on the same fold beside what is there. Few labels count only where
    /// the model was tuned on them, too.
    pub fn extend(&mut self, baselines: Self) {
        self.methods.extend(baselines.methods);
        self.scores.extend(baselines.scores);
        self.values.extend(baselines.values);
        if !self.few_shot.is_empty() {
            self.few_shot.extend(baselines.few_shot);
        }
    }
}

impl Scored {
    /// The scores of a fold's users as those of a method.
    pub fn new(
        method: &str,
        task: usize,
        condition: &str,
        users: &Labelled,
        scores: Vec<f64>,
    ) -> Self {
        Self {
            method: method.into(),
            task,
            condition: condition.into(),
            scores: FoldScores {
                users: places(&users.users),
                labels: users.labels.clone(),
                scores,
            },
        }
    }

    /// Whether these are the scores of a method at a task under a condition.
    pub fn is(&self, method: &str, task: usize, condition: &str) -> bool {
        self.method == method && self.task == task && self.condition == condition
    }
}

impl Valued {
    /// Values of a fold's users, which are about `of`.
    pub fn new(kind: &str, of: &str, method: &str, users: &[usize], values: Vec<f64>) -> Self {
        Self {
            kind: kind.into(),
            of: of.into(),
            method: method.into(),
            values: FoldValues {
                users: places(users),
                values,
            },
        }
    }
}

fn places(users: &[usize]) -> Vec<u32> {
    users.iter().map(|&user| user as u32).collect()
}
