//! Slices of rows: in order, over the cores, in SIMD.

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
pub fn task_rows(width: usize) -> usize {
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

/// [`for_rows`] on two slices of the same rows; gives what `f` returned, in
/// order.
pub fn map_rows<T: Send>(
    a: &mut [f32],
    b: &mut [f32],
    width: usize,
    f: impl Fn(usize, &mut [f32], &mut [f32]) -> T + Sync,
) -> Vec<T> {
    if a.is_empty() {
        return Vec::new();
    }
    let rows = task_rows(width);
    if a.len() <= rows * width {
        return vec![f(0, a, b)];
    }
    a.par_chunks_mut(rows * width)
        .zip(b.par_chunks_mut(rows * width))
        .enumerate()
        .map(|(block, (a, b))| f(block * rows, a, b))
        .collect()
}

/// The part of `all` that belongs to `rows`, which start at row `first`.
pub fn beside<'a>(all: &'a [f32], first: usize, width: usize, rows: &[f32]) -> &'a [f32] {
    &all[first * width..][..rows.len()]
}

/// Row-major and alone in its buffer; a copy only when it is not.
pub fn dense(x: FlexTensor) -> FlexTensor {
    let layout = x.layout();
    let whole = x.bytes().len() == layout.num_elements() * size_of::<f32>();
    if layout.is_contiguous() && layout.start_offset() == 0 && whole {
        return x;
    }
    x.to_contiguous()
}

/// A tensor of these values.
pub fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// The length of the last axis.
pub fn width(x: &FlexTensor) -> usize {
    x.layout().shape().as_slice().last().copied().unwrap_or(1)
}

/// Σ f(i) for i below `length`, in [`LANES`] sums side by side: one sum alone
/// would wait for itself at every step.
#[inline(always)]
pub fn sum(length: usize, f: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0.0; LANES];
    let whole = length / LANES * LANES;
    let mut at = 0;
    while at < whole {
        for (i, lane) in lanes.iter_mut().enumerate() {
            *lane += f(at + i);
        }
        at += LANES;
    }
    let mut sum = 0.0;
    while at < length {
        sum += f(at);
        at += 1;
    }
    for lane in lanes {
        sum += lane;
    }
    sum
}
