//! Normalisation of vectors to length 1.

use burn::tensor::Tensor;

/// The squared norm below which a vector counts as zero.
const EPS_SQUARED: f64 = 1e-12;

/// Scales each row to length 1.
///
/// A row shorter than `1e-6` is divided by `1e-6` instead. So a zero row stays zero and its
/// gradient stays finite: the square root is taken of a clamped value, and its infinite slope at
/// zero is never used.
///
/// # Shapes
/// - `x`: `[rows, width]`
/// - result: `[rows, width]`
pub fn l2_normalize(x: Tensor<2>) -> Tensor<2> {
    let squared = x.clone().square().sum_dim(1).clamp_min(EPS_SQUARED);
    x * squared.sqrt().recip()
}
