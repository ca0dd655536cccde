//! Rotation of queries and keys by their positions.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, unary};
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use pulp::{Simd, WithSimd};

use super::rows::{dense, for_rows, simd, tensor};

/// What backward needs.
#[derive(Debug, Clone)]
pub struct State {
    pub cos: FlexTensor,
    pub sin: FlexTensor,
}

/// `x·cos + turned(x)·sin` with `turned` = second half negated, first half.
///
/// `x` is `[batch, heads, length, width]`, the tables `[batch, 1, length,
/// width]`; the result is row-major.
pub fn forward(x: FlexTensor, tables: &State) -> FlexTensor {
    let [batch, heads, length, width] = x.layout().shape().dims();
    let y = rotate(
        x,
        tables,
        [heads, length],
        |at| {
            let (row, position) = (at / length, at % length);
            [row / heads, row % heads, position]
        },
        false,
    );
    tensor(y, Shape::new([batch, heads, length, width]))
}

/// The same by the opposite angle.
///
/// The result lies in memory as `[batch, length, heads, width]`, which is what
/// the projections that x came from want.
pub fn backward(tables: State, grad: FlexTensor) -> FlexTensor {
    let [batch, heads, length, width] = grad.layout().shape().dims();
    let y = rotate(
        grad,
        &tables,
        [heads, length],
        |at| {
            let (row, head) = (at / heads, at % heads);
            [row / length, head, row % length]
        },
        true,
    );
    let y = tensor(y, Shape::new([batch, length, heads, width]));
    let layout = y.layout().transpose(1, 2);
    y.with_layout(layout)
}

/// Rotates row by row in the order of `place`, which tells batch entry, head
/// and position of a row of the result.
fn rotate(
    x: FlexTensor,
    tables: &State,
    [heads, length]: [usize; 2],
    place: impl Fn(usize) -> [usize; 3] + Sync,
    back: bool,
) -> Vec<f32> {
    // Any order of rows will do, as long as each row is in one piece.
    let strides = x.layout().strides();
    let usable = strides[3] == 1 && strides.iter().all(|&s| s >= 0);
    let x = if usable { x } else { x.to_contiguous() };
    let [batch, _, _, width] = x.layout().shape().dims::<4>();
    let strides: Vec<usize> = x.layout().strides().iter().map(|&s| s as usize).collect();
    let offset = x.layout().start_offset();
    let values = x.storage::<f32>();
    let (cos, sin) = (dense(tables.cos.clone()), dense(tables.sin.clone()));
    let (cos, sin) = (cos.storage::<f32>(), sin.storage::<f32>());

    let mut y = vec![0.0; batch * heads * length * width];
    for_rows(&mut y, width, |first, y| {
        simd(Rotate {
            y,
            width,
            back,
            row: |i| {
                let [entry, head, position] = place(first + i);
                let from = offset + entry * strides[0] + head * strides[1] + position * strides[2];
                let table = (entry * length + position) * width;
                [
                    &values[from..][..width],
                    &cos[table..][..width],
                    &sin[table..][..width],
                ]
            },
        });
    });
    y
}

struct Rotate<'a, F> {
    y: &'a mut [f32],
    width: usize,
    back: bool,
    /// x, cosines and sines of a row.
    row: F,
}

impl<'b, F: Fn(usize) -> [&'b [f32]; 3]> WithSimd for Rotate<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let half = self.width / 2;
        for (i, y) in self.y.chunks_exact_mut(self.width).enumerate() {
            let [x, cos, sin] = (self.row)(i);
            let (y, y2) = y.split_at_mut(half);
            let (x, x2) = x.split_at(half);
            let (cos, cos2) = cos.split_at(half);
            let (sin, sin2) = sin.split_at(half);
            let length = half.min(x.len()).min(x2.len()).min(y2.len());
            if self.back {
                for j in 0..length {
                    y[j] = x[j] * cos[j] + x2[j] * sin2[j];
                    y2[j] = x2[j] * cos2[j] - x[j] * sin[j];
                }
            } else {
                for j in 0..length {
                    y[j] = x[j] * cos[j] - x2[j] * sin[j];
                    y2[j] = x2[j] * cos2[j] + x[j] * sin2[j];
                }
            }
        }
    }
}

/// The node in the graph; holds the tables.
#[derive(Debug)]
pub struct Node;

impl Backward<Flex, 1> for Node {
    type State = State;

    fn backward(self, ops: Ops<State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<Flex, _>(ops.parents, ops.node, grads, |g| backward(ops.state, g));
    }
}
