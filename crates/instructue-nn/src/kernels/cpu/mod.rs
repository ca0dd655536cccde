//! The operators for Burn's CPU backend Flex, with their places in the graph.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, backend_extension};

mod gelu;
mod math;
mod rows;
mod silu_mul;
mod softmax;

/// What the graph calls; see the functions of the parent module.
#[backend_extension(Autodiff, Flex)]
pub(super) trait Kernels: Backend {
    fn biased_softmax(scores: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
    fn silu_mul(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
    fn gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;
}

impl Kernels for Flex {
    fn biased_softmax(scores: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        softmax::forward(scores, bias)
    }

    fn silu_mul(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        silu_mul::forward(gate, up)
    }

    fn gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        gelu::forward(x)
    }
}

/// In the graph: the state that backward needs is kept only where a gradient
/// is wanted, so that an operator may write over its input otherwise.
impl<C: CheckpointStrategy> Kernels for Autodiff<Flex, C> {
    fn biased_softmax(scores: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let (scores, node) = scores.into_parts();
        let weights = softmax::forward(scores, bias.into_primitive());
        match softmax::Node
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(weights.clone(), weights),
            OpsKind::UnTracked(prep) => prep.finish(weights),
        }
    }

    fn silu_mul(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        let (gate, gate_node) = gate.into_parts();
        let (up, up_node) = up.into_parts();
        let node = silu_mul::Node.prepare::<C>([gate_node, up_node]);
        match node.compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = [gate.clone(), up.clone()];
                prep.finish(state, silu_mul::forward(gate, up))
            }
            OpsKind::UnTracked(prep) => prep.finish(silu_mul::forward(gate, up)),
        }
    }

    fn gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        match gelu::Node.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(x.clone(), gelu::forward(x)),
            OpsKind::UnTracked(prep) => prep.finish(gelu::forward(x)),
        }
    }
}
