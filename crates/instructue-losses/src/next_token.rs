//! The next-token loss: cross-entropy of an answer's tokens.

use burn::tensor::{FloatDType, Int, Tensor};
use instructue_nn::kernels::cross_entropy;

/// The unit that has equal weight in the next-token loss of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Weighting {
    /// Every token has the same weight, so long answers weigh more. The papers use this mean.
    #[default]
    Tokens,
    /// Every answer has the same weight: the loss is the mean of the answers' own means.
    Answers,
}

impl Weighting {
    /// The weights of all tokens of a batch, which sum to 1.
    ///
    /// With these weights the losses ([`weighted_next_token_loss`]) of several micro-batches add
    /// up to that of the whole batch.
    ///
    /// `lengths` are the numbers of scored tokens of each answer, in the order of the rows of the
    /// logits. An answer without tokens has no weight.
    pub fn weights(self, lengths: &[usize]) -> Vec<f32> {
        let tokens: usize = lengths.iter().sum();
        let answers = lengths.iter().filter(|length| **length > 0).count();
        let weight = |length: usize| match self {
            Self::Tokens => 1.0 / tokens as f32,
            Self::Answers => 1.0 / (answers * length) as f32,
        };
        lengths
            .iter()
            .flat_map(|&length| std::iter::repeat_n(length, length).map(weight))
            .collect()
    }
}

/// The mean cross-entropy of `targets` under the softmax of `logits`; 0 without rows.
///
/// # Shapes
/// - `logits`: `[tokens, vocabulary]`: only the rows that predict a token of an
///   answer or its end mark
/// - `targets`: `[tokens]`, ids below `vocabulary`
/// - result: `[1]`
///
/// # Panics
/// If the number of targets is not the number of rows.
pub fn next_token_loss(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [tokens, _] = logits.dims();
    let device = logits.device().without_autodiff();
    let weights = Tensor::full([tokens], 1.0 / tokens.max(1) as f64, &device);
    weighted_next_token_loss(logits, targets, weights)
}

/// The weighted sum of cross-entropies: `Σ_t w_t · (−ln softmax(logits_t)[target_t])`.
///
/// The sum is not divided by the weights; [`Weighting::weights`] has weights that make it a mean.
/// Weights are constants and get no gradient.
///
/// The gradient `w_t · (softmax(logits_t) − onehot(target_t))` is computed in closed form, so the
/// tape holds one `[tokens, vocabulary]` tensor ([`cross_entropy`]).
///
/// # Shapes
/// - `logits`: `[tokens, vocabulary]`
/// - `targets`, `weights`: `[tokens]`
/// - result: `[1]`
///
/// # Panics
/// If the number of targets or weights is not the number of rows.
pub fn weighted_next_token_loss(
    logits: Tensor<2>,
    targets: Tensor<1, Int>,
    weights: Tensor<1>,
) -> Tensor<1> {
    let [tokens, _] = logits.dims();
    assert_eq!(
        targets.dims()[0],
        tokens,
        "targets must match rows of logits"
    );
    assert_eq!(
        weights.dims()[0],
        tokens,
        "weights must match rows of logits"
    );
    let losses = cross_entropy(logits.cast(FloatDType::F32), targets);
    (losses * weights.without_autodiff().cast(FloatDType::F32)).sum()
}
