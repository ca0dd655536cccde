//! Rotary positions for longer texts than a model was first trained with, as
//! transformers computes them (`modeling_rope_utils`).

use std::f64::consts::TAU;

use crate::{Error, Result};

/// How the frequencies of the rotation are changed.
#[derive(Debug, Clone, PartialEq)]
pub enum RopeScaling {
    /// All divided by this.
    Linear {
        /// How much longer texts may be.
        factor: f64,
    },
    /// Slow ones divided, fast ones kept, as Llama 3.1 has it.
    Llama3(Llama3Scaling),
    /// Slow ones divided, fast ones kept, and the scores sharpened (YaRN, arXiv
    /// 2309.00071).
    Yarn(YarnScaling),
    /// Each divided by its own number, as GGUF files hold the scaling of Llama 3.1.
    Factors(Vec<f32>),
}

/// `llama3`: wavelengths are compared with the length of the first training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Llama3Scaling {
    /// What slow frequencies are divided by.
    pub factor: f64,
    /// Slow is what turns fewer times than this over the original length.
    pub low_freq_factor: f64,
    /// Fast is what turns more often than this; between the two is a mixture.
    pub high_freq_factor: f64,
    /// Positions of the first training.
    pub original_max_position_embeddings: usize,
}

/// `yarn`: a ramp over the frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YarnScaling {
    /// What slow frequencies are divided by.
    pub factor: f64,
    /// Turns over the original length above which a frequency is kept.
    pub beta_fast: f64,
    /// Turns below which it is divided.
    pub beta_slow: f64,
    /// What cosines and sines are multiplied by, see
    /// [`default_attention_factor`](Self::default_attention_factor).
    pub attention_factor: f64,
    /// Positions of the first training.
    pub original_max_position_embeddings: usize,
    /// Whether the ramp begins and ends at whole pairs.
    pub truncate: bool,
}

impl YarnScaling {
    /// The turns of the paper, 32.
    pub const BETA_FAST: f64 = 32.0;
    /// The turns of the paper, 1.
    pub const BETA_SLOW: f64 = 1.0;

    /// What is used where no file names one: the paper's, or the ratio of those with
    /// `mscale` and `mscale_all_dim` where both are named and not 0.
    pub fn default_attention_factor(
        factor: f64,
        mscale: Option<f64>,
        mscale_all_dim: Option<f64>,
    ) -> f64 {
        let sharper = |mscale: f64| match factor <= 1.0 {
            true => 1.0,
            false => 0.1 * mscale * factor.ln() + 1.0,
        };
        let named = |mscale: Option<f64>| mscale.filter(|mscale| *mscale != 0.0);
        match (named(mscale), named(mscale_all_dim)) {
            (Some(mscale), Some(all)) => sharper(mscale) / sharper(all),
            _ => sharper(1.0),
        }
    }

    /// The pair (a real number) that turns so often over the original length.
    fn pair(&self, turns: f64, width: f64, theta: f64) -> f64 {
        let length = self.original_max_position_embeddings as f64;
        width * (length / (turns * TAU)).ln() / (2.0 * theta.ln())
    }
}

impl RopeScaling {
    /// Refuses numbers that make no rotation of heads of this width and base; the
    /// error names the key.
    pub fn validate(&self, head_dim: usize, theta: f64) -> Result<()> {
        let refuse = |key, expected: String, found: String| {
            Err(Error::RopeScaling {
                key,
                expected,
                found,
            })
        };
        let (positive, length): (&[(&'static str, f64)], Option<usize>) = match self {
            Self::Linear { factor } => (&[("factor", *factor)], None),
            Self::Llama3(scaling) => (
                &[
                    ("factor", scaling.factor),
                    ("low_freq_factor", scaling.low_freq_factor),
                    ("high_freq_factor", scaling.high_freq_factor),
                ],
                Some(scaling.original_max_position_embeddings),
            ),
            Self::Yarn(scaling) => (
                &[
                    ("factor", scaling.factor),
                    ("beta_fast", scaling.beta_fast),
                    ("beta_slow", scaling.beta_slow),
                    ("attention_factor", scaling.attention_factor),
                ],
                Some(scaling.original_max_position_embeddings),
            ),
            Self::Factors(factors) => {
                let pairs = head_dim / 2;
                if factors.len() != pairs {
                    let expected = format!("{pairs} factors, one for each pair of a head");
                    return refuse("factors", expected, factors.len().to_string());
                }
                let bad = factors.iter().find(|f| !(f.is_finite() && **f > 0.0));
                return match bad {
                    None => Ok(()),
                    Some(bad) => refuse("factors", "positive numbers".into(), bad.to_string()),
                };
            }
        };
        for &(key, value) in positive {
            // Within single precision: that is what is computed with.
            if !((value as f32).is_finite() && value as f32 > 0.0) {
                return refuse(key, "a positive number".into(), value.to_string());
            }
        }
        if length == Some(0) {
            let key = "original_max_position_embeddings";
            return refuse(key, "at least 1".into(), "0".into());
        }
        match self {
            Self::Llama3(scaling) if scaling.high_freq_factor <= scaling.low_freq_factor => refuse(
                "high_freq_factor",
                format!("more than low_freq_factor = {}", scaling.low_freq_factor),
                scaling.high_freq_factor.to_string(),
            ),
            Self::Yarn(scaling) if scaling.beta_fast < scaling.beta_slow => refuse(
                "beta_fast",
                format!("at least beta_slow = {}", scaling.beta_slow),
                scaling.beta_fast.to_string(),
            ),
            Self::Yarn(_) if theta <= 1.0 => {
                refuse("rope_theta", "more than 1".into(), theta.to_string())
            }
            _ => Ok(()),
        }
    }

    /// The frequencies of all pairs, changed.
    pub(super) fn apply(&self, plain: Vec<f64>, theta: f64) -> Vec<f64> {
        let width = (2 * plain.len()) as f64;
        match self {
            Self::Linear { factor } => plain.into_iter().map(|f| f / factor).collect(),
            Self::Llama3(scaling) => {
                let length = scaling.original_max_position_embeddings as f64;
                let (low, high) = (scaling.low_freq_factor, scaling.high_freq_factor);
                let change = |frequency: f64| {
                    let turns = length * frequency / TAU;
                    // 0: slow, 1: fast.
                    let fast = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    (1.0 - fast) * frequency / scaling.factor + fast * frequency
                };
                plain.into_iter().map(change).collect()
            }
            Self::Yarn(scaling) => {
                let mut from = scaling.pair(scaling.beta_fast, width, theta);
                let mut to = scaling.pair(scaling.beta_slow, width, theta);
                if scaling.truncate {
                    (from, to) = (from.floor(), to.ceil());
                }
                let from = from.max(0.0);
                to = to.min(width - 1.0);
                // A ramp without length would divide by 0.
                if from == to {
                    to += 0.001;
                }
                let change = |(pair, frequency): (usize, f64)| {
                    let slow = ((pair as f64 - from) / (to - from)).clamp(0.0, 1.0);
                    frequency / scaling.factor * slow + frequency * (1.0 - slow)
                };
                plain.into_iter().enumerate().map(change).collect()
            }
            Self::Factors(factors) => {
                let pairs = plain.into_iter().zip(factors);
                pairs.map(|(f, factor)| f / f64::from(*factor)).collect()
            }
        }
    }

    /// What cosines and sines are multiplied by.
    pub(super) fn scale(&self) -> f64 {
        match self {
            Self::Yarn(scaling) => scaling.attention_factor,
            Self::Linear { .. } | Self::Llama3(_) | Self::Factors(_) => 1.0,
        }
    }
}
