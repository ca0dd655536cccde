//! The head shared by users and answers: from a state to a unit vector
//! (arXiv:2510.11016).

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::config::HeadConfig;
use crate::lookup::unit;

/// Linear → ReLU → Linear → L2.
#[derive(Module, Debug)]
pub struct Head {
    inner: Linear,
    outer: Linear,
}

impl HeadConfig {
    /// A head with fresh weights for states of width `input`.
    pub fn init(&self, input: usize, device: &Device) -> Head {
        Head {
            inner: LinearConfig::new(input, self.hidden).init(device),
            outer: LinearConfig::new(self.hidden, self.output).init(device),
        }
    }
}

impl Head {
    /// Maps hidden states to unit vectors.
    ///
    /// # Shapes
    /// `[n, input]` → `[n, output]`
    pub fn forward(&self, states: Tensor<2>) -> Tensor<2> {
        unit(self.outer.forward(relu(self.inner.forward(states))))
    }
}
