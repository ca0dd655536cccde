//! Comparison of tensors.

use burn::prelude::*;

/// The largest absolute difference.
pub fn distance(a: Tensor<2>, b: Tensor<2>) -> f32 {
    (a - b).abs().max().into_scalar()
}
