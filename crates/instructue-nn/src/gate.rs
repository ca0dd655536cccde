//! The gated activation of Llama-type feed-forward parts.

use burn::tensor::Tensor;

/// `silu(gate) · up`, with `silu(x) = x / (1 + e⁻ˣ)`.
///
/// # Shapes
///
/// - `gate`, `up` and the result: any, all equal
pub fn swiglu<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    let x = gate.clone().inner();
    let sigmoid = (x.clone().neg().exp() + 1.0).recip();
    let silu = x.clone() * sigmoid.clone();
    if !gate.is_autodiff() {
        return silu * up;
    }
    // Value and slope are computed once, outside the graph; inside it the
    // function is linear in gate − x, which is zero. (The graph's own sigmoid
    // takes its exponential again in the backward pass.)
    let slope = sigmoid.clone() + silu.clone() - silu.clone() * sigmoid;
    ((gate - x) * slope + silu) * up
}
