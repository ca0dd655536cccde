//! Every knob of few-shot tuning.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How an instruction is tuned; the defaults are method §6, with a higher rate
/// because so little is learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TuneConfig {
    /// All randomness derives from it.
    pub seed: u64,
    /// Learned tokens; 0 learns prototypes alone.
    pub tokens: usize,
    /// τ.
    pub temperature: f64,
    /// Most optimiser steps.
    pub steps: usize,
    /// Users in a step, about.
    pub users_per_step: usize,
    /// Peak learning rate of AdamW; it rises for a twentieth of the steps, then
    /// falls along a cosine.
    pub learning_rate: f64,
    /// AdamW weight decay.
    pub weight_decay: f64,
    /// Largest global norm of the gradients.
    pub clip_norm: f64,
    /// Share of each class that is held out to choose the best step.
    pub validation_share: f64,
    /// Steps between validations.
    pub validate_every: usize,
    /// Validations without improvement after which tuning ends; 0: never.
    pub patience: usize,
    /// Bytes of the device's memory for profiles that were read; those beyond are
    /// read again in each step that needs them.
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
    /// Checks that the values make sense.
    ///
    /// # Errors
    /// [`Error::Config`] names the first key that does not.
    pub fn validate(&self) -> Result<()> {
        let positive = [
            ("steps", self.steps),
            ("users_per_step", self.users_per_step),
            ("validate_every", self.validate_every),
        ];
        for (key, value) in positive {
            if value == 0 {
                return Err(Error::config(key, "at least 1", value));
            }
        }
        let above_zero = [
            ("temperature", self.temperature),
            ("learning_rate", self.learning_rate),
            ("clip_norm", self.clip_norm),
        ];
        for (key, value) in above_zero {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::config(key, "a finite number above 0", value));
            }
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            let expected = "a finite number, at least 0";
            return Err(Error::config("weight_decay", expected, self.weight_decay));
        }
        if !(self.validation_share > 0.0 && self.validation_share < 1.0) {
            let expected = "a share above 0 and below 1";
            let found = self.validation_share;
            return Err(Error::config("validation_share", expected, found));
        }
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
