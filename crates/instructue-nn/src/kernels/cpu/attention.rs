//! Attention in blocks of query rows, whose scores stay in the cache.
//!
//! Forward keeps no weights, only maximum and sum of each row. Backward computes
//! each block's weights again, which costs less than writing and reading them for all blocks would, and a
//! layer's memory does not grow with the square of the length. Keys that no
//! row of a block may attend to are left out of its products, half of all
//! under a causal mask.

use std::ops::Range;

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use instructue_gemm::{MatrixView, add_product, multiply};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

use super::math::LANES;
use super::rows::{dense, forwards, simd, tensor};
use super::softmax::{Again, Softmax, SoftmaxGrad};
use crate::mask::MASKED;

/// Scores of one block: as many as stay in the second-level cache beside their
/// gradient.
const BLOCK: usize = 32 * 1024;

/// The inputs; what backward needs, too.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// `[batch, heads, query, width]`
    pub q: FlexTensor,
    /// `[batch, kv, key, width]`
    pub k: FlexTensor,
    /// `[batch, kv, key, width of values]`
    pub v: FlexTensor,
    /// `[batch, 1, query or 1, key]`, row-major
    pub bias: FlexTensor,
    plan: Plan,
}

/// The sizes and how the queries are cut into blocks.
#[derive(Debug, Clone)]
struct Plan {
    batch: usize,
    heads: usize,
    kv: usize,
    queries: usize,
    keys: usize,
    width: usize,
    width_v: usize,
    bias_rows: usize,
    scale: f32,
    block: usize,
    /// The keys that count, by batch entry and block.
    windows: Vec<Range<usize>>,
}

impl Inputs {
    /// Makes the bias row-major; the others are read wherever they lie.
    ///
    /// The shapes fit together, and neither keys nor queries are empty.
    pub fn new(q: FlexTensor, k: FlexTensor, v: FlexTensor, bias: FlexTensor) -> Self {
        let bias = dense(bias);
        let [q, k, v] = [q, k, v].map(forwards);
        let [batch, heads, queries, width] = q.layout().shape().dims();
        let [_, kv, keys, width_v] = v.layout().shape().dims();
        let [_, _, bias_rows, _] = bias.layout().shape().dims();
        let mut plan = Plan {
            batch,
            heads,
            kv,
            queries,
            keys,
            width,
            width_v,
            bias_rows,
            scale: 1.0 / (width as f32).sqrt(),
            block: (BLOCK / keys).clamp(16, 256) / 16 * 16,
            windows: Vec::new(),
        };
        plan.windows = simd(Windows {
            plan: &plan,
            bias: bias.storage(),
        });
        Self {
            q,
            k,
            v,
            bias,
            plan,
        }
    }
}

struct Windows<'a> {
    plan: &'a Plan,
    bias: &'a [f32],
}

impl WithSimd for Windows<'_> {
    type Output = Vec<Range<usize>>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Self::Output {
        let mut windows = Vec::new();
        for entry in 0..self.plan.batch {
            for (_, rows) in self.plan.blocks() {
                windows.push(self.plan.window(self.bias, entry, rows));
            }
        }
        windows
    }
}

#[inline(always)]
fn is_open(bias: f32) -> bool {
    // NaN is not hidden.
    bias > MASKED || bias.is_nan()
}

/// The last open key of a row, if there is one.
#[inline(always)]
fn last_open(bias: &[f32]) -> Option<usize> {
    let (rest, blocks) = bias.as_rchunks::<LANES>();
    for (i, block) in blocks.iter().enumerate().rev() {
        let mut any = false;
        for &b in block {
            any |= is_open(b);
        }
        if any {
            let last = block.iter().rposition(|&b| is_open(b))?;
            return Some(rest.len() + i * LANES + last);
        }
    }
    rest.iter().rposition(|&b| is_open(b))
}

impl Plan {
    /// Number and rows of each block of queries.
    fn blocks(&self) -> impl Iterator<Item = (usize, Range<usize>)> + use<> {
        let (queries, block) = (self.queries, self.block);
        (0..queries.div_ceil(block)).map(move |i| (i, i * block..queries.min((i + 1) * block)))
    }

    #[inline(always)]
    fn bias<'a>(&self, bias: &'a [f32], entry: usize, row: usize) -> &'a [f32] {
        let row = entry * self.bias_rows + if self.bias_rows == 1 { 0 } else { row };
        &bias[row * self.keys..][..self.keys]
    }

    /// From the first to the last key that any of the rows may attend to. A row
    /// without an open key is an average over all of them.
    #[inline(always)]
    fn window(&self, bias: &[f32], entry: usize, rows: Range<usize>) -> Range<usize> {
        let mut window = self.keys..0;
        for row in rows {
            let bias = self.bias(bias, entry, row);
            let first = bias.iter().position(|&b| is_open(b));
            let (Some(first), Some(last)) = (first, last_open(bias)) else {
                return 0..self.keys;
            };
            // Only beside a key that is not held down at all are masked ones
            // sure to get nothing.
            if bias[first].abs() > 1.0 {
                return 0..self.keys;
            }
            window = window.start.min(first)..window.end.max(last + 1);
        }
        window
    }

    fn windows(&self, entry: usize) -> &[Range<usize>] {
        let blocks = self.windows.len() / self.batch;
        &self.windows[entry * blocks..][..blocks]
    }

    /// The products of queries and keys of one block of one head, `[rows,
    /// window]`, in the room that there is for them.
    fn scores<'a>(
        &self,
        inputs: &Inputs,
        head: &Head,
        rows: &Range<usize>,
        room: &'a mut [f32],
    ) -> &'a mut [f32] {
        let window = &self.windows(head.entry)[rows.start / self.block];
        let q = view(&inputs.q, head.entry, head.q, rows);
        let k = view(&inputs.k, head.entry, head.kv, window);
        let scores = &mut room[..rows.len() * window.len()];
        multiply(scores, q, k.transposed());
        scores
    }

    /// Room for the scores of a block.
    fn room(&self) -> Vec<f32> {
        vec![0.0; self.block.min(self.queries) * self.keys]
    }
}

/// Whose head it is, among the queries' and among the keys'.
struct Head {
    entry: usize,
    q: usize,
    kv: usize,
}

/// `softmax(q·kᵀ/√width + bias)·v`, `[batch, heads, query, width of values]`,
/// and what [`backward`] needs of each row.
pub fn forward(inputs: &Inputs) -> (FlexTensor, Vec<[f32; 2]>) {
    let plan = &inputs.plan;
    let shape = [plan.batch, plan.heads, plan.queries, plan.width_v];
    let mut out = vec![0.0; shape.iter().product()];
    let mut stats = vec![[0.0; 2]; plan.batch * plan.heads * plan.queries];
    let bias = inputs.bias.storage::<f32>();
    out.par_chunks_mut(plan.queries * plan.width_v)
        .zip(stats.par_chunks_mut(plan.queries))
        .enumerate()
        .for_each(|(i, (out, stats))| {
            let (entry, q) = (i / plan.heads, i % plan.heads);
            let kv = q / (plan.heads / plan.kv);
            let head = Head { entry, q, kv };
            let out = out.chunks_mut(plan.block * plan.width_v);
            let stats = stats.chunks_mut(plan.block);
            let mut room = plan.room();
            for ((block, rows), (out, stats)) in plan.blocks().zip(out.zip(stats)) {
                let window = &plan.windows(entry)[block];
                let weights = plan.scores(inputs, &head, &rows, &mut room);
                simd(Softmax {
                    rows: &mut *weights,
                    keys: window.len(),
                    scale: plan.scale,
                    stats: Some(&mut *stats),
                    bias: |i| &plan.bias(bias, entry, rows.start + i)[window.clone()],
                });
                let v = view(&inputs.v, entry, kv, window);
                let weights = MatrixView::new(weights, [rows.len(), window.len()]);
                multiply(out, weights, v);
                // The factor meets the output, which is narrower than the
                // weights.
                for (out, [_, factor]) in out.chunks_exact_mut(plan.width_v).zip(stats) {
                    out.iter_mut().for_each(|sum| *sum *= *factor);
                }
            }
        });
    (tensor(out, Shape::new(shape)), stats)
}

/// The gradients of q, k and v.
fn backward(inputs: &Inputs, stats: &[[f32; 2]], grad: FlexTensor) -> [FlexTensor; 3] {
    let (plan, grad) = (&inputs.plan, &forwards(grad));
    let group = plan.heads / plan.kv;
    let shape_q = [plan.batch, plan.heads, plan.queries, plan.width];
    let shape_k = [plan.batch, plan.kv, plan.keys, plan.width];
    let shape_v = [plan.batch, plan.kv, plan.keys, plan.width_v];
    let bias = inputs.bias.storage::<f32>();
    let zeros = |shape: [usize; 4]| vec![0.0; shape.iter().product()];
    let (mut of_q, mut of_k, mut of_v) = (zeros(shape_q), zeros(shape_k), zeros(shape_v));
    // One task per head of keys: all its queries add to the same gradient.
    of_q.par_chunks_mut(group * plan.queries * plan.width)
        .zip(of_k.par_chunks_mut(plan.keys * plan.width))
        .zip(of_v.par_chunks_mut(plan.keys * plan.width_v))
        .enumerate()
        .for_each(|(i, ((of_q, of_k), of_v))| {
            let (entry, kv) = (i / plan.kv, i % plan.kv);
            let (mut room, mut room_of_grad) = (plan.room(), plan.room());
            let heads = of_q.chunks_mut(plan.queries * plan.width).enumerate();
            for (member, of_q) in heads {
                let q = kv * group + member;
                let head = Head { entry, q, kv };
                let of_q = of_q.chunks_mut(plan.block * plan.width);
                for ((block, rows), of_q) in plan.blocks().zip(of_q) {
                    let window = &plan.windows(entry)[block];
                    let weights = plan.scores(inputs, &head, &rows, &mut room);
                    let first = (entry * plan.heads + q) * plan.queries + rows.start;
                    simd(Again {
                        rows: &mut *weights,
                        keys: window.len(),
                        scale: plan.scale,
                        stats: &stats[first..][..rows.len()],
                        bias: |i| &plan.bias(bias, entry, rows.start + i)[window.clone()],
                    });
                    let grad = view(grad, entry, q, &rows);
                    let v = view(&inputs.v, entry, kv, window);
                    let of_scores = &mut room_of_grad[..weights.len()];
                    multiply(of_scores, grad, v.transposed());
                    simd(SoftmaxGrad {
                        weights: &*weights,
                        grad: &mut *of_scores,
                        keys: window.len(),
                        scale: plan.scale,
                    });
                    let shape = [rows.len(), window.len()];
                    let weights = MatrixView::new(weights, shape);
                    let of_v =
                        &mut of_v[window.start * plan.width_v..][..window.len() * plan.width_v];
                    add_product(of_v, weights.transposed(), grad, 1.0);
                    let of_scores = MatrixView::new(of_scores, shape);
                    multiply(of_q, of_scores, view(&inputs.k, entry, kv, window));
                    let q = view(&inputs.q, entry, q, &rows);
                    let of_k = &mut of_k[window.start * plan.width..][..window.len() * plan.width];
                    add_product(of_k, of_scores.transposed(), q, 1.0);
                }
            }
        });
    [
        tensor(of_q, Shape::new(shape_q)),
        tensor(of_k, Shape::new(shape_k)),
        tensor(of_v, Shape::new(shape_v)),
    ]
}

/// Some rows of one head as a matrix, nothing copied. The tensor is read
/// [forwards].
fn view<'a>(x: &'a FlexTensor, entry: usize, head: usize, rows: &Range<usize>) -> MatrixView<'a> {
    let layout = x.layout();
    let strides: [usize; 4] = std::array::from_fn(|axis| layout.strides()[axis].unsigned_abs());
    let [of_entry, of_head, of_row, of_column] = strides;
    let first = entry * of_entry + head * of_head + rows.start * of_row;
    let values = &x.storage::<f32>()[layout.start_offset() + first..];
    let shape = [rows.len(), layout.shape()[3]];
    MatrixView::strided(values, shape, [of_row, of_column])
}

/// The node in the graph; holds the inputs.
#[derive(Debug)]
pub struct Node;

impl Backward<Flex, 3> for Node {
    type State = (Inputs, Vec<[f32; 2]>);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (inputs, stats) = &ops.state;
        let gradients = backward(inputs, stats, grads.consume::<Flex>(&ops.node));
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
