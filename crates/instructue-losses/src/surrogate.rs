//! A scalar with a gradient that is already known.

use burn::tensor::Tensor;

/// Gives `value` the gradient `gradient` with respect to `tensor`.
///
/// The result reads as `value`; back-propagating it hands `gradient` (times the
/// incoming one) to `tensor`. It is how a gradient computed in closed form gets
/// into autodiff without a custom operation: `Σ t·g` has the gradient `g`, and
/// its value is taken away again as a constant.
///
/// # Shapes
/// - `value`: `[1]`, without autodiff
/// - `tensor`, `gradient`: `[rows, columns]`, the latter without autodiff
pub(crate) fn with_gradient(value: Tensor<1>, tensor: Tensor<2>, gradient: Tensor<2>) -> Tensor<1> {
    let surrogate = inner_product(tensor, gradient);
    // Values first: adding the (large) surrogate to the value and taking it
    // away again would cost digits, adding an exact zero does not.
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
