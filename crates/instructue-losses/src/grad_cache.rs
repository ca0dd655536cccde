//! Large contrastive batches on one device (GradCache).
//!
//! A contrastive loss wants thousands of rows at once, but only their vectors,
//! not the activations behind them. So each micro-batch goes through the model
//! twice: the first pass keeps just the vectors, the loss over all of them gives
//! a gradient for each vector, and the second pass back-propagates
//! `Σ u·∂L/∂u + Σ v·∂L/∂v`, whose gradient with respect to the model is that of
//! the loss over the whole batch. Memory is that of one micro-batch.

use burn::tensor::{Gradients, Tensor};

use crate::Error;
use crate::surrogate::inner_product;

/// Which of its two runs a micro-batch is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pass {
    /// Only the vectors are kept; no gradient flows and
    /// [`MicroBatch::extra_loss`] is ignored, so it need not be computed.
    Cache,
    /// The result is back-propagated.
    Replay,
}

/// What the model makes of one micro-batch.
#[derive(Debug, Clone)]
pub struct MicroBatch {
    /// Vectors of the user rows, `[rows, width]`.
    pub users: Tensor<2>,
    /// Vectors of their answers, `[rows, width]`.
    pub answers: Tensor<2>,
    /// A loss of these rows alone, e.g. the next-token one, shape `[1]`. The
    /// micro-batches' extra losses are *added*, so weights that belong to the
    /// whole batch must already be in them
    /// ([`Weighting::weights`](crate::Weighting::weights)).
    pub extra_loss: Option<Tensor<1>>,
}

/// Losses of a batch, without autodiff, each of shape `[1]`.
#[derive(Debug, Clone)]
pub struct GradCacheOutput {
    /// The loss over the vectors of all micro-batches.
    pub loss: Tensor<1>,
    /// Sum of the micro-batches' extra losses, if there were any.
    pub extra_loss: Option<Tensor<1>>,
}

/// Computes the gradient of `loss(all vectors) + Σ extra losses`, one micro-batch
/// at a time.
///
/// - `forward(pass, index, micro_batch)` runs the model. It is called twice per
///   micro-batch and must give the same vectors both times: randomness (dropout,
///   instruction dropout) must be seeded from `index`, not carried along. Note
///   that Burn's own dropout is off without autodiff; a model that has it must
///   run with autodiff in both passes (the tape of the first is dropped at once).
/// - `loss(users, answers)` is called once, with the vectors of all micro-batches
///   in order; it may use parameters of its own, such as a temperature.
/// - `accumulate(gradients)` is called once per back-propagation, once for the
///   loss's own parameters and once per micro-batch; the sum over the calls is
///   the gradient of the whole batch.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use instructue_losses::grad_cache::{self, MicroBatch};
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
///         Ok::<_, Error>(MicroBatch { answers: users.clone(), users, extra_loss: None })
///     },
///     // Any function of all rows at once.
///     |users, answers| Ok(users.matmul(answers.transpose()).square().mean()),
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
/// Whatever the closures return; [`Error::Empty`] without micro-batches;
/// [`Error::Length`] when a micro-batch has other numbers of users and answers;
/// [`Error::Replay`] when the second pass gives other shapes than the first.
pub fn backward<B, E>(
    micro_batches: &[B],
    mut forward: impl FnMut(Pass, usize, &B) -> Result<MicroBatch, E>,
    loss: impl FnOnce(Tensor<2>, Tensor<2>) -> Result<Tensor<1>, E>,
    mut accumulate: impl FnMut(Gradients),
) -> Result<GradCacheOutput, E>
where
    E: From<Error>,
{
    let mut cache = Cache::default();
    for (index, batch) in micro_batches.iter().enumerate() {
        cache.push(forward(Pass::Cache, index, batch)?)?;
    }
    let (users, answers) = cache.leaves()?;
    let loss = loss(users.clone(), answers.clone())?;
    let mut gradients = loss.backward();
    let user_gradient = users.grad_remove(&mut gradients);
    let answer_gradient = answers.grad_remove(&mut gradients);
    // What is left belongs to the loss's own parameters.
    accumulate(gradients);

    let mut extra_loss: Option<Tensor<1>> = None;
    let mut start = 0;
    for (index, batch) in micro_batches.iter().enumerate() {
        let replayed = forward(Pass::Replay, index, batch)?;
        let [rows, _] = cache.check(index, &replayed)?;
        let part = |gradient: &Option<Tensor<2>>| {
            let gradient = gradient.clone()?;
            Some(gradient.narrow(0, start, rows))
        };
        let terms = [
            part(&user_gradient).map(|g| inner_product(replayed.users, g)),
            part(&answer_gradient).map(|g| inner_product(replayed.answers, g)),
            replayed.extra_loss.clone(),
        ];
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
        start += rows;
    }
    Ok(GradCacheOutput {
        loss: loss.without_autodiff(),
        extra_loss,
    })
}

/// Vectors of the first pass, without a tape.
#[derive(Default)]
struct Cache {
    users: Vec<Tensor<2>>,
    answers: Vec<Tensor<2>>,
}

impl Cache {
    fn push(&mut self, batch: MicroBatch) -> Result<(), Error> {
        let [expected, _] = batch.users.dims();
        let [found, _] = batch.answers.dims();
        if expected != found {
            return Err(Error::Length {
                what: "answer vectors of a micro-batch",
                expected,
                found,
            });
        }
        self.users.push(batch.users.without_autodiff());
        self.answers.push(batch.answers.without_autodiff());
        Ok(())
    }

    /// All vectors in one tensor per side, as leaves that keep their gradient.
    fn leaves(&self) -> Result<(Tensor<2>, Tensor<2>), Error> {
        if self.users.is_empty() {
            return Err(Error::Empty {
                what: "`micro_batches`",
            });
        }
        let leaf = |parts: &[Tensor<2>]| Tensor::cat(parts.to_vec(), 0).autodiff().require_grad();
        Ok((leaf(&self.users), leaf(&self.answers)))
    }

    /// The shape of the users, once both sides agree with the first pass.
    fn check(&self, index: usize, replayed: &MicroBatch) -> Result<[usize; 2], Error> {
        for (side, first, second) in [
            ("users", &self.users[index], &replayed.users),
            ("answers", &self.answers[index], &replayed.answers),
        ] {
            if first.dims() != second.dims() {
                return Err(Error::Replay {
                    index,
                    side,
                    expected: first.dims(),
                    found: second.dims(),
                });
            }
        }
        Ok(replayed.users.dims())
    }
}
