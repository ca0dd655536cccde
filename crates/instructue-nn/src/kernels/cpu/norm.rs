//! RMS norm and layer norm of rows, forward and backward.

use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops};
use burn::backend::flex::FlexTensor;
use burn::tensor::Shape;
use pulp::{Simd, WithSimd};

use super::rows::{beside, dense, for_rows, map_rows, simd, sum, tensor, width};

/// `x / √(mean(x²) + ε) · γ`
pub fn rms_forward(x: FlexTensor, gamma: FlexTensor, epsilon: f32) -> FlexTensor {
    forward(x, gamma, None, epsilon)
}

/// `(x − mean) / √(variance + ε) · γ + β`
pub fn layer_forward(
    x: FlexTensor,
    gamma: FlexTensor,
    beta: FlexTensor,
    epsilon: f32,
) -> FlexTensor {
    forward(x, gamma, Some(beta), epsilon)
}

/// Layer norm with β, RMS norm without. The tape nearly always holds x, so
/// there is no form in place.
fn forward(x: FlexTensor, gamma: FlexTensor, beta: Option<FlexTensor>, epsilon: f32) -> FlexTensor {
    let (x, gamma, beta) = (dense(x), dense(gamma), beta.map(dense));
    let width = width(&x);
    let values = x.storage::<f32>();
    let gamma = gamma.storage::<f32>();
    let beta = beta.as_ref().map(|beta| beta.storage::<f32>());
    let mut y = vec![0.0; values.len()];
    for_rows(&mut y, width, |first, y| {
        let x = beside(values, first, width, y);
        match beta {
            None => simd(Rms {
                x,
                y,
                gamma,
                epsilon,
            }),
            Some(beta) => simd(Layer {
                x,
                y,
                gamma,
                beta,
                epsilon,
            }),
        }
    });
    tensor(y, x.layout().shape().clone())
}

struct Rms<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    gamma: &'a [f32],
    epsilon: f32,
}

#[inline(always)]
fn rms_factor(x: &[f32], epsilon: f32) -> f32 {
    let square = sum([x], |[x]| x * x);
    1.0 / (square / x.len() as f32 + epsilon).sqrt()
}

impl WithSimd for Rms<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.gamma.len();
        let rows = self.x.chunks_exact(width);
        for (x, y) in rows.zip(self.y.chunks_exact_mut(width)) {
            let r = rms_factor(x, self.epsilon);
            for (y, (x, gamma)) in y.iter_mut().zip(x.iter().zip(self.gamma)) {
                *y = x * r * gamma;
            }
        }
    }
}

struct Layer<'a> {
    x: &'a [f32],
    y: &'a mut [f32],
    gamma: &'a [f32],
    beta: &'a [f32],
    epsilon: f32,
}

/// Mean and 1 / √(variance + ε).
#[inline(always)]
fn moments(x: &[f32], epsilon: f32) -> (f32, f32) {
    let width = x.len() as f32;
    let mean = sum([x], |[x]| x) / width;
    // Around the mean: the difference of two large squares would cancel.
    let square = sum([x], |[x]| (x - mean) * (x - mean));
    (mean, 1.0 / (square / width + epsilon).sqrt())
}

impl WithSimd for Layer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.gamma.len();
        let rows = self.x.chunks_exact(width);
        for (x, y) in rows.zip(self.y.chunks_exact_mut(width)) {
            let (mean, r) = moments(x, self.epsilon);
            let scales = self.gamma.iter().zip(self.beta);
            for (y, (x, (gamma, beta))) in y.iter_mut().zip(x.iter().zip(scales)) {
                *y = (x - mean) * r * gamma + beta;
            }
        }
    }
}

/// What backward needs.
#[derive(Debug, Clone)]
pub struct State {
    pub x: FlexTensor,
    pub gamma: FlexTensor,
    pub epsilon: f32,
}

/// The gradients of x, γ and β. That of x takes the buffer of `grad` when
/// nobody else holds it.
fn backward(state: State, grad: FlexTensor, centred: bool) -> [FlexTensor; 3] {
    let State { x, gamma, epsilon } = state;
    let (x, gamma, mut grad) = (dense(x), dense(gamma), dense(grad));
    let width = width(&x);
    let values = x.storage::<f32>();
    let gamma = gamma.storage::<f32>();
    // One row of γ's and one of β's gradient per task, added up in order, so
    // that the sum does not depend on who worked when.
    let tasks = map_rows(grad.storage_mut(), width, |first, grad| {
        let x = beside(values, first, width, grad);
        let (mut of_gamma, mut of_beta) = (vec![0.0; width], vec![0.0; width]);
        simd(Grad {
            x,
            grad,
            gamma,
            of_gamma: &mut of_gamma,
            of_beta: &mut of_beta,
            epsilon,
            centred,
        });
        [of_gamma, of_beta]
    });
    let total = |which: usize| {
        let mut total = vec![0.0; width];
        for task in &tasks {
            for (total, part) in total.iter_mut().zip(&task[which]) {
                *total += part;
            }
        }
        tensor(total, Shape::new([width]))
    };
    let (of_gamma, of_beta) = (total(0), total(1));
    [grad, of_gamma, of_beta]
}

struct Grad<'a> {
    x: &'a [f32],
    grad: &'a mut [f32],
    gamma: &'a [f32],
    of_gamma: &'a mut [f32],
    of_beta: &'a mut [f32],
    epsilon: f32,
    centred: bool,
}

impl WithSimd for Grad<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.gamma.len();
        let gamma = self.gamma;
        let rows = self.x.chunks_exact(width);
        for (x, g) in rows.zip(self.grad.chunks_exact_mut(width)) {
            let (mean, r) = match self.centred {
                true => moments(x, self.epsilon),
                false => (0.0, rms_factor(x, self.epsilon)),
            };
            let dot = sum([g, gamma, x], |[g, gamma, x]| g * gamma * (x - mean));
            let along = dot * r * r / width as f32;
            let shift = match self.centred {
                true => sum([g, gamma], |[g, gamma]| g * gamma) / width as f32,
                false => 0.0,
            };
            let sums = self.of_gamma.iter_mut().zip(self.of_beta.iter_mut());
            let row = g.iter_mut().zip(x).zip(gamma);
            for (((g, x), gamma), (of_gamma, of_beta)) in row.zip(sums) {
                let from_mean = x - mean;
                *of_gamma += *g * from_mean * r;
                *of_beta += *g;
                *g = r * (*g * gamma - shift - from_mean * along);
            }
        }
    }
}

/// The node of an RMS norm.
#[derive(Debug)]
pub struct RmsNode;

impl Backward<Flex, 2> for RmsNode {
    type State = State;

    fn backward(self, ops: Ops<State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        let gradients = backward(ops.state, grad, false);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// The node of a layer norm.
#[derive(Debug)]
pub struct LayerNode;

impl Backward<Flex, 3> for LayerNode {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Flex>(&ops.node);
        let gradients = backward(ops.state, grad, true);
        for (parent, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some(parent) = parent {
                grads.register::<Flex>(parent.id, gradient);
            }
        }
    }
}
