//! Root-mean-square normalisation (RMSNorm, arXiv:1910.07467), which decoders have in
//! place of a layer norm.

use burn::module::{Initializer, Module, Param};
use burn::tensor::{Device, Tensor};

use crate::kernels::rms_norm;

/// `x / √(mean(x²) + ε) · γ` over the last axis.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// γ, `[width]`; ones at the start.
    pub gamma: Param<Tensor<1>>,
    /// ε, added to the mean square.
    pub epsilon: f64,
}

impl RmsNorm {
    /// A fresh norm of the given width. Its scales are made when they are first read.
    pub fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            gamma: Initializer::Ones.init([width], device),
            epsilon,
        }
    }

    /// A norm with given scales.
    pub fn from_gamma(gamma: Tensor<1>, epsilon: f64) -> Self {
        Self {
            gamma: Param::from_tensor(gamma),
            epsilon,
        }
    }

    /// Normalises; the mean of half precision is taken in `f32`.
    ///
    /// # Shapes
    ///
    /// - `x` and the result: `[..., width]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        rms_norm(x, self.gamma.val(), self.epsilon)
    }
}
