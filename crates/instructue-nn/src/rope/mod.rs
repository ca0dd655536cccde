//! Rotary position embedding in the half-rotation form of Hugging Face.

mod scaling;

use burn::tensor::{DType, Int, Tensor, TensorData};

use crate::kernels::rotate;
pub use scaling::{Llama3Scaling, RopeScaling, YarnScaling};

/// The rotation of a model's heads.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// How fast each pair of a head turns, in radians per position: half as many as
    /// a head is wide.
    pub frequencies: Vec<f32>,
    /// What cosines and sines are multiplied by.
    pub scale: f32,
}

/// Cosines and sines of one batch, made once and used by every layer.
#[derive(Debug, Clone)]
pub struct RopeTables {
    cos: Tensor<4>,
    sin: Tensor<4>,
}

impl Rope {
    /// Heads of an even width and wavelengths of this base, `theta`.
    ///
    /// # Panics
    ///
    /// If the head width is odd, or `scaling` does not pass
    /// [`RopeScaling::validate`].
    pub fn new(head_dim: usize, theta: f64, scaling: Option<&RopeScaling>) -> Self {
        assert!(head_dim.is_multiple_of(2), "the head width is even");
        let plain = (0..head_dim / 2)
            .map(|pair| theta.powf(-((2 * pair) as f64) / head_dim as f64))
            .collect();
        let (frequencies, scale) = match scaling {
            None => (plain, 1.0),
            Some(scaling) => (scaling.apply(plain, theta), scaling.scale()),
        };
        Self {
            frequencies: frequencies.into_iter().map(|f| f as f32).collect(),
            scale: scale as f32,
        }
    }

    /// The tables for given positions.
    ///
    /// They are computed for the batch rather than gathered from a table over
    /// all positions: a few thousand cosines are nothing beside a layer, and
    /// no position is out of range.
    ///
    /// # Shapes
    ///
    /// - `positions`: `[batch, length]`
    pub fn tables(&self, positions: Tensor<2, Int>, dtype: DType) -> RopeTables {
        let device = positions.device().inner();
        let [batch, length] = positions.dims();
        // Both elements of a pair turn together.
        let both = [self.frequencies.as_slice(), &self.frequencies].concat();
        let width = both.len();
        let frequencies = Tensor::<4>::from_data(TensorData::new(both, [1, 1, 1, width]), &device);
        let angles = positions
            .inner()
            .float()
            .cast(DType::F32)
            .reshape([batch, 1, length, 1])
            * frequencies.cast(DType::F32);

        let scaled = |table: Tensor<4>| match self.scale == 1.0 {
            true => table.cast(dtype),
            false => (table * self.scale).cast(dtype),
        };
        RopeTables {
            cos: scaled(angles.clone().cos()),
            sin: scaled(angles.sin()),
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
