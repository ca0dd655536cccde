//! The first states of a BERT: the sum of a token's three embeddings, normalised.

use burn::module::Module;
use burn::nn::{Embedding, LayerNorm};
use burn::prelude::*;
use burn::tensor::DType;
use instructue_nn::initial::Initialiser;

use crate::config::BertConfig;
use crate::layer::normalise;

/// The tables and the norm behind them.
#[derive(Module, Debug)]
pub(crate) struct Embeddings {
    pub word_embeddings: Embedding,
    pub position_embeddings: Embedding,
    pub token_type_embeddings: Embedding,
    pub layer_norm: LayerNorm,
    pub eps: f64,
    /// The row of the position table for a text's first token.
    pub first: usize,
}

impl Embeddings {
    pub fn init(config: &BertConfig, new: &Initialiser<'_>) -> Self {
        let (width, eps) = (config.hidden_size, config.layer_norm_eps);
        Self {
            word_embeddings: new.table(config.vocab_size, width),
            position_embeddings: new.table(config.max_position_embeddings, width),
            token_type_embeddings: new.table(config.type_vocab_size, width),
            layer_norm: new.layer_norm(width, eps),
            eps,
            first: config.first_position(),
        }
    }

    /// The states that the first layer reads, `f32` in every precision. A text is one
    /// segment: all its tokens are of the first type.
    ///
    /// # Shapes
    /// - `ids`: `[texts, length]`
    /// - result: `[texts, length, width]`
    pub fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        let [_, length] = ids.dims();
        let places = self.position_embeddings.weight.val();
        let places = places.narrow(0, self.first, length);
        let places = places + self.token_type_embeddings.weight.val().narrow(0, 0, 1);
        // The residual stream is f32 in every precision.
        let words = self.word_embeddings.forward(ids).cast(DType::F32);
        let x = words + places.unsqueeze::<3>().cast(DType::F32);
        normalise(&self.layer_norm, x, self.eps)
    }

    /// The longest text in tokens.
    pub fn max_length(&self) -> usize {
        self.position_embeddings.weight.dims()[0] - self.first
    }
}
