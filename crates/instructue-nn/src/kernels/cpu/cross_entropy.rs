//! Cross-entropy of rows of logits over a vocabulary: one pass forward, one backward, and no
//! tensor of that size but the logits' own.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, unary};
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use pulp::{Simd, WithSimd};

use super::rows::{dense, for_rows, map_rows, simd, tensor, width};
use super::softmax::exponentials;

/// What backward needs.
#[derive(Debug, Clone)]
pub struct State {
    /// Of each logit below the largest of its row, in the logits' buffer when nobody else holds
    /// it.
    exponentials: FlexTensor,
    /// One over each row's sum of them.
    factors: Vec<f32>,
    targets: Vec<usize>,
}

/// `−ln softmax(logits)[target]` of each row, and what backward needs. Targets lie within a row.
pub fn forward(logits: FlexTensor, targets: Vec<usize>) -> (FlexTensor, State) {
    let mut logits = dense(logits);
    let vocabulary = width(&logits);
    // The bias of attention's softmax: there is none here.
    let none = vec![0.0; vocabulary];
    let rows = map_rows(logits.storage_mut(), vocabulary, |first, rows| {
        let (targets, bias) = (&targets[first..], none.as_slice());
        simd(Rows {
            rows,
            targets,
            bias,
        })
    });
    let rows = rows.into_iter().flatten();
    let (losses, factors): (Vec<f32>, Vec<f32>) = rows.map(|[loss, factor]| (loss, factor)).unzip();
    let shape = Shape::new([losses.len()]);
    let state = State {
        exponentials: logits,
        factors,
        targets,
    };
    (tensor(losses, shape), state)
}

/// Rows of logits that become exponentials.
struct Rows<'a> {
    rows: &'a mut [f32],
    targets: &'a [usize],
    bias: &'a [f32],
}

impl WithSimd for Rows<'_> {
    /// Loss and factor of each row.
    type Output = Vec<[f32; 2]>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<[f32; 2]> {
        let mut found = Vec::with_capacity(self.rows.len() / self.bias.len());
        let rows = self.rows.chunks_exact_mut(self.bias.len());
        for (row, &target) in rows.zip(self.targets) {
            let wanted = row[target];
            let [largest, factor] = exponentials::<S>(row, 1.0, self.bias);
            found.push([(largest - wanted) - factor.ln(), factor]);
        }
        found
    }
}

/// From the gradient g of each row's loss: `g·(softmax − onehot)`, in the buffer of the
/// exponentials when nobody else holds it.
fn backward(state: State, gradient: FlexTensor) -> FlexTensor {
    let gradient = dense(gradient);
    let of_losses = gradient.storage::<f32>();
    let mut rows = state.exponentials;
    let vocabulary = width(&rows);
    for_rows(rows.storage_mut(), vocabulary, |first, rows| {
        for (i, row) in rows.chunks_exact_mut(vocabulary).enumerate() {
            let of_loss = of_losses[first + i];
            let factor = state.factors[first + i] * of_loss;
            simd(Scaled { row, factor });
            row[state.targets[first + i]] -= of_loss;
        }
    });
    rows
}

struct Scaled<'a> {
    row: &'a mut [f32],
    factor: f32,
}

impl WithSimd for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.row.iter_mut().for_each(|x| *x *= self.factor);
    }
}

/// The node in the graph.
#[derive(Debug)]
pub struct Node;

impl Backward<Flex, 1> for Node {
    type State = State;

    fn backward(self, ops: Ops<State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<Flex, _>(ops.parents, ops.node, grads, |g| backward(ops.state, g));
    }
}
