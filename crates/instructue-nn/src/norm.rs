//! Root-mean-square normalisation.

use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Tensor};

/// `x / √(mean(x²) + ε) · γ` over the last axis.
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// γ, `[width]`; ones at the start.
    pub gamma: Param<Tensor<1>>,
    /// ε, added to the mean square.
    pub epsilon: f64,
}

impl RmsNorm {
    /// A fresh norm of the given width.
    pub fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self::from_gamma(Tensor::ones([width], device), epsilon)
    }

    /// A norm with given scales.
    pub fn from_gamma(gamma: Tensor<1>, epsilon: f64) -> Self {
        Self {
            gamma: Param::from_tensor(gamma),
            epsilon,
        }
    }

    /// Normalises; the mean is taken in `f32` whatever the input's type.
    ///
    /// # Shapes
    ///
    /// - `x` and the result: `[..., width]`
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let dtype = x.dtype();
        if dtype == DType::F32 {
            return self.normalise(x) * self.gamma.val().unsqueeze();
        }
        let y = self.normalise(x.cast(DType::F32)).cast(dtype);
        y * self.gamma.val().unsqueeze()
    }

    fn normalise<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let width = x.dims()[D - 1] as f64;
        let square = if x.is_autodiff() {
            // Σ x·x̂ with x̂ held constant has half the gradient of Σ x². Twice
            // that, less its own value, is Σ x² in value and gradient, and
            // backward makes one full-sized product instead of two.
            let half = (x.clone() * x.clone().inner()).sum_dim(D - 1);
            half.clone() * 2.0 - half.inner()
        } else {
            x.clone().square().sum_dim(D - 1)
        };
        x * ((square / width) + self.epsilon).sqrt().recip()
    }
}
