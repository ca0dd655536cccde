//! Work on rows: slices in order, spread over the cores, with SIMD. The other operators
//! are written with it.

use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};
use pulp::{Arch, WithSimd};
use rayon::prelude::*;

use super::math::LANES;

/// Elements of one task; fewer are not worth handing to another thread.
const TASK: usize = 32 * 1024;

/// Runs loops with the widest instructions that the processor has. Everything
/// that `op` calls must be `inline(always)` to take part.
pub fn simd<O: WithSimd>(op: O) -> O::Output {
    Arch::new().dispatch(op)
}

/// How many rows of `width` make one task.
fn task_rows(width: usize) -> usize {
    (TASK / width.max(1)).max(1)
}

/// Calls `f(first row, rows)` on blocks of whole rows, on all cores when there
/// is work for them.
pub fn for_rows(data: &mut [f32], width: usize, f: impl Fn(usize, &mut [f32]) + Sync) {
    if data.is_empty() {
        return;
    }
    let rows = task_rows(width);
    if data.len() <= rows * width {
        return f(0, data);
    }
    data.par_chunks_mut(rows * width)
        .enumerate()
        .for_each(|(block, data)| f(block * rows, data));
}

/// [`for_rows`] that gives what `f` returned, in order.
pub fn map_rows<T: Send>(
    data: &mut [f32],
    width: usize,
    f: impl Fn(usize, &mut [f32]) -> T + Sync,
) -> Vec<T> {
    if data.is_empty() {
        return Vec::new();
    }
    let rows = task_rows(width);
    if data.len() <= rows * width {
        return vec![f(0, data)];
    }
    data.par_chunks_mut(rows * width)
        .enumerate()
        .map(|(block, data)| f(block * rows, data))
        .collect()
}

/// [`for_rows`] on two slices of the same length, row by row of one element.
pub fn for_pairs(a: &mut [f32], b: &mut [f32], f: impl Fn(usize, &mut [f32], &mut [f32]) + Sync) {
    if a.len() <= TASK {
        return f(0, a, b);
    }
    a.par_chunks_mut(TASK)
        .zip(b.par_chunks_mut(TASK))
        .enumerate()
        .for_each(|(block, (a, b))| f(block * TASK, a, b));
}

/// The part of `all` that belongs to `rows`, which start at row `first`.
pub fn beside<'a, E>(all: &'a [E], first: usize, width: usize, rows: &[f32]) -> &'a [E] {
    &all[first * width..][..rows.len()]
}

/// Row-major and alone in its buffer; a copy only when it is not.
pub fn dense(x: FlexTensor) -> FlexTensor {
    let layout = x.layout();
    let whole = x.bytes().len() == layout.num_elements() * x.dtype().size();
    if layout.is_contiguous() && layout.start_offset() == 0 && whole {
        return x;
    }
    x.to_contiguous()
}

/// With no axis that is read backwards; a copy only when there is one.
pub fn forwards(x: FlexTensor) -> FlexTensor {
    match x.layout().strides().iter().all(|stride| *stride >= 0) {
        true => x,
        false => x.to_contiguous(),
    }
}

/// A tensor of these values.
pub fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// The length of the last axis.
pub fn width(x: &FlexTensor) -> usize {
    x.layout().shape().as_slice().last().copied().unwrap_or(1)
}

/// Σ f(element of each slice), in [`LANES`] sums side by side: one sum alone
/// would wait for itself at every step. The slices are equally long.
#[inline(always)]
pub fn sum<const N: usize>(slices: [&[f32]; N], f: impl Fn([f32; N]) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let split = slices.map(|slice| slice.as_chunks::<LANES>());
    let blocks = split[0].0.len();
    let split = split.map(|(whole, rest)| (&whole[..blocks], rest));
    for block in 0..blocks {
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane += f(split.map(|(whole, _)| whole[block][i]));
        }
    }
    for i in 0..split[0].1.len() {
        lanes[i] += f(split.map(|(_, rest)| rest[i]));
    }
    lanes.iter().sum()
}
