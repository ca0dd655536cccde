//! The Gaussian error linear unit, x·Φ(x), of the encoder's feed-forward part.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, unary};
use burn::backend::flex::FlexTensor;
use pulp::{Simd, WithSimd};

use super::math::normal;
use super::rows::{beside, dense, for_rows, simd, tensor};

/// `x·Φ(x)`, in the buffer of `x` when nobody else holds it.
pub fn forward(x: FlexTensor) -> FlexTensor {
    let mut x = dense(x);
    if let Some(values) = x.try_storage_mut() {
        for_rows(values, 1, |_, y| simd(InPlace(y)));
        return x;
    }
    let values = x.storage::<f32>();
    let mut y = vec![0.0; values.len()];
    for_rows(&mut y, 1, |first, y| {
        let x = beside(values, first, 1, y);
        simd(Fresh { x, y });
    });
    tensor(y, x.layout().shape().clone())
}

struct InPlace<'a>(&'a mut [f32]);

impl WithSimd for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for y in self.0 {
            *y *= normal::<S>(*y).0;
        }
    }
}

struct Fresh<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
}

impl WithSimd for Fresh<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (y, x) in self.y.iter_mut().zip(self.x) {
            *y = x * normal::<S>(*x).0;
        }
    }
}

/// `g·(Φ(x) + x·φ(x))`, in the buffer of g when nobody else holds it.
pub fn backward(x: FlexTensor, grad: FlexTensor) -> FlexTensor {
    let (x, mut grad) = (dense(x), dense(grad));
    let x = x.storage::<f32>();
    for_rows(grad.storage_mut(), 1, |first, grad| {
        let x = beside(x, first, 1, grad);
        simd(Grad { x, grad });
    });
    grad
}

struct Grad<'a> {
    x: &'a [f32],
    grad: &'a mut [f32],
}

impl WithSimd for Grad<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        const DENSITY: f32 = 0.398_942_3; // 1 / √(2π)
        for (grad, x) in self.grad.iter_mut().zip(self.x) {
            let (share, bell) = normal::<S>(*x);
            *grad *= share + x * (DENSITY * bell);
        }
    }
}

/// The node in the graph; holds x.
#[derive(Debug)]
pub struct Node;

impl Backward<Flex, 1> for Node {
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<Flex, _>(ops.parents, ops.node, grads, |g| backward(ops.state, g));
    }
}
