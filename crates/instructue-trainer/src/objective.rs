//! The losses of a step as a list, so that a run can have one more.
//!
//! [`Objective`] is the trait; [`standard`] is the list of the method's two losses
//! (arXiv:2510.11016): contrastive over users and answers, and next token over answers. A
//! loss of your own goes behind them:
//!
//! ```
//! use burn::tensor::Tensor;
//! use instructue_trainer::{Objective, Result, StepVectors, TrainConfig, objective};
//!
//! /// Keeps users' vectors of one step apart from their mean.
//! #[derive(Debug)]
//! struct Spread;
//!
//! impl Objective for Spread {
//!     fn name(&self) -> &str {
//!         "spread"
//!     }
//!     fn weight_at(&self, _step: usize) -> f64 {
//!         0.1
//!     }
//!     fn of_step(&self, step: &StepVectors) -> Result<Option<Tensor<1>>> {
//!         let mean = step.users.clone().mean_dim(0);
//!         Ok(Some(mean.clone().mul(mean).sum()))
//!     }
//! }
//!
//! let mut losses = objective::standard(&TrainConfig::default())?;
//! losses.push(Box::new(Spread));
//! assert_eq!(losses.iter().map(|loss| loss.name()).collect::<Vec<_>>()[2], "spread");
//! # Ok::<(), instructue_trainer::Error>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use burn::tensor::{Int, Tensor, TensorData};
use instructue_features::Batch;
use instructue_losses::{Contrastive, ContrastiveInput, ExtraNegatives, weighted_next_token_loss};
use serde::{Deserialize, Serialize};

use crate::config::TrainConfig;
use crate::error::{Error, Result};

/// The name of the contrastive loss in [`Losses`] and metrics.
pub const CONTRASTIVE: &str = "contrastive";
/// The name of the next-token loss in [`Losses`] and metrics.
pub const NEXT_TOKEN: &str = "next_token";

/// A loss that training minimises beside others.
///
/// A loss sees the vectors of a whole step ([`of_step`](Self::of_step)), or what one pass
/// computed ([`of_pass`](Self::of_pass)), or both; the two are added. A step that is cut into
/// several passes has the same loss and gradient as one that is not, if the shares that
/// `of_pass` gives add up to the loss of the step.
pub trait Objective: Debug + Send + Sync {
    /// Its name in metrics, unique in the list.
    fn name(&self) -> &str;

    /// Its weight in the sum that training minimises, at an optimizer step counted from 0.
    fn weight_at(&self, step: usize) -> f64;

    /// Its weight where losses of different steps are compared, such as in validation: by
    /// default that of `weight_at(usize::MAX)`.
    fn weight(&self) -> f64 {
        self.weight_at(usize::MAX)
    }

    /// The loss over the vectors of all passes of a step, one element; `None` if it has none.
    ///
    /// # Errors
    /// When it cannot be computed.
    fn of_step(&self, step: &StepVectors) -> Result<Option<Tensor<1>>> {
        let _ = step;
        Ok(None)
    }

    /// The share of one pass in the loss, one element; `None` if it has none.
    ///
    /// # Errors
    /// When it cannot be computed.
    fn of_pass(&self, pass: &PassOutput<'_>) -> Result<Option<Tensor<1>>> {
        let _ = pass;
        Ok(None)
    }
}

/// The losses of a run.
pub type Objectives = Vec<Box<dyn Objective>>;

/// The vectors of a whole step, gathered from its passes. All have length 1.
#[derive(Debug, Clone)]
pub struct StepVectors {
    /// Users under their instructions, `[segments, d]`.
    pub users: Tensor<2>,
    /// Their answers, `[segments, d]`.
    pub answers: Tensor<2>,
    /// Answers of no row, `[m, d]`, if there are any.
    pub extra_negatives: Option<Tensor<2>>,
    /// The user of each row; equal keys mean the same user.
    pub user_keys: Vec<u64>,
    /// The answer of each row; equal keys mean the same text.
    pub answer_keys: Vec<u64>,
    /// The same of the extra negatives.
    pub extra_negative_keys: Vec<u64>,
}

/// What one pass computed.
#[derive(Debug)]
pub struct PassOutput<'a> {
    /// The packed rows of the pass.
    pub batch: &'a Batch,
    /// States at `<USER>`, `[segments, hidden]`.
    pub states: Tensor<2>,
    /// Logits of the answers' tokens, `[targets, vocabulary]`, if rows have answers.
    pub logits: Option<Tensor<2>>,
    /// The tokens that were to come, `[targets]`.
    pub targets: Option<Tensor<1, Int>>,
    /// Tokens of all answers of the step: the mean over the step divides by it.
    pub step_tokens: usize,
}

/// What a line of metrics holds beside losses, under names that no loss may have.
const METRICS: [&str; 8] = [
    "step",
    "phase",
    "loss",
    "learning_rate",
    "gradient_norm",
    "users_per_second",
    "event_hit_rate",
    "seconds",
];

/// Refuses an empty list and names that metrics could not tell apart.
pub(crate) fn check_names(objectives: &[Box<dyn Objective>]) -> Result<()> {
    let wrong = |found: String| {
        let expected = "losses, each with a name of its own that no other metric has";
        Err(Error::config("objectives", expected, found))
    };
    if objectives.is_empty() {
        return wrong("none".into());
    }
    let mut known: BTreeSet<&str> = METRICS.into_iter().chain([""]).collect();
    match objectives.iter().find(|one| !known.insert(one.name())) {
        None => Ok(()),
        Some(twice) => wrong(format!("`{}` twice", twice.name())),
    }
}

/// The losses of the method: contrastive and next token.
///
/// # Errors
/// When the numbers of the contrastive loss make no sense.
pub fn standard(config: &TrainConfig) -> Result<Objectives> {
    let contrastive = ContrastiveObjective {
        loss: config.loss.contrastive.init()?,
        weight: config.loss.contrastive_weight,
    };
    let next_token = NextTokenObjective {
        config: config.clone(),
    };
    Ok(vec![Box::new(contrastive), Box::new(next_token)])
}

#[derive(Debug)]
struct ContrastiveObjective {
    loss: Contrastive,
    weight: f64,
}

impl Objective for ContrastiveObjective {
    fn name(&self) -> &str {
        CONTRASTIVE
    }

    fn weight_at(&self, _step: usize) -> f64 {
        self.weight
    }

    fn of_step(&self, step: &StepVectors) -> Result<Option<Tensor<1>>> {
        let step = step.clone();
        let output = self.loss.forward(ContrastiveInput {
            users: step.users,
            answers: step.answers,
            user_keys: step.user_keys,
            answer_keys: step.answer_keys,
            extra_negatives: step.extra_negatives.map(|vectors| ExtraNegatives {
                vectors,
                keys: step.extra_negative_keys,
            }),
        })?;
        Ok(Some(output.loss))
    }
}

#[derive(Debug)]
struct NextTokenObjective {
    config: TrainConfig,
}

impl Objective for NextTokenObjective {
    fn name(&self) -> &str {
        NEXT_TOKEN
    }

    fn weight_at(&self, step: usize) -> f64 {
        self.config.next_token_weight_at(step)
    }

    fn of_pass(&self, pass: &PassOutput<'_>) -> Result<Option<Tensor<1>>> {
        let (Some(logits), Some(targets)) = (&pass.logits, &pass.targets) else {
            return Ok(None);
        };
        let count = pass.batch.targets.len();
        // Weights of the whole step, so that the passes' losses add up to the mean.
        let weights = vec![1.0 / pass.step_tokens.max(1) as f32; count];
        let device = logits.device().without_autodiff();
        let weights = Tensor::from_data(TensorData::new(weights, [count]), &device);
        let loss = weighted_next_token_loss(logits.clone(), targets.clone(), weights);
        Ok(Some(loss))
    }
}

/// The losses of one step by name, without their weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Losses(pub BTreeMap<String, f64>);

impl Losses {
    /// The loss of this name; NaN where the run has none.
    pub fn of(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(f64::NAN)
    }

    /// Adds to a loss.
    pub(crate) fn add(&mut self, name: &str, value: f64) {
        *self.0.entry(name.to_owned()).or_default() += value;
    }

    /// Adds a share of other losses.
    pub(crate) fn add_share(&mut self, other: &Self, parts: usize) {
        for (name, value) in &other.0 {
            self.add(name, value / parts as f64);
        }
    }

    /// The weighted sum that training minimises, with the weights after any warm-up.
    pub fn total(&self, objectives: &[Box<dyn Objective>]) -> f64 {
        let each = objectives.iter();
        each.map(|objective| objective.weight() * self.0.get(objective.name()).unwrap_or(&0.0))
            .sum()
    }

    /// Refuses a loss that is no number.
    pub(crate) fn check(&self, step: usize) -> Result<()> {
        match self.0.iter().find(|(_, value)| !value.is_finite()) {
            None => Ok(()),
            Some((loss, value)) => Err(Error::NonFiniteLoss {
                step,
                loss: loss.clone(),
                value: *value as f32,
            }),
        }
    }
}
