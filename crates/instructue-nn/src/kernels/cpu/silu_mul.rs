//! The gated activation `silu(gate) · up` of the decoder's feed-forward part.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use pulp::{Simd, WithSimd};

use super::math::sigmoid;
use super::rows::{beside, dense, for_pairs, for_rows, simd, tensor};

/// `silu(gate) · up`, in the buffer of `gate` when nobody else holds it.
pub fn forward(gate: FlexTensor, up: FlexTensor) -> FlexTensor {
    let (mut gate, up) = (dense(gate), dense(up));
    let up = up.storage::<f32>();
    if let Some(values) = gate.try_storage_mut() {
        for_rows(values, 1, |first, y| {
            let up = beside(up, first, 1, y);
            simd(InPlace { y, up });
        });
        return gate;
    }
    let mut y = vec![0.0; up.len()];
    let values = gate.storage::<f32>();
    for_rows(&mut y, 1, |first, y| {
        let gate = beside(values, first, 1, y);
        let up = beside(up, first, 1, y);
        simd(Fresh { gate, up, y });
    });
    tensor(y, gate.layout().shape().clone())
}

struct InPlace<'a> {
    y: &'a mut [f32],
    up: &'a [f32],
}

impl WithSimd for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, up) in self.y.iter_mut().zip(self.up) {
            *y *= sigmoid::<S>(*y) * up;
        }
    }
}

struct Fresh<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Fresh<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, (gate, up)) in self.y.iter_mut().zip(self.gate.iter().zip(self.up)) {
            *y = gate * (sigmoid::<S>(*gate) * up);
        }
    }
}

/// The gradients of `gate` and `up`, in the buffers of `gate` and `grad` when
/// nobody else holds them.
pub fn backward(gate: FlexTensor, up: FlexTensor, grad: FlexTensor) -> [FlexTensor; 2] {
    let (mut gate, up, mut grad) = (dense(gate), dense(up), dense(grad));
    let up = up.storage::<f32>();
    for_pairs(
        gate.storage_mut(),
        grad.storage_mut(),
        |first, gate, grad| {
            let up = beside(up, first, 1, gate);
            simd(Grad { gate, up, grad });
        },
    );
    [gate, grad]
}

struct Grad<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
    grad: &'a mut [f32],
}

impl WithSimd for Grad<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let slices = self.gate.iter_mut().zip(self.grad).zip(self.up);
        for ((gate, grad), up) in slices {
            let x = *gate;
            let s = sigmoid::<S>(x);
            let silu = x * s;
            // Not s·(1 + x − silu): two large numbers would cancel.
            *gate = (s + silu * (1.0 - s)) * up * *grad;
            *grad *= silu;
        }
    }
}

/// The node in the graph; holds gate and up.
#[derive(Debug)]
pub struct Node;

impl Backward<Flex, 2> for Node {
    type State = [FlexTensor; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let [gate, up] = ops.state;
        let gradients = backward(gate, up, grads.consume::<Flex>(&ops.node));
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
