//! The settings of LoRA, as a model's configuration and a run's TOML hold them.

use burn::config::Config;

use crate::{Error, Result, limits};

/// Rank, scale and dropout of the adaptation.
#[derive(Config, Debug, PartialEq)]
pub struct LoraConfig {
    /// Inner width r of `A: [input, r]` and `B: [r, output]`.
    #[config(default = 64)]
    pub rank: usize,
    /// Numerator of the scale: `s = alpha / rank`.
    #[config(default = 32.0)]
    pub alpha: f64,
    /// Share of the inputs of `A` set to zero while training, in `[0, 1)`.
    #[config(default = 0.1)]
    pub dropout: f64,
}

impl LoraConfig {
    /// Refuses a rank of zero or beyond [`limits::RANK`], a scale that is not finite
    /// and a dropout outside `[0, 1)`.
    pub fn validate(&self) -> Result<()> {
        let refuse = |key, expected: &str, found| {
            Err(Error::Lora {
                key,
                expected: expected.into(),
                found,
            })
        };
        if !limits::RANK.allows(self.rank) {
            let expected = limits::RANK.expected();
            return refuse("rank", &expected, self.rank.to_string());
        }
        // It becomes one of single precision.
        if !(self.alpha as f32).is_finite() {
            return refuse("alpha", "a finite number", self.alpha.to_string());
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return refuse("dropout", "a share in [0, 1)", self.dropout.to_string());
        }
        Ok(())
    }

    /// The factor `s = alpha / rank`.
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }
}
