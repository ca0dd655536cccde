//! The settings of LoRA, as a model's configuration and a run's TOML hold them.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, limits};

/// Rank, scale and dropout of the adaptation. Keys that are left out have their
/// default; unknown ones are refused.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LoraConfig {
    /// Inner width r of `A: [input, r]` and `B: [r, output]`; 64.
    pub rank: usize,
    /// Numerator of the scale: `s = alpha / rank`; 32.
    pub alpha: f64,
    /// Share of the inputs of `A` set to zero while training, in `[0, 1)`; 0.1.
    pub dropout: f64,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self {
            rank: 64,
            alpha: 32.0,
            dropout: 0.1,
        }
    }
}

impl LoraConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with another rank.
    pub fn with_rank(mut self, rank: usize) -> Self {
        self.rank = rank;
        self
    }

    /// The same with another numerator of the scale.
    pub fn with_alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// The same with another dropout.
    pub fn with_dropout(mut self, dropout: f64) -> Self {
        self.dropout = dropout;
        self
    }

    /// Refuses a rank of zero or beyond [`limits::RANK`], a scale that is not finite
    /// and a dropout outside `[0, 1)`.
    ///
    /// # Errors
    ///
    /// [`Error::Lora`] names the key, what is expected and what was found.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_defaults_and_unknown_ones_are_refused() {
        let read = serde_json::from_str::<LoraConfig>;
        assert_eq!(read("{}").expect("defaults"), LoraConfig::default());
        let some = read(r#"{"rank": 8}"#).expect("a rank");
        assert_eq!(some, LoraConfig::new().with_rank(8));
        let error = read(r#"{"ranks": 8}"#)
            .expect_err("no such key")
            .to_string();
        assert!(error.contains("`ranks`"), "{error}");
    }
}
