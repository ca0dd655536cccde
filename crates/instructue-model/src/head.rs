//! The head shared by users and answers (method §3.6).

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::config::HeadSettings;
use crate::lookup::unit;

/// Linear → ReLU → Linear → L2.
#[derive(Module, Debug)]
pub struct Head {
    inner: Linear,
    outer: Linear,
}

impl Head {
    /// A head with fresh weights for states of width `input`.
    pub fn new(settings: HeadSettings, input: usize, device: &Device) -> Self {
        Self {
            inner: LinearConfig::new(input, settings.hidden).init(device),
            outer: LinearConfig::new(settings.hidden, settings.output).init(device),
        }
    }

    /// Maps hidden states to unit vectors.
    ///
    /// # Shapes
    /// `[n, input]` → `[n, output]`
    pub fn forward(&self, states: Tensor<2>) -> Tensor<2> {
        unit(self.outer.forward(relu(self.inner.forward(states))))
    }
}
