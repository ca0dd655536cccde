//! Rotary position embedding in the half-rotation form of Hugging Face.

use burn::tensor::{DType, Int, Tensor, TensorData};

use crate::kernels::rotate;

/// The parameters of the rotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rope {
    /// Width of one head; even.
    pub head_dim: usize,
    /// Base of the wavelengths.
    pub theta: f64,
}

/// Cosines and sines of one batch, made once and used by every layer.
#[derive(Debug, Clone)]
pub struct RopeTables {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rope {
    /// The tables for given positions.
    ///
    /// They are computed for the batch rather than gathered from a table over
    /// all positions: a few thousand cosines are nothing beside a layer, and
    /// no position is out of range.
    ///
    /// # Shapes
    ///
    /// - `positions`: `[batch, length]`
    ///
    /// # Panics
    ///
    /// If the head width is odd.
    pub fn tables(&self, positions: Tensor<2, Int>, dtype: DType) -> RopeTables {
        let width = self.head_dim;
        assert!(width.is_multiple_of(2), "the head width is even");
        let half = width / 2;
        let device = positions.device().inner();
        let [batch, length] = positions.dims();

        let frequencies: Vec<f32> = (0..width)
            .map(|j| {
                let exponent = (2 * (j % half)) as f64 / width as f64;
                self.theta.powf(-exponent) as f32
            })
            .collect();
        let frequencies =
            Tensor::<4>::from_data(TensorData::new(frequencies, [1, 1, 1, width]), &device);
        let angles = positions
            .inner()
            .float()
            .cast(DType::F32)
            .reshape([batch, 1, length, 1])
            * frequencies.cast(DType::F32);

        RopeTables {
            cos: angles.clone().cos().cast(dtype),
            sin: angles.sin().cast(dtype),
        }
    }
}

impl RopeTables {
    /// Rotates queries or keys.
    ///
    /// # Shapes
    ///
    /// - `x` and the result: `[batch, heads, length, head width]`; `x` may be
    ///   a transposed view, the result is contiguous. It is rotated in the
    ///   tables' element type and comes back in its own.
    pub fn apply(&self, x: Tensor<4>) -> Tensor<4> {
        let dtype = x.dtype();
        rotate(x.cast(self.cos.dtype()), &self.cos, &self.sin).cast(dtype)
    }
}
