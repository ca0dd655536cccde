//! Products of matrices whose results are written once. Burn's own fills a result with zeros and
//! copies it before it is computed.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use instructue_gemm::{MatrixView, add_product, product};

use super::rows::{forwards, tensor};

/// The tensor as a matrix, wherever its rows and columns lie. It is read [forwards].
fn view(x: &FlexTensor) -> MatrixView<'_> {
    let layout = x.layout();
    let strides = [0, 1].map(|axis: usize| layout.strides()[axis].unsigned_abs());
    let values = &x.storage::<f32>()[layout.start_offset()..];
    MatrixView::strided(values, layout.shape().dims(), strides)
}

/// Calls `f` with the tensors as matrices.
fn with_views<const N: usize, T>(
    tensors: [&FlexTensor; N],
    f: impl FnOnce([MatrixView<'_>; N]) -> T,
) -> T {
    let tensors = tensors.map(|x| forwards(x.clone()));
    f(tensors.each_ref().map(view))
}

/// `x·w`, `[rows, inner] × [inner, columns]`.
pub fn forward(x: &FlexTensor, w: &FlexTensor) -> FlexTensor {
    with_views([x, w], |[x, w]| {
        let shape = Shape::new([x.shape()[0], w.shape()[1]]);
        tensor(product(x, w), shape)
    })
}

/// `gradient·wᵀ`.
fn of_left(gradient: &FlexTensor, w: &FlexTensor) -> FlexTensor {
    with_views([gradient, w], |[gradient, w]| {
        let shape = Shape::new([gradient.shape()[0], w.shape()[0]]);
        tensor(product(gradient, w.transposed()), shape)
    })
}

/// `xᵀ·gradient`.
fn of_right(x: &FlexTensor, gradient: &FlexTensor) -> FlexTensor {
    with_views([x, gradient], |[x, gradient]| {
        let shape = Shape::new([x.shape()[1], gradient.shape()[1]]);
        tensor(product(x.transposed(), gradient), shape)
    })
}

/// The node of a product in the graph: holds of each factor what the other one's gradient needs.
#[derive(Debug)]
pub struct Node;

impl Backward<Flex, 2> for Node {
    /// Left and right factor.
    type State = [Option<FlexTensor>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let [x, w] = &ops.state;
        let [of_x, of_w] = ops.parents;
        if let (Some(parent), Some(w)) = (of_x, w) {
            grads.register::<Flex>(parent.id, of_left(&gradient, w));
        }
        if let (Some(parent), Some(x)) = (of_w, x) {
            grads.register::<Flex>(parent.id, of_right(x, &gradient));
        }
    }
}

/// `x·w + scale·(z·a)·b`, and `scale·z·a`, which backward needs.
pub fn low_rank_forward(factors: [&FlexTensor; 5], scale: f32) -> (FlexTensor, FlexTensor) {
    with_views(factors, |[x, w, z, a, b]| {
        // The scale goes where the tensor is narrowest.
        let mut low = product(z, a);
        low.iter_mut().for_each(|value| *value *= scale);
        let low_shape = [z.shape()[0], a.shape()[1]];
        let mut y = product(x, w);
        add_product(&mut y, MatrixView::new(&low, low_shape), b, 1.0);
        let shape = Shape::new([x.shape()[0], w.shape()[1]]);
        (tensor(y, shape), tensor(low, Shape::new(low_shape)))
    })
}

/// What backward of a map with low-rank factors needs.
#[derive(Debug, Clone)]
pub struct LowRank {
    pub w: FlexTensor,
    pub z: FlexTensor,
    pub a: FlexTensor,
    pub b: FlexTensor,
    /// `scale·z·a`
    pub low: FlexTensor,
    pub scale: f32,
    /// Whether `z` is `x`: then one gradient is of both.
    pub same: bool,
}

/// The node of a map with low-rank factors: of `x`, `z`, `a` and `b`. The weight is frozen.
#[derive(Debug)]
pub struct LowRankNode;

impl Backward<Flex, 4> for LowRankNode {
    type State = LowRank;

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let state = &ops.state;
        let [of_x, of_z, of_a, of_b] = ops.parents;
        if let Some(parent) = of_b {
            grads.register::<Flex>(parent.id, of_right(&state.low, &gradient));
        }
        let mut of_low = of_left(&gradient, &state.b);
        let scale = state.scale;
        let scaled = of_low.storage_mut::<f32>().iter_mut();
        scaled.for_each(|value| *value *= scale);
        if let Some(parent) = of_a {
            grads.register::<Flex>(parent.id, of_right(&state.z, &of_low));
        }
        if let Some(parent) = of_x {
            let mut of_x = of_left(&gradient, &state.w);
            if state.same {
                with_views([&of_low, &state.a], |[of_low, a]| {
                    add_product(of_x.storage_mut(), of_low, a.transposed(), 1.0);
                });
            }
            grads.register::<Flex>(parent.id, of_x);
        }
        if let (Some(parent), false) = (of_z, state.same) {
            grads.register::<Flex>(parent.id, of_left(&of_low, &state.a));
        }
    }
}
