//! The element type that a model computes in. What one does with it, checks and
//! casts, is in `casting`.

use std::fmt;

use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

/// The element type of a model's matrices, and of the products with them.
///
/// In `bf16` and `f16` matrices, keys and values take half the memory. What
/// rounding would hurt stays `f32` in every precision: the residual stream, the
/// statistics of norms, softmax, rotation, the factors of LoRA, and all that
/// comes out of a model (states, logits, vectors).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits of precision.
    #[default]
    F32,
    /// 8 bits of precision over the range of `f32`.
    Bf16,
    /// 11 bits of precision up to 65504. Decoders with large activations
    /// overflow it; then states are not finite.
    F16,
}

impl Precision {
    /// Every precision, the widest first.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// As Burn calls it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }

    /// That of a tensor; `None` if it is of another type.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let dtype = tensor.dtype();
        Self::ALL.into_iter().find(|p| p.dtype() == dtype)
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}
