//! Scalars with a gradient that is already known. Losses with a closed-form gradient need them.

use burn::tensor::Tensor;

/// Gives `value` the gradient `gradient` with respect to `tensor`.
///
/// The result equals `value`. Back-propagating it gives `gradient` (times the incoming one) to
/// `tensor`. So a gradient in closed form becomes part of autodiff without a custom operation: `Σ
/// t·g` has the gradient `g`, and its value is subtracted again as a constant.
///
/// # Shapes
/// - `value`: `[1]`, without autodiff
/// - `tensor`, `gradient`: `[rows, columns]`, the latter without autodiff
pub(crate) fn with_gradient(value: Tensor<1>, tensor: Tensor<2>, gradient: Tensor<2>) -> Tensor<1> {
    let surrogate = inner_product(tensor, gradient);
    // The difference is computed first. Adding the (large) surrogate to the value and subtracting
    // it again would cost digits; adding an exact zero does not.
    let zero = surrogate.clone() - surrogate.detach();
    zero + value
}

/// `Σ a·b` as a tensor of shape `[1]`.
///
/// # Shapes
/// - `a`, `b`: `[rows, columns]`
pub(crate) fn inner_product(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    (a * b).sum()
}
