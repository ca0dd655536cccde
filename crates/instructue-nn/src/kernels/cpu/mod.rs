//! The operators for Burn's CPU backend Flex, with their places in the graph.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::ops::{Backward, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Flex, backend_extension};

mod attention;
mod cross_entropy;
mod gelu;
mod math;
mod norm;
mod product;
mod rotate;
mod rows;
mod silu_mul;
mod softmax;
mod widen;

/// What the graph calls; see the functions of the parent module.
#[backend_extension(Autodiff, Flex)]
pub(super) trait Kernels: Backend {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn biased_softmax(scores: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self>;
    fn cross_entropy(logits: FloatTensor<Self>, targets: Vec<usize>) -> FloatTensor<Self>;
    fn silu_mul(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self>;
    fn gelu(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn rms_norm(x: FloatTensor<Self>, gamma: FloatTensor<Self>, eps: f32) -> FloatTensor<Self>;
    fn layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self>;
    fn rotate(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
    fn widen(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn contiguous(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn product(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self>;
    fn low_rank(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        z: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f32,
        same: bool,
    ) -> FloatTensor<Self>;
}

impl Kernels for Flex {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        attention::forward(&attention::Inputs::new(q, k, v, bias)).0
    }

    fn biased_softmax(scores: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        softmax::forward(scores, bias)
    }

    fn cross_entropy(logits: FloatTensor<Self>, targets: Vec<usize>) -> FloatTensor<Self> {
        cross_entropy::forward(logits, targets).0
    }

    fn silu_mul(gate: FloatTensor<Self>, up: FloatTensor<Self>) -> FloatTensor<Self> {
        silu_mul::forward(gate, up)
    }

    fn gelu(x: FloatTensor<Self>) -> FloatTensor<Self> {
        gelu::forward(x)
    }

    fn rms_norm(x: FloatTensor<Self>, gamma: FloatTensor<Self>, eps: f32) -> FloatTensor<Self> {
        norm::rms_forward(x, gamma, eps)
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self> {
        norm::layer_forward(x, gamma, beta, eps)
    }

    fn rotate(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        rotate::forward(x, &rotate::State { cos, sin })
    }

    fn widen(x: FloatTensor<Self>) -> FloatTensor<Self> {
        widen::forward(x)
    }

    fn contiguous(x: FloatTensor<Self>) -> FloatTensor<Self> {
        match x.layout().is_contiguous() {
            true => x,
            false => x.to_contiguous(),
        }
    }

    fn product(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        product::forward(&x, &w)
    }

    fn low_rank(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        z: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f32,
        _: bool,
    ) -> FloatTensor<Self> {
        product::low_rank_forward([&x, &w, &z, &a, &b], scale).0
    }
}

/// In the graph: the state that backward needs is kept only where a gradient
/// is wanted, so that an operator may write over its input otherwise.
impl<C: CheckpointStrategy> Kernels for Autodiff<Flex, C> {
    fn attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (q, q_node) = q.into_parts();
        let (k, k_node) = k.into_parts();
        let (v, v_node) = v.into_parts();
        let inputs = attention::Inputs::new(q, k, v, bias.into_primitive());
        let (y, stats) = attention::forward(&inputs);
        let node = attention::Node.prepare::<C>([q_node, k_node, v_node]);
        match node.compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((inputs, stats), y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

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

    fn cross_entropy(logits: FloatTensor<Self>, targets: Vec<usize>) -> FloatTensor<Self> {
        let (logits, node) = logits.into_parts();
        let (losses, state) = cross_entropy::forward(logits, targets);
        let node = cross_entropy::Node.prepare::<C>([node]);
        match node.compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(state, losses),
            OpsKind::UnTracked(prep) => prep.finish(losses),
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

    fn rms_norm(x: FloatTensor<Self>, gamma: FloatTensor<Self>, eps: f32) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (gamma, gamma_node) = gamma.into_parts();
        let y = norm::rms_forward(x.clone(), gamma.clone(), eps);
        let node = norm::RmsNode.prepare::<C>([x_node, gamma_node]);
        match node.compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(
                norm::State {
                    x,
                    gamma,
                    epsilon: eps,
                },
                y,
            ),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        eps: f32,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (gamma, gamma_node) = gamma.into_parts();
        let (beta, beta_node) = beta.into_parts();
        let y = norm::layer_forward(x.clone(), gamma.clone(), beta, eps);
        let node = norm::LayerNode.prepare::<C>([x_node, gamma_node, beta_node]);
        match node.compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(
                norm::State {
                    x,
                    gamma,
                    epsilon: eps,
                },
                y,
            ),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    fn rotate(
        x: FloatTensor<Self>,
        cos: FloatTensor<Self>,
        sin: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let (x, node) = x.into_parts();
        let tables = rotate::State {
            cos: cos.into_primitive(),
            sin: sin.into_primitive(),
        };
        let y = rotate::forward(x, &tables);
        match rotate::Node.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(tables, y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    /// No gradient goes through it.
    fn widen(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(widen::forward(x.into_primitive()))
    }

    /// No gradient goes through it.
    fn contiguous(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(<Flex as Kernels>::contiguous(x.into_primitive()))
    }

    fn product(x: FloatTensor<Self>, w: FloatTensor<Self>) -> FloatTensor<Self> {
        let (of_x, of_w) = (x.is_tracked(), w.is_tracked());
        let (x, x_node) = x.into_parts();
        let (w, w_node) = w.into_parts();
        let y = product::forward(&x, &w);
        let node = product::Node.prepare::<C>([x_node, w_node]);
        match node.compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish([of_w.then_some(x), of_x.then_some(w)], y),
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }

    /// No gradient goes to `w`. If `z` is `x`, its gradient goes to `x`.
    fn low_rank(
        x: FloatTensor<Self>,
        w: FloatTensor<Self>,
        z: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        scale: f32,
        same: bool,
    ) -> FloatTensor<Self> {
        let (x, x_node) = x.into_parts();
        let (z, z_node) = z.into_parts();
        let (a, a_node) = a.into_parts();
        let (b, b_node) = b.into_parts();
        let w = w.into_primitive();
        let (y, low) = product::low_rank_forward([&x, &w, &z, &a, &b], scale);
        let node = product::LowRankNode.prepare::<C>([x_node, z_node, a_node, b_node]);
        match node.compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = product::LowRank {
                    w,
                    z,
                    a,
                    b,
                    low,
                    scale,
                    same,
                };
                prep.finish(state, y)
            }
            OpsKind::UnTracked(prep) => prep.finish(y),
        }
    }
}
