//! Contrastive batches that are larger than memory (GradCache).
//!
//! A contrastive loss needs thousands of rows at once, but only their vectors, not the
//! activations behind them. So each micro-batch goes through the model twice. The first pass
//! keeps just the vectors, and the loss over all of them gives a gradient for each vector. The
//! second pass back-propagates `Σ u·∂L/∂u + Σ v·∂L/∂v`, whose gradient with respect to the model
//! is that of the loss over the whole batch. Memory is that of one micro-batch.

use burn::tensor::{Gradients, Tensor};

use crate::error::Error;

/// The pass in which a micro-batch runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Only the vectors are kept. No gradient flows, and [`MicroBatch::extra_loss`] is ignored,
    /// so it need not be computed.
    Cache,
    /// The result is back-propagated.
    Replay,
}

/// The vectors of one micro-batch, or of all micro-batches in order.
#[derive(Debug, Clone)]
pub struct Vectors {
    /// The vectors of the user rows, `[rows, width]`.
    pub users: Tensor<2>,
    /// The vectors of their answers, `[rows, width]`.
    pub answers: Tensor<2>,
    /// The vectors of answers that belong to no row, `[m, width]`.
    pub extra_negatives: Option<Tensor<2>>,
}

/// The model's results for one micro-batch.
#[derive(Debug, Clone)]
pub struct MicroBatch {
    /// The vectors from which the loss is computed.
    pub vectors: Vectors,
    /// A loss of these rows alone, such as the next-token loss, shape `[1]`. The extra losses of
    /// the micro-batches are *added*, so they must already contain weights that belong to the
    /// whole batch ([`Weighting::weights`](crate::Weighting::weights)).
    pub extra_loss: Option<Tensor<1>>,
}

/// The losses of a batch, without autodiff, each of shape `[1]`.
#[derive(Debug, Clone)]
pub struct GradCacheOutput {
    /// The loss over the vectors of all micro-batches.
    pub loss: Tensor<1>,
    /// The sum of the micro-batches' extra losses, if there were any.
    pub extra_loss: Option<Tensor<1>>,
}

/// Computes the gradient of `loss(all vectors) + Σ extra losses`, one micro-batch at a time.
///
/// `forward(pass, index, micro_batch)` runs the model. It is called twice per micro-batch and
/// must return the same vectors both times, so randomness (dropout, instruction dropout) must be
/// seeded from `index`. Burn's own dropout is off without autodiff. A model that has it must run
/// with autodiff in both passes (the tape of the first is dropped at once).
///
/// `loss(vectors)` is called once, with the vectors of all micro-batches in order. It may use
/// parameters of its own, such as a temperature.
///
/// `accumulate(gradients)` is called once per back-propagation: once for the loss's own
/// parameters and once per micro-batch. The sum over the calls is the gradient of the whole
/// batch.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use instructue_losses::grad_cache::{self, MicroBatch, Vectors};
/// use instructue_losses::{Error, l2_normalize};
///
/// let device = Device::default().autodiff();
/// let weight = Tensor::<2>::from_floats([[1.0, 0.5], [-0.5, 1.0]], &device).require_grad();
/// let batches: Vec<Tensor<2>> = vec![
///     Tensor::from_floats([[1.0, 2.0], [3.0, -1.0]], &device),
///     Tensor::from_floats([[0.5, 0.5]], &device),
/// ];
/// let mut gradient = Tensor::<2>::zeros([2, 2], &device.clone().inner());
/// let output = grad_cache::backward(
///     &batches,
///     |_pass, _index, batch| {
///         let users = l2_normalize(batch.clone().matmul(weight.clone()));
///         let vectors = Vectors { answers: users.clone(), users, extra_negatives: None };
///         Ok::<_, Error>(MicroBatch { vectors, extra_loss: None })
///     },
///     // Any function of all rows at once.
///     |all| Ok(all.users.matmul(all.answers.transpose()).square().mean()),
///     |mut gradients| {
///         if let Some(g) = weight.grad_remove(&mut gradients) {
///             gradient = gradient.clone() + g;
///         }
///     },
/// )?;
/// assert!(output.loss.into_scalar::<f32>() > 0.0);
/// assert!(gradient.abs().sum().into_scalar::<f32>() > 0.0);
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// Errors of the closures; [`Error::Empty`] without micro-batches; [`Error::Length`] when a
/// micro-batch has different numbers of users and answers; [`Error::Replay`] when the second pass
/// returns other shapes than the first.
pub fn backward<B, E>(
    micro_batches: &[B],
    mut forward: impl FnMut(Pass, usize, &B) -> Result<MicroBatch, E>,
    loss: impl FnOnce(Vectors) -> Result<Tensor<1>, E>,
    mut accumulate: impl FnMut(Gradients),
) -> Result<GradCacheOutput, E>
where
    E: From<Error>,
{
    let cached = micro_batches
        .iter()
        .enumerate()
        .map(|(index, batch)| Ok(forward(Pass::Cache, index, batch)?.vectors))
        .collect::<Result<Vec<_>, E>>()?;
    let gathered = GatheredEmbeddings::new(&cached)?;
    let loss = loss(gathered.vectors())?;
    let mut gradients = loss.backward();
    let shares = gathered.shares(&mut gradients);
    // The remaining gradients belong to the loss's own parameters.
    accumulate(gradients);

    let mut extra_loss: Option<Tensor<1>> = None;
    for (index, (batch, share)) in micro_batches.iter().zip(shares).enumerate() {
        let replayed = forward(Pass::Replay, index, batch)?;
        let surrogate = share.surrogate(replayed.vectors)?;
        let terms = [surrogate, replayed.extra_loss.clone()];
        if let Some(surrogate) = terms.into_iter().flatten().reduce(|sum, term| sum + term)
            && surrogate.is_tracked()
        {
            accumulate(surrogate.backward());
        }
        if let Some(extra) = replayed.extra_loss.map(Tensor::without_autodiff) {
            extra_loss = Some(match extra_loss {
                Some(sum) => sum + extra,
                None => extra,
            });
        }
    }
    Ok(GradCacheOutput {
        loss: loss.without_autodiff(),
        extra_loss,
    })
}

/// The number of sides: users, answers, other answers.
const SIDES: usize = 3;
const SIDE_NAMES: [&str; SIDES] = ["users", "answers", "extra_negatives"];

impl Vectors {
    fn sides(self) -> [Option<Tensor<2>>; SIDES] {
        // A side without rows has no gradient.
        let extra_negatives = self
            .extra_negatives
            .filter(|extra_negatives| extra_negatives.dims()[0] > 0);
        [Some(self.users), Some(self.answers), extra_negatives]
    }
}

/// The vectors of several passes, detached from the model, as the leaves of a loss over all of
/// them.
///
/// The passes may have run one after the other ([`backward`]), at the same time or on several
/// devices. [`shares`](Self::shares) returns each pass's part of the gradient.
#[derive(Debug, Clone)]
pub struct GatheredEmbeddings {
    leaves: [Option<Tensor<2>>; SIDES],
    rows: Vec<[usize; SIDES]>,
}

impl GatheredEmbeddings {
    /// Gathers the vectors in the order of the passes.
    ///
    /// # Errors
    /// [`Error::Empty`] without passes; [`Error::Length`] when a pass has different numbers of
    /// users and answers.
    pub fn new(passes: &[Vectors]) -> Result<Self, Error> {
        if passes.is_empty() {
            return Err(Error::Empty {
                what: "`micro_batches`",
            });
        }
        let mut parts: [Vec<Tensor<2>>; SIDES] = Default::default();
        let mut rows = Vec::with_capacity(passes.len());
        for pass in passes {
            let mut counts = [0; SIDES];
            for (side, vectors) in pass.clone().sides().into_iter().enumerate() {
                if let Some(vectors) = vectors {
                    counts[side] = vectors.dims()[0];
                    parts[side].push(vectors.without_autodiff());
                }
            }
            let [expected, found, _] = counts;
            if expected != found {
                return Err(Error::Length {
                    what: "answer vectors of a micro-batch",
                    expected,
                    found,
                });
            }
            rows.push(counts);
        }
        let leaf = |parts: Vec<Tensor<2>>| {
            (!parts.is_empty()).then(|| Tensor::cat(parts, 0).autodiff().require_grad())
        };
        Ok(Self {
            leaves: parts.map(leaf),
            rows,
        })
    }

    /// All vectors, in the order of the passes.
    ///
    /// # Panics
    /// Never, since every pass has users and answers.
    pub fn vectors(&self) -> Vectors {
        let [users, answers, extra_negatives] = self.leaves.clone();
        Vectors {
            users: users.expect("a pass has users"),
            answers: answers.expect("a pass has answers"),
            extra_negatives,
        }
    }

    /// Takes the vectors' gradients out of `gradients`, one share per pass.
    pub fn shares(&self, gradients: &mut Gradients) -> Vec<GradientShare> {
        let all = self.leaves.clone();
        let all = all.map(|leaf| leaf.and_then(|leaf| leaf.grad_remove(gradients)));
        let mut start = [0; SIDES];
        let mut shares = Vec::with_capacity(self.rows.len());
        for (index, rows) in self.rows.iter().enumerate() {
            let mut gradients: [Option<Tensor<2>>; SIDES] = Default::default();
            for side in 0..SIDES {
                if rows[side] > 0 {
                    let all = all[side].clone();
                    gradients[side] = all.map(|all| all.narrow(0, start[side], rows[side]));
                    start[side] += rows[side];
                }
            }
            let shape = |side: usize| [rows[side], self.width()];
            shares.push(GradientShare {
                index,
                shapes: [shape(0), shape(1), shape(2)],
                gradients,
            });
        }
        shares
    }

    fn width(&self) -> usize {
        self.leaves[0].as_ref().map_or(0, |leaf| leaf.dims()[1])
    }
}

/// One pass's share of the gradient, see [`GatheredEmbeddings`].
#[derive(Debug, Clone)]
pub struct GradientShare {
    index: usize,
    shapes: [[usize; 2]; SIDES],
    gradients: [Option<Tensor<2>>; SIDES],
}

impl GradientShare {
    /// A scalar whose gradient with respect to the model is the pass's part of the gradient of
    /// the whole loss; `None` when the loss does not depend on the pass. `vectors` are the pass's
    /// vectors, on its tape.
    ///
    /// # Errors
    /// [`Error::Replay`] when the shapes are not those that were gathered.
    pub fn surrogate(&self, vectors: Vectors) -> Result<Option<Tensor<1>>, Error> {
        let mut sum: Option<Tensor<1>> = None;
        for (side, vectors) in vectors.sides().into_iter().enumerate() {
            let (rows, expected) = (vectors.as_ref().map(Tensor::dims), self.shapes[side]);
            let found = rows.unwrap_or([0, expected[1]]);
            if found != expected {
                return Err(Error::Replay {
                    index: self.index,
                    side: SIDE_NAMES[side],
                    expected,
                    found,
                });
            }
            if let (Some(vectors), Some(gradient)) = (vectors, &self.gradients[side]) {
                let term = (vectors * gradient.clone()).sum();
                sum = Some(match sum {
                    Some(sum) => sum + term,
                    None => term,
                });
            }
        }
        Ok(sum)
    }
}
