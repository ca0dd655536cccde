//! How an evaluation is made: seeds, resamples, and what is measured.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use instructue_metrics::CrossValidation;
use instructue_metrics::{CONFIDENCE, RESAMPLES};

/// How an evaluation is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluateOptions {
    /// Seed of the probes' folds, of resamples and of what is sampled.
    pub seed: u64,
    /// Bootstrap resamples.
    pub resamples: usize,
    /// Confidence of the intervals.
    pub confidence: f64,
    /// Choice of the probes' penalty; its seed is derived from `seed`.
    pub cross_validation: CrossValidation,
    /// A task is left out with fewer users of a class.
    pub min_per_class: MinPerClass,
    /// At most so many answers are searched with.
    pub retrieval_queries: usize,
    /// The k of recall@k.
    pub recall_at: Vec<usize>,
    /// Points kept per curve.
    pub curve_points: usize,
    /// The task whose labels colour the map; default: the first that is not left out.
    pub map_task: Option<String>,
    /// Whether test users are embedded once more under all tasks' instructions, to see
    /// what of the vectors follows the instruction.
    pub awareness: bool,
    /// Users like those of a list.
    pub lookalike: LookalikeOptions,
}

/// How many users of each class a task needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinPerClass {
    /// In all folds together.
    pub labelled: usize,
    /// To train on, in each fold; cross-validation may need more.
    pub train: usize,
    /// To test, in each fold; at least 1.
    pub test: usize,
}

/// Lists of known positives and what is found beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LookalikeOptions {
    /// Lengths of the lists; with none nothing is searched.
    pub seeds: Vec<usize>,
    /// Lists drawn for each length.
    pub draws: usize,
}

impl Default for EvaluateOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            resamples: RESAMPLES,
            confidence: CONFIDENCE,
            cross_validation: CrossValidation::default(),
            min_per_class: MinPerClass::default(),
            retrieval_queries: 500,
            recall_at: vec![1, 10],
            curve_points: 200,
            map_task: None,
            awareness: false,
            lookalike: LookalikeOptions::default(),
        }
    }
}

impl Default for MinPerClass {
    fn default() -> Self {
        Self {
            labelled: 0,
            train: 0,
            test: 5,
        }
    }
}

impl Default for LookalikeOptions {
    fn default() -> Self {
        Self {
            seeds: Vec::new(),
            draws: 20,
        }
    }
}

impl EvaluateOptions {
    /// Checks the numbers that the options set bounds for.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |option, expected, found: String| {
            Err(instructue_metrics::Error::Option {
                option,
                expected,
                found,
            }
            .into())
        };
        if self.resamples == 0 {
            return wrong("resamples", "at least 1", "0".to_owned());
        }
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            let found = self.confidence.to_string();
            return wrong("confidence", "between 0 and 1", found);
        }
        Ok(())
    }
}
