//! A layer norm and two linear maps with a GELU between: the MLP adapter of Q-Anchor
//! (arXiv:2602.14492), and its summaries.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::gelu;

use crate::Error;
use crate::error::at_least_one;

/// Widths of an [`Mlp`].
#[derive(Config, Debug, PartialEq)]
pub struct MlpConfig {
    /// Width of the input.
    pub input: usize,
    /// Width of the output.
    pub output: usize,
    /// Width between the two linear layers; the output's width when absent.
    pub hidden: Option<usize>,
    /// Added to the variance in the layer norm.
    #[config(default = 1e-5)]
    pub norm_eps: f64,
}

/// LayerNorm → Linear → GELU (exact) → Linear: the adapter of Q-Anchor
/// (arXiv 2602.14492), also used for summary tokens.
#[derive(Module, Debug)]
pub struct Mlp {
    /// Over the input's width.
    pub norm: LayerNorm,
    /// Input to hidden.
    pub up: Linear,
    /// Hidden to output.
    pub down: Linear,
}

impl MlpConfig {
    /// Checks that no width is zero.
    ///
    /// # Errors
    /// [`Error::Zero`] names the key.
    pub fn validate(&self) -> Result<(), Error> {
        at_least_one("MlpConfig", "input", self.input)?;
        at_least_one("MlpConfig", "output", self.output)?;
        at_least_one("MlpConfig", "hidden", self.hidden.unwrap_or(1))
    }

    /// How many weights it has.
    pub fn weights(&self) -> u128 {
        let hidden = self.hidden.unwrap_or(self.output);
        let norm = 2 * self.input as u128;
        norm + linear_weights(self.input, hidden) + linear_weights(hidden, self.output)
    }

    /// Fresh weights on `device`.
    ///
    /// # Errors
    /// As [`MlpConfig::validate`].
    pub fn init(&self, device: &Device) -> Result<Mlp, Error> {
        self.validate()?;
        let hidden = self.hidden.unwrap_or(self.output);
        Ok(Mlp {
            norm: LayerNormConfig::new(self.input)
                .with_epsilon(self.norm_eps)
                .init(device),
            up: LinearConfig::new(self.input, hidden).init(device),
            down: LinearConfig::new(hidden, self.output).init(device),
        })
    }
}

impl Mlp {
    /// Maps each row.
    ///
    /// # Shapes
    /// - `rows`: `[n, input]`, n ≥ 1
    /// - result: `[n, output]`
    ///
    /// # Panics
    /// When the last dimension is not `input`.
    pub fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        let hidden = gelu(self.up.forward(self.norm.forward(rows)));
        self.down.forward(hidden)
    }

    /// Width of the output.
    pub fn output(&self) -> usize {
        self.down.weight.dims()[1]
    }
}

/// The weights of a linear map with a bias.
pub(crate) fn linear_weights(input: usize, output: usize) -> u128 {
    (input as u128 + 1) * output as u128
}
