//! The MLP of adapters and summary tokens: LayerNorm → Linear → GELU → Linear.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::prelude::*;
use burn::tensor::activation::gelu;

use crate::error::{Error, at_least_one};

/// The widths of an [`Mlp`].
#[derive(Config, Debug, PartialEq)]
pub struct MlpConfig {
    /// The width of the input.
    pub input: usize,
    /// The width of the output.
    pub output: usize,
    /// The width between the two linear layers; default: the output's width.
    pub hidden: Option<usize>,
    /// The number that the layer norm adds to the variance.
    #[config(default = 1e-5)]
    pub norm_eps: f64,
}

/// LayerNorm → Linear → GELU (exact) → Linear. It is the adapter of Q-Anchor (arXiv:2602.14492),
/// and is also used for summary tokens.
#[derive(Module, Debug)]
pub struct Mlp {
    /// The layer norm over the input.
    pub norm: LayerNorm,
    /// The map from input to hidden.
    pub up: Linear,
    /// The map from hidden to output.
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

    /// The number of weights.
    pub fn weights(&self) -> u128 {
        let hidden = self.hidden.unwrap_or(self.output);
        let norm = 2 * self.input as u128;
        norm + linear_weights(self.input, hidden) + linear_weights(hidden, self.output)
    }

    /// Initialises the weights on `device`.
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
    /// If the last dimension is not `input`.
    pub fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        let hidden = gelu(self.up.forward(self.norm.forward(rows)));
        self.down.forward(hidden)
    }

    /// The width of the output.
    pub fn output(&self) -> usize {
        self.down.weight.dims()[1]
    }
}

/// The number of weights of a linear map with a bias.
pub(crate) fn linear_weights(input: usize, output: usize) -> u128 {
    (input as u128 + 1) * output as u128
}
