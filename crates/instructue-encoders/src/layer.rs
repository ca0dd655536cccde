//! One layer of a BERT (arXiv:1810.04805): attention and a feed-forward part, each
//! added to its input and normalised after.

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::prelude::*;
use instructue_nn::attention::AttentionBias;
use instructue_nn::initial::Initialiser;
use instructue_nn::kernels::{gelu, layer_norm};
use instructue_nn::linear::linear;
use instructue_nn::lora_maps;

use crate::attention::Attention;
use crate::config::BertConfig;

/// A layer. Field names are those of the checkpoint's keys, but for
/// [`RENAMED`](crate::files::RENAMED).
#[derive(Module, Debug)]
pub(crate) struct BertLayer {
    pub attention: Attention,
    pub intermediate: Intermediate,
    pub output: Output,
    eps: f64,
}

/// Into the feed-forward part.
#[derive(Module, Debug)]
pub(crate) struct Intermediate {
    pub dense: Linear,
}

/// Out of the feed-forward part.
#[derive(Module, Debug)]
pub(crate) struct Output {
    pub dense: Linear,
    pub layer_norm: LayerNorm,
}

lora_maps!(BertLayer: attention);

impl BertLayer {
    pub fn init(config: &BertConfig, new: &Initialiser<'_>) -> Self {
        let (width, inner) = (config.hidden_size, config.intermediate_size);
        let eps = config.layer_norm_eps;
        Self {
            attention: Attention::init(config, new),
            intermediate: Intermediate {
                dense: new.linear(width, inner, true),
            },
            output: Output {
                dense: new.linear(inner, width, true),
                layer_norm: new.layer_norm(width, eps),
            },
            eps,
        }
    }

    /// The new states of the first `queries` tokens of each text; every token is
    /// attended to.
    ///
    /// # Shapes
    /// - `x`: `[texts, length, width]`, `f32`
    /// - `bias`: `[texts, 1, queries or 1, length]`
    /// - result: `[texts, queries, width]`
    pub fn forward(&self, x: Tensor<3>, bias: &AttentionBias, queries: usize) -> Tensor<3> {
        let dtype = x.dtype();
        let (x, y) = self.attention.forward(x, bias, queries);
        // The fresh tensor on the left is the one that can be added to in place.
        let x = normalise(&self.attention.output.layer_norm, y + x, self.eps);
        let inner = gelu(linear(&self.intermediate.dense, x.clone()));
        let y = linear(&self.output.dense, inner).cast(dtype);
        normalise(&self.output.layer_norm, y + x, self.eps)
    }
}

/// Layer norm by the operator that has a backward pass of its own.
///
/// `eps` is that of the layer, which keeps it to itself.
///
/// # Shapes
/// - `x` and the result: `[..., width]`
pub(crate) fn normalise<const D: usize>(norm: &LayerNorm, x: Tensor<D>, eps: f64) -> Tensor<D> {
    match &norm.beta {
        Some(beta) => layer_norm(x, norm.gamma.val(), beta.val(), eps),
        None => norm.forward(x),
    }
}
