//! The configuration of training, readable from TOML.

use instructue_losses::ContrastiveConfig;
use instructue_schema::limits::{self, numbers};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How a run trains.
///
/// The defaults suit a small model that is trained from scratch on a CPU for minutes. In a
/// TOML file each topic is a table of its own: `[train.batch]`, `[train.loss]` and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Optimizer steps.
    pub steps: usize,
    /// What a step is made of.
    pub batch: BatchConfig,
    /// The losses and their weights.
    pub loss: LossConfig,
    /// AdamW.
    pub optimizer: OptimizerConfig,
    /// The learning rate over the steps.
    pub schedule: ScheduleConfig,
    /// Validation and early stopping.
    pub validation: ValidationConfig,
    /// Checkpoints.
    pub checkpoint: CheckpointConfig,
    /// The seed of all randomness in training. It is the run's, so it is no key of its own.
    #[serde(skip)]
    pub seed: u64,
}

/// What a training step is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BatchConfig {
    /// Users in a step.
    pub users_per_step: usize,
    /// Instructions per user in a step. With at least 2, the same user under another
    /// instruction is a negative.
    pub instructions_per_user: usize,
    /// Question families that the instructions of a step are drawn from, as far as its users
    /// have them; 0 means all. With few families, users under the same question are each
    /// other's negatives, so a vector must tell users apart and not only questions.
    pub families_per_step: usize,
    /// Share of the steps before `families_per_step` counts. Until then all families mix,
    /// because a model learns to tell questions apart before it learns to tell users apart.
    pub mixed_families: f64,
    /// Extra negatives per instruction: answers of other users to the same question. They
    /// make vectors tell answers apart and not only questions.
    pub extra_negatives: usize,
    /// Steps whose users are sorted by length together. A larger window means less padding.
    pub length_window: usize,
    /// Slots (rows × padded length) of one pass. A step that needs more is cut into
    /// micro-batches and trained with GradCache.
    pub slots_per_pass: usize,
    /// Batches whose gradients are averaged before the optimizer takes a step.
    pub gradient_accumulation_steps: usize,
    /// Share of segments that lose their instruction, so that the general vector is trained
    /// too.
    pub instruction_dropout: f64,
    /// Half of the training profiles have up to this share of their events replaced by
    /// events of other users. Vectors then rest on what a history says more than once.
    pub event_replacement: f64,
}

/// The losses of a step and their weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LossConfig {
    /// Weight of the next-token loss (λ of arXiv:2510.11016).
    pub next_token_weight: f64,
    /// The share of the steps in which the next-token loss's weight rises linearly from 0.
    pub next_token_warmup: f64,
    /// The weight of the contrastive loss; 0 switches it off.
    pub contrastive_weight: f64,
    /// The contrastive loss.
    pub contrastive: ContrastiveConfig,
}

/// AdamW, and the norm that gradients are clipped to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Peak learning rate of what changes a pretrained decoder or encoder, such as the
    /// factors of LoRA.
    pub pretrained_learning_rate: f64,
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε.
    pub epsilon: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// The largest global norm of the gradients.
    pub clip_norm: f64,
}

/// The learning rate over the steps: it rises linearly, then falls along a cosine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Share of the steps in which the learning rate rises.
    pub warmup: f64,
    /// Learning rate at the end, as a share of the peak.
    pub final_learning_rate: f64,
}

/// Validation and early stopping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationConfig {
    /// Steps between validations; 0: never.
    pub every: usize,
    /// Validation users.
    pub users: usize,
    /// Validations without improvement after which training ends; 0: never.
    pub patience: usize,
}

/// Checkpoints, from which a killed run resumes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckpointConfig {
    /// Steps between checkpoints; 0: only at the end.
    pub every: usize,
    /// Checkpoints kept.
    pub keep: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 400,
            batch: BatchConfig::default(),
            loss: LossConfig::default(),
            optimizer: OptimizerConfig::default(),
            schedule: ScheduleConfig::default(),
            validation: ValidationConfig::default(),
            checkpoint: CheckpointConfig::default(),
            seed: 7,
        }
    }
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            users_per_step: 24,
            instructions_per_user: 12,
            families_per_step: 6,
            mixed_families: 0.2,
            extra_negatives: 1,
            length_window: 8,
            slots_per_pass: 16_384,
            gradient_accumulation_steps: 1,
            instruction_dropout: 0.15,
            event_replacement: 0.25,
        }
    }
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            next_token_weight: 1.0,
            next_token_warmup: 0.0,
            contrastive_weight: 0.3,
            contrastive: ContrastiveConfig::default(),
        }
    }
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            learning_rate: 2e-3,
            pretrained_learning_rate: 2e-4,
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-6,
            weight_decay: 1e-5,
            clip_norm: 1.0,
        }
    }
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            warmup: 0.05,
            final_learning_rate: 0.05,
        }
    }
}

impl Default for ValidationConfig {
    fn default() -> Self {
        Self {
            every: 100,
            users: 96,
            patience: 0,
        }
    }
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        Self {
            every: 100,
            keep: 2,
        }
    }
}

impl TrainConfig {
    /// Checks every number against its [range](numbers), and that the values fit together.
    ///
    /// # Errors
    /// [`Error::Config`] names the first key with an invalid value.
    pub fn validate(&self) -> Result<()> {
        limits::check([
            ("seed", numbers::SEED.of(self.seed)),
            ("steps", numbers::STEPS.of(self.steps)),
            (
                "batch.users_per_step",
                numbers::USERS_PER_STEP.of(self.batch.users_per_step),
            ),
            (
                "batch.instructions_per_user",
                numbers::INSTRUCTIONS_PER_USER.of(self.batch.instructions_per_user),
            ),
            (
                "batch.families_per_step",
                numbers::FAMILIES.of(self.batch.families_per_step),
            ),
            (
                "batch.mixed_families",
                numbers::SHARE.of(self.batch.mixed_families),
            ),
            (
                "batch.extra_negatives",
                numbers::EXTRA_NEGATIVES.of(self.batch.extra_negatives),
            ),
            (
                "batch.length_window",
                numbers::LENGTH_WINDOW.of(self.batch.length_window),
            ),
            (
                "batch.slots_per_pass",
                numbers::SLOTS_PER_PASS.of(self.batch.slots_per_pass),
            ),
            (
                "batch.gradient_accumulation_steps",
                numbers::GRADIENT_ACCUMULATION_STEPS.of(self.batch.gradient_accumulation_steps),
            ),
            (
                "batch.instruction_dropout",
                numbers::SHARE.of(self.batch.instruction_dropout),
            ),
            (
                "batch.event_replacement",
                numbers::SHARE.of(self.batch.event_replacement),
            ),
            (
                "loss.next_token_weight",
                numbers::LOSS_WEIGHT.of(self.loss.next_token_weight),
            ),
            (
                "loss.next_token_warmup",
                numbers::SHARE.of(self.loss.next_token_warmup),
            ),
            (
                "loss.contrastive_weight",
                numbers::LOSS_WEIGHT.of(self.loss.contrastive_weight),
            ),
            (
                "optimizer.learning_rate",
                numbers::LEARNING_RATE.of(self.optimizer.learning_rate),
            ),
            (
                "optimizer.pretrained_learning_rate",
                numbers::LEARNING_RATE.of(self.optimizer.pretrained_learning_rate),
            ),
            ("schedule.warmup", numbers::SHARE.of(self.schedule.warmup)),
            (
                "schedule.final_learning_rate",
                numbers::SHARE.of(self.schedule.final_learning_rate),
            ),
            (
                "optimizer.beta1",
                numbers::MOMENT_DECAY.of(self.optimizer.beta1),
            ),
            (
                "optimizer.beta2",
                numbers::MOMENT_DECAY.of(self.optimizer.beta2),
            ),
            (
                "optimizer.epsilon",
                numbers::EPSILON.of(self.optimizer.epsilon),
            ),
            (
                "optimizer.weight_decay",
                numbers::WEIGHT_DECAY.of(self.optimizer.weight_decay),
            ),
            (
                "optimizer.clip_norm",
                numbers::CLIP_NORM.of(self.optimizer.clip_norm),
            ),
            (
                "validation.every",
                numbers::INTERVAL.of(self.validation.every),
            ),
            (
                "validation.users",
                numbers::VALIDATION_USERS.of(self.validation.users),
            ),
            (
                "validation.patience",
                numbers::INTERVAL.of(self.validation.patience),
            ),
            (
                "checkpoint.every",
                numbers::INTERVAL.of(self.checkpoint.every),
            ),
            (
                "checkpoint.keep",
                numbers::KEEP_CHECKPOINTS.of(self.checkpoint.keep),
            ),
        ])?;
        limits::check([
            (
                "loss.contrastive.temperature",
                numbers::TEMPERATURE.of(self.loss.contrastive.temperature),
            ),
            (
                "loss.contrastive.margin",
                numbers::MARGIN.of(self.loss.contrastive.margin),
            ),
        ])?;
        limits::product(
            "batch.users_per_step × batch.instructions_per_user × (1 + batch.extra_negatives)",
            &[
                self.batch.users_per_step as u64,
                self.batch.instructions_per_user as u64,
                self.batch.extra_negatives as u64 + 1,
            ],
            &numbers::PAIRS_PER_STEP,
        )?;
        if self.loss.next_token_weight == 0.0 && self.loss.contrastive_weight == 0.0 {
            return Err(Error::config(
                "loss.contrastive_weight",
                "one loss with a weight above 0",
                0,
            ));
        }
        Ok(())
    }

    /// The weight of the next-token loss at `step` (0-based).
    pub fn next_token_weight_at(&self, step: usize) -> f64 {
        let warmup = (self.loss.next_token_warmup * self.steps as f64).ceil();
        if (step as f64) < warmup {
            return self.loss.next_token_weight * (step as f64 + 1.0) / (warmup + 1.0);
        }
        self.loss.next_token_weight
    }

    /// The learning rate at `step` (0-based): linear warm-up, then cosine.
    pub fn learning_rate_at(&self, step: usize) -> f64 {
        let warmup = (self.schedule.warmup * self.steps as f64).ceil();
        let step = step as f64;
        if step < warmup {
            return self.optimizer.learning_rate * (step + 1.0) / warmup;
        }
        let rest = (self.steps as f64 - warmup).max(1.0);
        let done = ((step - warmup) / rest).clamp(0.0, 1.0);
        let low = self.optimizer.learning_rate * self.schedule.final_learning_rate;
        low + (self.optimizer.learning_rate - low)
            * 0.5
            * (1.0 + (std::f64::consts::PI * done).cos())
    }
}

#[cfg(test)]
mod tests {
    use instructue_schema::limits::trials::try_numbers;

    use super::*;

    #[test]
    fn the_learning_rate_rises_then_falls_to_its_floor() {
        let config = TrainConfig {
            steps: 100,
            schedule: ScheduleConfig {
                warmup: 0.1,
                ..ScheduleConfig::default()
            },
            ..Default::default()
        };
        let at = |step| config.learning_rate_at(step);
        assert!(at(0) < at(5) && at(5) < at(9));
        assert!((at(9) - config.optimizer.learning_rate).abs() < 1e-12);
        assert!((at(10) - config.optimizer.learning_rate).abs() < 1e-12);
        assert!(at(50) > at(90));
        let floor = config.optimizer.learning_rate * config.schedule.final_learning_rate;
        assert!((at(100) - floor).abs() < 1e-12);
        assert!((at(1000) - floor).abs() < 1e-12);
    }

    #[test]
    fn every_number_is_bounded() {
        let tried = try_numbers(&TrainConfig::default(), |config| {
            config.validate().map_err(|error| error.to_string())?;
            for step in [0, config.steps / 2, config.steps] {
                assert!(config.learning_rate_at(step).is_finite(), "{config:?}");
                assert!(config.next_token_weight_at(step).is_finite(), "{config:?}");
            }
            let data_steps = config
                .steps
                .checked_mul(config.batch.gradient_accumulation_steps);
            assert!(data_steps.is_some(), "{config:?}");
            Ok(())
        });
        assert!(tried.unwrap() > 300);
        assert!(TrainConfig::default().validate().is_ok());
    }

    #[test]
    fn what_numbers_come_to_is_bounded() {
        let config = TrainConfig {
            batch: BatchConfig {
                users_per_step: 65_536,
                instructions_per_user: 1000,
                ..BatchConfig::default()
            },
            ..Default::default()
        };
        let message = config.validate().unwrap_err().to_string();
        assert!(
            message.contains("batch.users_per_step") && message.contains("131072000"),
            "{message}"
        );
    }

    #[test]
    fn one_loss_must_count() {
        let config = TrainConfig {
            loss: LossConfig {
                next_token_weight: 0.0,
                contrastive_weight: 0.0,
                ..LossConfig::default()
            },
            ..Default::default()
        };
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains("loss.contrastive_weight"), "{message}");
    }
}
