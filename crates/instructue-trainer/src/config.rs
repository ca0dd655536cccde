//! The configuration of training, readable from TOML.

use instructue_losses::ContrastiveConfig;
use instructue_schema::limits::{self, numbers};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The configuration of the contrastive loss, see [`ContrastiveConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContrastiveSettings {
    /// The temperature τ.
    pub temperature: f64,
    /// The margin c of the false-negative mask.
    pub margin: f64,
    /// Whether user–answer pairs are negatives.
    pub user_answer: bool,
    /// Whether user–user pairs are negatives.
    pub user_user: bool,
    /// Whether answer–answer pairs are negatives.
    pub answer_answer: bool,
    /// Whether answer–user pairs are negatives.
    pub answer_user: bool,
    /// Whether the loss is anchored on both sides.
    pub symmetric: bool,
    /// Whether likely false negatives are left out.
    pub mask_false_negatives: bool,
    /// Whether the same user under another instruction stays a user–answer negative.
    pub same_user_negatives: bool,
}

impl Default for ContrastiveSettings {
    fn default() -> Self {
        let config = ContrastiveConfig::new();
        Self {
            temperature: config.temperature,
            margin: config.margin,
            user_answer: true,
            // In an untrained model all users are alike and all answers are alike. So these two
            // terms would be masked as false negatives until all vectors have become alike, and a
            // model trained from scratch would stay there.
            user_user: false,
            answer_answer: false,
            // The published code has these negatives.
            answer_user: true,
            symmetric: config.symmetric,
            mask_false_negatives: config.mask_false_negatives,
            same_user_negatives: config.same_user_negatives,
        }
    }
}

impl ContrastiveSettings {
    /// The configuration in the form of `instructue-losses`.
    pub fn config(&self) -> ContrastiveConfig {
        ContrastiveConfig::new()
            .with_temperature(self.temperature)
            .with_margin(self.margin)
            .with_user_answer(self.user_answer)
            .with_user_user(self.user_user)
            .with_answer_answer(self.answer_answer)
            .with_answer_user(self.answer_user)
            .with_symmetric(self.symmetric)
            .with_mask_false_negatives(self.mask_false_negatives)
            .with_same_user_negatives(self.same_user_negatives)
    }
}

/// The configuration of a training run. The defaults suit a small model that is trained from
/// scratch on a CPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The seed from which all randomness follows.
    pub seed: u64,
    /// The number of optimiser steps.
    pub steps: usize,
    /// The number of users in a step.
    pub users_per_step: usize,
    /// The number of instructions per user in a step; at least 2, so that the same user under
    /// another instruction is a negative.
    pub instructions_per_user: usize,
    /// The number of families from which a step's instructions come, as far as its users have
    /// them; 0 means all. With few families, users under the same question are each other's
    /// negatives, so a vector must tell users apart and not just questions.
    pub families_per_step: usize,
    /// The share of the steps before `families_per_step` applies. Until then all families mix,
    /// because a model first learns to tell questions apart and then to tell users apart.
    pub mixed_families: f64,
    /// The number of extra negatives per instruction: answers of other users to the same
    /// question. With them a vector must tell answers apart, not just questions.
    pub extra_negatives: usize,
    /// The number of steps whose users are sorted by length together, which reduces padding.
    pub length_window: usize,
    /// The largest number of slots (rows × padded length) in a pass. A step that needs more is
    /// divided into micro-batches and trained with GradCache.
    pub slots_per_pass: usize,
    /// The number of steps whose gradients are averaged before the optimiser moves.
    pub gradient_accumulation_steps: usize,
    /// The share of segments that lose their instruction, so that the general vector is trained
    /// too.
    pub instruction_dropout: f64,
    /// The largest share of a profile's events that are replaced by events of other users, in
    /// half of the training profiles. Vectors then rely on what a history says more than once.
    pub event_replacement: f64,
    /// The weight of the next-token loss (λ).
    pub next_token_weight: f64,
    /// The share of the steps in which that weight rises linearly from 0.
    pub next_token_warmup: f64,
    /// The weight of the contrastive loss; 0 switches it off.
    pub contrastive_weight: f64,
    /// The contrastive loss.
    pub contrastive: ContrastiveSettings,
    /// The peak learning rate.
    pub learning_rate: f64,
    /// The peak learning rate of parameters that change a pretrained decoder or encoder, such as
    /// the factors of LoRA.
    pub pretrained_learning_rate: f64,
    /// The share of the steps in which the learning rate rises linearly.
    pub warmup: f64,
    /// The learning rate at the end (cosine schedule), as a share of the peak.
    pub final_learning_rate: f64,
    /// β₁ of AdamW.
    pub beta1: f64,
    /// β₂ of AdamW.
    pub beta2: f64,
    /// ε of AdamW.
    pub epsilon: f64,
    /// The weight decay of AdamW.
    pub weight_decay: f64,
    /// The largest global norm of the gradients.
    pub clip_norm: f64,
    /// The number of steps between validations; 0 means never.
    pub validate_every: usize,
    /// The number of validation users.
    pub validation_users: usize,
    /// The number of validations without improvement after which training ends; 0 means never.
    pub patience: usize,
    /// The number of steps between checkpoints; 0 means only at the end.
    pub checkpoint_every: usize,
    /// The number of checkpoints that are kept.
    pub keep_checkpoints: usize,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 7,
            steps: 800,
            users_per_step: 24,
            instructions_per_user: 4,
            families_per_step: 6,
            mixed_families: 0.2,
            extra_negatives: 1,
            length_window: 8,
            slots_per_pass: 16_384,
            gradient_accumulation_steps: 1,
            instruction_dropout: 0.15,
            event_replacement: 0.25,
            next_token_weight: 1.0,
            next_token_warmup: 0.0,
            contrastive_weight: 1.0,
            contrastive: ContrastiveSettings::default(),
            learning_rate: 2e-3,
            pretrained_learning_rate: 2e-4,
            warmup: 0.05,
            final_learning_rate: 0.05,
            beta1: 0.9,
            beta2: 0.98,
            epsilon: 1e-6,
            weight_decay: 1e-5,
            clip_norm: 1.0,
            validate_every: 100,
            validation_users: 96,
            patience: 0,
            checkpoint_every: 100,
            keep_checkpoints: 2,
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
                "users_per_step",
                numbers::USERS_PER_STEP.of(self.users_per_step),
            ),
            (
                "instructions_per_user",
                numbers::INSTRUCTIONS_PER_USER.of(self.instructions_per_user),
            ),
            (
                "families_per_step",
                numbers::FAMILIES.of(self.families_per_step),
            ),
            ("mixed_families", numbers::SHARE.of(self.mixed_families)),
            (
                "extra_negatives",
                numbers::EXTRA_NEGATIVES.of(self.extra_negatives),
            ),
            (
                "length_window",
                numbers::LENGTH_WINDOW.of(self.length_window),
            ),
            (
                "slots_per_pass",
                numbers::SLOTS_PER_PASS.of(self.slots_per_pass),
            ),
            (
                "gradient_accumulation_steps",
                numbers::GRADIENT_ACCUMULATION_STEPS.of(self.gradient_accumulation_steps),
            ),
            (
                "instruction_dropout",
                numbers::SHARE.of(self.instruction_dropout),
            ),
            (
                "event_replacement",
                numbers::SHARE.of(self.event_replacement),
            ),
            (
                "next_token_weight",
                numbers::LOSS_WEIGHT.of(self.next_token_weight),
            ),
            (
                "next_token_warmup",
                numbers::SHARE.of(self.next_token_warmup),
            ),
            (
                "contrastive_weight",
                numbers::LOSS_WEIGHT.of(self.contrastive_weight),
            ),
            (
                "learning_rate",
                numbers::LEARNING_RATE.of(self.learning_rate),
            ),
            (
                "pretrained_learning_rate",
                numbers::LEARNING_RATE.of(self.pretrained_learning_rate),
            ),
            ("warmup", numbers::SHARE.of(self.warmup)),
            (
                "final_learning_rate",
                numbers::SHARE.of(self.final_learning_rate),
            ),
            ("beta1", numbers::MOMENT_DECAY.of(self.beta1)),
            ("beta2", numbers::MOMENT_DECAY.of(self.beta2)),
            ("epsilon", numbers::EPSILON.of(self.epsilon)),
            ("weight_decay", numbers::WEIGHT_DECAY.of(self.weight_decay)),
            ("clip_norm", numbers::CLIP_NORM.of(self.clip_norm)),
            ("validate_every", numbers::INTERVAL.of(self.validate_every)),
            (
                "validation_users",
                numbers::VALIDATION_USERS.of(self.validation_users),
            ),
            ("patience", numbers::INTERVAL.of(self.patience)),
            (
                "checkpoint_every",
                numbers::INTERVAL.of(self.checkpoint_every),
            ),
            (
                "keep_checkpoints",
                numbers::KEEP_CHECKPOINTS.of(self.keep_checkpoints),
            ),
        ])?;
        limits::check([
            (
                "contrastive.temperature",
                numbers::TEMPERATURE.of(self.contrastive.temperature),
            ),
            (
                "contrastive.margin",
                numbers::MARGIN.of(self.contrastive.margin),
            ),
        ])?;
        limits::product(
            "users_per_step × instructions_per_user × (1 + extra_negatives)",
            &[
                self.users_per_step as u64,
                self.instructions_per_user as u64,
                self.extra_negatives as u64 + 1,
            ],
            &numbers::PAIRS_PER_STEP,
        )?;
        if self.next_token_weight == 0.0 && self.contrastive_weight == 0.0 {
            return Err(Error::config(
                "contrastive_weight",
                "one loss with a weight above 0",
                0,
            ));
        }
        Ok(())
    }

    /// The weight of the next-token loss at `step` (0-based).
    pub fn next_token_weight_at(&self, step: usize) -> f64 {
        let warmup = (self.next_token_warmup * self.steps as f64).ceil();
        if (step as f64) < warmup {
            return self.next_token_weight * (step as f64 + 1.0) / (warmup + 1.0);
        }
        self.next_token_weight
    }

    /// The learning rate at `step` (0-based): linear warm-up, then cosine.
    pub fn learning_rate_at(&self, step: usize) -> f64 {
        let warmup = (self.warmup * self.steps as f64).ceil();
        let step = step as f64;
        if step < warmup {
            return self.learning_rate * (step + 1.0) / warmup;
        }
        let rest = (self.steps as f64 - warmup).max(1.0);
        let done = ((step - warmup) / rest).clamp(0.0, 1.0);
        let low = self.learning_rate * self.final_learning_rate;
        low + (self.learning_rate - low) * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
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
            warmup: 0.1,
            ..Default::default()
        };
        let at = |step| config.learning_rate_at(step);
        assert!(at(0) < at(5) && at(5) < at(9));
        assert!((at(9) - config.learning_rate).abs() < 1e-12);
        assert!((at(10) - config.learning_rate).abs() < 1e-12);
        assert!(at(50) > at(90));
        let floor = config.learning_rate * config.final_learning_rate;
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
            let data_steps = config.steps.checked_mul(config.gradient_accumulation_steps);
            assert!(data_steps.is_some(), "{config:?}");
            Ok(())
        });
        assert!(tried.unwrap() > 300);
        assert!(TrainConfig::default().validate().is_ok());
    }

    #[test]
    fn what_numbers_come_to_is_bounded() {
        let config = TrainConfig {
            users_per_step: 65_536,
            instructions_per_user: 1000,
            ..Default::default()
        };
        let message = config.validate().unwrap_err().to_string();
        assert!(
            message.contains("users_per_step") && message.contains("131072000"),
            "{message}"
        );
    }

    #[test]
    fn one_loss_must_count() {
        let config = TrainConfig {
            next_token_weight: 0.0,
            contrastive_weight: 0.0,
            ..Default::default()
        };
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains("contrastive_weight"), "{message}");
    }
}
