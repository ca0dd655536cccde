//! Operators that Burn composes of many passes, each as one pass with its own
//! backward pass.
//!
//! With the feature `cpu`, `f32` tensors on Burn's CPU backend Flex take the
//! operators written here; every other tensor takes the same formula composed
//! of Burn's operations. Results agree to rounding.
//!
//! This is the one place below the facade that names a backend.

#[cfg(feature = "cpu")]
mod cpu;

#[cfg(feature = "cpu")]
use burn::backend::{Dispatch, DispatchDevice};
#[cfg(feature = "cpu")]
use burn::tensor::DType;
use burn::tensor::{Tensor, activation};

#[cfg(feature = "cpu")]
use cpu::Kernels;

/// Whether the operators of [`cpu`] can take this tensor.
#[cfg(feature = "cpu")]
fn on_cpu<const D: usize>(x: &Tensor<D>) -> bool {
    let device = x.device().inner();
    x.dtype() == DType::F32 && matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// `softmax(scores + bias)` over the last axis. No gradient goes to the bias.
///
/// # Shapes
///
/// - `scores` and the result: `[batch, heads, query, key]`
/// - `bias`: `[batch, 1, query or a divisor of it, key]`; fewer rows are
///   repeated in order
///
/// # Panics
///
/// If the shapes do not fit together.
pub fn biased_softmax(scores: Tensor<4>, bias: &Tensor<4>) -> Tensor<4> {
    let [batch, heads, query, key] = scores.dims();
    let [bias_batch, one, rows, bias_key] = bias.dims();
    let fits = bias_batch == batch && one == 1 && bias_key == key;
    assert!(
        fits && rows > 0 && query.is_multiple_of(rows),
        "a bias of {:?} does not fit scores of {:?}",
        bias.dims(),
        scores.dims()
    );
    #[cfg(feature = "cpu")]
    if on_cpu(&scores) && on_cpu(bias) {
        let bias = bias.clone().inner().into_dispatch();
        return Tensor::from_dispatch(Dispatch::biased_softmax(scores.into_dispatch(), bias));
    }
    // The repetition is an axis of its own while the bias is added, so that
    // the bias is broadcast, not copied.
    let scores = scores.reshape([batch, heads, query / rows, rows, key])
        + bias.clone().inner().unsqueeze_dim::<5>(2);
    activation::softmax(scores.reshape([batch, heads, query, key]), 3)
}

/// `silu(gate) · up`, with `silu(x) = x / (1 + e⁻ˣ)`: the gated activation of
/// Llama-type feed-forward parts.
///
/// # Shapes
///
/// - `gate`, `up` and the result: any, all equal
///
/// # Panics
///
/// If the shapes differ.
pub fn silu_mul<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    assert_eq!(gate.dims(), up.dims(), "gate and up have the same shape");
    #[cfg(feature = "cpu")]
    if on_cpu(&gate) && on_cpu(&up) {
        let y = Dispatch::silu_mul(gate.into_dispatch(), up.into_dispatch());
        return Tensor::from_dispatch(y);
    }
    activation::silu(gate) * up
}

/// `x·Φ(x)` with the exact normal distribution function, to 1e-7.
///
/// # Shapes
///
/// - `x` and the result: any
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "cpu")]
    if on_cpu(&x) {
        return Tensor::from_dispatch(Dispatch::gelu(x.into_dispatch()));
    }
    activation::gelu(x)
}
