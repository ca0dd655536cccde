//! Cross-entropy of the next token.

use burn::tensor::{FloatDType, IndexingUpdateOp, Int, Tensor};

use crate::surrogate::with_gradient;

/// What counts once in the next-token loss of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Weighting {
    /// Each token: long answers weigh more (the papers' mean).
    #[default]
    Tokens,
    /// Each answer: the mean of the answers' own means.
    Answers,
}

impl Weighting {
    /// Weights of all tokens of a batch, summing to 1.
    ///
    /// Given to [`weighted_next_token_loss`], they make the losses of several
    /// micro-batches add up to that of the whole batch.
    ///
    /// `lengths` are the numbers of scored tokens of each answer, in the order in
    /// which the rows of the logits follow each other; an answer without tokens
    /// has no weight.
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

/// Mean cross-entropy of `targets` under the softmax of `logits`; 0 without rows.
///
/// # Shapes
/// - `logits`: `[tokens, vocabulary]`: only the rows that predict a token of an
///   answer or its end mark
/// - `targets`: `[tokens]`, ids below `vocabulary`
/// - result: `[1]`
///
/// # Panics
/// When there are not as many targets as rows.
pub fn next_token_loss(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [tokens, _] = logits.dims();
    let device = logits.device().without_autodiff();
    let weights = Tensor::full([tokens], 1.0 / tokens.max(1) as f64, &device);
    weighted_next_token_loss(logits, targets, weights)
}

/// Weighted sum of cross-entropies: `Σ_t w_t · (−ln softmax(logits_t)[target_t])`.
///
/// Nothing is divided by the sum of the weights; see [`Weighting::weights`] for
/// weights that make it a mean. Weights are constants: no gradient reaches them.
///
/// The gradient `w_t · (softmax(logits_t) − onehot(target_t))` is computed in
/// closed form along with the value, so the tape holds one `[tokens, vocabulary]`
/// tensor instead of the four of a log-softmax.
///
/// # Shapes
/// - `logits`: `[tokens, vocabulary]`
/// - `targets`, `weights`: `[tokens]`
/// - result: `[1]`
///
/// # Panics
/// When there are not as many targets or weights as rows.
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
    if tokens == 0 {
        return Tensor::zeros([1], &logits.device());
    }
    let logits = logits.cast(FloatDType::F32);
    let values = logits.clone().without_autodiff();
    let targets = targets.without_autodiff().reshape([tokens, 1]);
    let weights = weights
        .without_autodiff()
        .cast(FloatDType::F32)
        .reshape([tokens, 1]);

    // Spelt out rather than through `softmax`: each line writes into the buffer of
    // the one before, and the sum is needed for the value as well.
    let largest = values.clone().max_dim(1);
    let target_logits = values.clone().gather(1, targets.clone());
    let exponentials = (values - largest.clone()).exp();
    let sum = exponentials.clone().sum_dim(1);
    let losses = largest + sum.clone().log() - target_logits;
    let value = (losses * weights.clone()).sum();
    if !logits.is_tracked() {
        return value;
    }
    let gradient = (exponentials * (weights.clone() / sum)).scatter(
        1,
        targets,
        weights.neg(),
        IndexingUpdateOp::Add,
    );
    with_gradient(value, logits, gradient)
}
