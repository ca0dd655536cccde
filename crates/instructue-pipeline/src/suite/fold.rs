//! What a fold leaves of one model.

use instructue_eval::suite::{Example, FoldScores, FoldValues};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::run::TrainedRun;
use crate::suite::declare::Suite;

/// The layout of a fold's results; another one is made again.
const RESULT_FORMAT: u32 = 4;

/// Names of the methods that are this model.
pub(crate) mod method {
    pub const MATCHED: &str = "matched";
    pub const EMPTY: &str = "empty";
    pub const WRONG: &str = "wrong";
    /// One per wording: `reworded`, then a number.
    pub const REWORDED: &str = "reworded";
    pub const UNTRAINED: &str = "untrained";
    pub const SIMPLE_COUNTS: &str = "simple_counts";
    pub const BESIDE_SIMPLE_COUNTS: &str = "simple_counts_matched";
    /// Cosine with a sentence, general vectors.
    pub const TEXT: &str = "text";
    /// Cosine with a sentence, vectors under the task's instruction.
    pub const TEXT_INSTRUCTED: &str = "text_instructed";
    /// That minus the cosine with the opposite sentence.
    pub const TEXT_CONTRAST: &str = "text_contrast";
}

/// Scores of one method at one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scored {
    pub method: String,
    /// Place among the suite's tasks.
    pub task: usize,
    /// `clean`, or the noise; in few-shot tuning the number of labels; of lists
    /// the number of seeds.
    pub condition: String,
    pub scores: FoldScores,
}

/// Values of one kind per user, and what they are about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Valued {
    pub kind: String,
    /// A task's name, a recommendation's, or nothing.
    pub of: String,
    pub method: String,
    pub values: FoldValues,
}

/// What a fold leaves of one model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct FoldResult {
    pub scores: Vec<Scored>,
    pub audience: Vec<Scored>,
    pub lookalike: Vec<Scored>,
    pub few_shot: Vec<Scored>,
    pub values: Vec<Valued>,
    /// Shares of variance: user, instruction, interaction.
    pub variance: Option<[f64; 3]>,
    /// Mean cosine with matched vectors, by arm, once per task and text.
    pub cosine: Vec<(String, f64)>,
    /// Per task: how far each source moves the vectors when it is missing, as a share of all.
    pub sources: Vec<(usize, Vec<(String, f64)>)>,
    /// Per task: each source's share of the gradient of the probe's answer.
    pub gradients: Vec<(usize, Vec<(String, f64)>)>,
    pub examples: Vec<Example>,
    /// Inputs of the probes.
    pub width: usize,
    pub train_seconds: f64,
    pub evaluate_seconds: f64,
}

/// The scores of a fold's users as those of a method.
pub(crate) fn scored(
    method: &str,
    task: usize,
    condition: &str,
    (users, labels): &(Vec<usize>, Vec<bool>),
    scores: Vec<f64>,
) -> Scored {
    Scored {
        method: method.into(),
        task,
        condition: condition.into(),
        scores: FoldScores {
            users: places(users),
            labels: labels.clone(),
            scores,
        },
    }
}

/// Values of a fold's users, which are about `of`.
pub(crate) fn valued(
    kind: &str,
    of: &str,
    method: &str,
    users: &[usize],
    values: Vec<f64>,
) -> Valued {
    Valued {
        kind: kind.into(),
        of: of.into(),
        method: method.into(),
        values: FoldValues {
            users: places(users),
            values,
        },
    }
}

fn places(users: &[usize]) -> Vec<u32> {
    users.iter().map(|&user| user as u32).collect()
}

/// What a fold's results rest on: another model, suite or layout makes them again.
pub(crate) fn key(suite: &Suite, run: &TrainedRun, whole: bool) -> Result<String> {
    let of = match whole {
        true => format!("{:016x}", suite.digest()),
        // What only the whole model is measured by does not concern a variant.
        false => format!("{}-{}-{}", suite.name, suite.folds, suite.seed),
    };
    Ok(format!("{RESULT_FORMAT}-{of}-{}", run.model.digest()?))
}
