//! The configuration of few-shot tuning.

use instructue_schema::limits::{self, numbers};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// The configuration of few-shot tuning. The defaults are those of arXiv:2602.14492, with a
/// higher learning rate because few parameters are learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuneConfig {
    /// The seed from which all randomness follows.
    pub seed: u64,
    /// The number of learned tokens; 0 learns prototypes alone.
    pub tokens: usize,
    /// The temperature τ of the prototype loss.
    pub temperature: f64,
    /// The largest number of optimiser steps.
    pub steps: usize,
    /// The approximate number of users in a step.
    pub users_per_step: usize,
    /// The peak learning rate of AdamW. It rises for a twentieth of the steps, then falls along a
    /// cosine.
    pub learning_rate: f64,
    /// The weight decay of AdamW.
    pub weight_decay: f64,
    /// The largest global norm of the gradients.
    pub clip_norm: f64,
    /// The share of each class that is held out to choose the best step.
    pub validation_share: f64,
    /// The number of steps between validations.
    pub validate_every: usize,
    /// The number of validations without improvement after which tuning ends; 0 means never.
    pub patience: usize,
    /// The bytes of device memory for the KV caches of profiles. Profiles beyond them are read
    /// again in each step that needs them.
    pub cache_bytes: usize,
}

impl Default for TuneConfig {
    fn default() -> Self {
        Self {
            seed: 7,
            tokens: 6,
            temperature: 0.07,
            steps: 500,
            users_per_step: 32,
            learning_rate: 2e-3,
            weight_decay: 1e-5,
            clip_norm: 1.0,
            validation_share: 0.2,
            validate_every: 20,
            patience: 8,
            cache_bytes: 4 << 30,
        }
    }
}

impl TuneConfig {
    /// Checks every number against its [range](numbers).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) names the first key with an invalid value.
    pub fn validate(&self) -> Result<()> {
        limits::check([
            ("seed", numbers::SEED.of(self.seed)),
            ("tokens", numbers::TUNED_TOKENS.of(self.tokens)),
            ("temperature", numbers::TEMPERATURE.of(self.temperature)),
            ("steps", numbers::STEPS.of(self.steps)),
            (
                "users_per_step",
                numbers::USERS_PER_STEP.of(self.users_per_step),
            ),
            (
                "learning_rate",
                numbers::LEARNING_RATE.of(self.learning_rate),
            ),
            ("weight_decay", numbers::WEIGHT_DECAY.of(self.weight_decay)),
            ("clip_norm", numbers::CLIP_NORM.of(self.clip_norm)),
            (
                "validation_share",
                numbers::SHARE_BETWEEN_ZERO_AND_ONE.of(self.validation_share),
            ),
            (
                "validate_every",
                numbers::POSITIVE_INTERVAL.of(self.validate_every),
            ),
            ("patience", numbers::INTERVAL.of(self.patience)),
            ("cache_bytes", numbers::BYTES.of(self.cache_bytes)),
        ])?;
        Ok(())
    }

    /// The learning rate at `step` (0-based).
    pub(super) fn learning_rate_at(&self, step: usize) -> f64 {
        let done = step as f64 / self.steps as f64;
        let warmup = ((step + 1) as f64 / (0.05 * self.steps as f64)).min(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
        self.learning_rate * warmup * cosine
    }
}

#[cfg(test)]
mod tests {
    use instructue_schema::limits::trials::try_numbers;

    use super::*;

    #[test]
    fn every_number_is_bounded() {
        let tried = try_numbers(&TuneConfig::default(), |config| {
            config.validate().map_err(|error| error.to_string())?;
            assert!(
                config.learning_rate_at(config.steps - 1).is_finite(),
                "{config:?}"
            );
            Ok(())
        });
        assert!(tried.unwrap() > 100);
        assert!(TuneConfig::default().validate().is_ok());
    }
}
