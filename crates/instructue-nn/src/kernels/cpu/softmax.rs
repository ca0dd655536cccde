//! Softmax of attention scores with an additive bias, in one pass over each row.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, unary};
use burn::backend::flex::FlexTensor;
use pulp::{Simd, WithSimd};

use super::math::{LANES, exp, mul_add};
use super::rows::{beside, dense, for_rows, simd, sum, width};

/// `softmax(scores + bias)` over the last axis, in the buffer of `scores` when
/// nobody else holds it.
pub fn forward(scores: FlexTensor, bias: FlexTensor) -> FlexTensor {
    let mut scores = dense(scores);
    let bias = dense(bias);
    let [batches, heads, queries, keys] = scores.layout().shape().dims();
    let [bias_batches, _, bias_rows, _] = bias.layout().shape().dims();
    debug_assert_eq!(batches, bias_batches);
    let per_batch = heads * queries;
    let bias = bias.storage::<f32>();
    for_rows(scores.storage_mut(), keys, |first, rows| {
        simd(Softmax {
            rows,
            keys,
            scale: 1.0,
            stats: None,
            bias: |row| {
                let row = first + row;
                let bias_row = row / per_batch * bias_rows + row % queries % bias_rows;
                &bias[bias_row * keys..][..keys]
            },
        });
    });
    scores
}

/// Rows of scores to be turned into weights.
pub struct Softmax<'a, B> {
    pub rows: &'a mut [f32],
    pub keys: usize,
    /// Of the scores, before the bias is added.
    pub scale: f32,
    /// Where to note maximum and factor of each row; its weights are then left
    /// without the factor.
    pub stats: Option<&'a mut [[f32; 2]]>,
    /// The bias of each row.
    pub bias: B,
}

impl<'b, B: Fn(usize) -> &'b [f32]> WithSimd for Softmax<'_, B> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let mut stats = self.stats;
        for (i, row) in self.rows.chunks_exact_mut(self.keys).enumerate() {
            let [max, factor] = exponentials::<S>(row, self.scale, (self.bias)(i));
            match &mut stats {
                Some(stats) => stats[i] = [max, factor],
                None => row.iter_mut().for_each(|x| *x *= factor),
            }
        }
    }
}

/// Rows of scores to be turned into weights again.
pub struct Again<'a, B> {
    pub rows: &'a mut [f32],
    pub keys: usize,
    pub scale: f32,
    /// What [`Softmax`] noted.
    pub stats: &'a [[f32; 2]],
    pub bias: B,
}

impl<'b, B: Fn(usize) -> &'b [f32]> WithSimd for Again<'_, B> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (i, row) in self.rows.chunks_exact_mut(self.keys).enumerate() {
            let [max, factor] = self.stats[i];
            for (x, b) in row.iter_mut().zip((self.bias)(i)) {
                let score = mul_add::<S>(*x, self.scale, *b);
                *x = exp::<S>(score - max) * factor;
            }
        }
    }
}

/// Turns a row of scores into exponentials below their maximum; gives that and
/// one over their sum.
#[inline(always)]
pub fn exponentials<S: Simd>(row: &mut [f32], scale: f32, bias: &[f32]) -> [f32; 2] {
    let (blocks, rest) = row.as_chunks_mut::<LANES>();
    let (bias_blocks, bias_rest) = bias.as_chunks::<LANES>();
    let mut top = [f32::NEG_INFINITY; LANES];
    // The rest becomes a block of its own, filled up with what counts nothing.
    let mut last = [f32::NEG_INFINITY; LANES];
    for (i, (x, b)) in rest.iter().zip(bias_rest).enumerate() {
        last[i] = mul_add::<S>(*x, scale, *b);
        top[i] = last[i];
    }
    for (block, bias) in blocks.iter_mut().zip(bias_blocks) {
        for i in 0..LANES {
            let x = mul_add::<S>(block[i], scale, bias[i]);
            block[i] = x;
            top[i] = if x > top[i] { x } else { top[i] };
        }
    }
    let mut max = f32::NEG_INFINITY;
    for x in top {
        max = if x > max { x } else { max };
    }

    let mut sums = [0.0; LANES];
    for block in blocks.iter_mut() {
        for i in 0..LANES {
            let e = exp::<S>(block[i] - max);
            block[i] = e;
            sums[i] += e;
        }
    }
    if !rest.is_empty() {
        for x in &mut last {
            *x = exp::<S>(*x - max);
        }
        for (i, x) in rest.iter_mut().enumerate() {
            *x = last[i];
            sums[i] += last[i];
        }
    }
    [max, 1.0 / sums.iter().sum::<f32>()]
}

/// From weights p and the gradient g of them: `p·(g − Σ p·g)`, in the buffer of
/// g when nobody else holds it.
pub fn backward(weights: FlexTensor, grad: FlexTensor) -> FlexTensor {
    let weights = dense(weights);
    let mut grad = dense(grad);
    let keys = width(&grad);
    let weights = weights.storage::<f32>();
    for_rows(grad.storage_mut(), keys, |first, grad| {
        simd(SoftmaxGrad {
            weights: beside(weights, first, keys, grad),
            grad,
            keys,
            scale: 1.0,
        });
    });
    grad
}

/// Gradients of weights to be turned into those of scores.
pub struct SoftmaxGrad<'a> {
    pub weights: &'a [f32],
    pub grad: &'a mut [f32],
    pub keys: usize,
    /// The scale that the scores had.
    pub scale: f32,
}

impl WithSimd for SoftmaxGrad<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let weights = self.weights.chunks_exact(self.keys);
        for (p, g) in weights.zip(self.grad.chunks_exact_mut(self.keys)) {
            let dot = sum([p, g], |[p, g]| p * g);
            for (g, p) in g.iter_mut().zip(p) {
                *g = p * (*g - dot) * self.scale;
            }
        }
    }
}

/// The node in the graph; holds the weights.
#[derive(Debug)]
pub struct Node;

impl Backward<Flex, 1> for Node {
    type State = FlexTensor;

    fn backward(self, ops: Ops<FlexTensor, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<Flex, _>(ops.parents, ops.node, grads, |g| backward(ops.state, g));
    }
}
