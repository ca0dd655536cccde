//! The decoder as a whole: embeddings in, states and scores out.

use burn::module::Module;
use burn::nn::{Embedding, Linear};
use burn::tensor::{Bool, DType, Int, Tensor};
use instructue_nn::attention::AttentionBias;
use instructue_nn::initial::Initialiser;
use instructue_nn::kernels::{entries_at_a_time, side_by_side};
use instructue_nn::lora::LoraMaps;
use instructue_nn::lora_maps;
use instructue_nn::norm::RmsNorm;

use crate::attention::Places;
use crate::cache::past::Past;
use crate::config::DecoderConfig;
use crate::layer::DecoderLayer;

/// What the decoder reads.
#[derive(Debug, Clone)]
pub struct DecoderInput {
    /// Embeddings, `[batch, length, hidden]`, `f32` in every precision.
    pub inputs: Tensor<3>,
    /// Rotary position of each, `[batch, length]`; need not be consecutive.
    pub positions: Tensor<2, Int>,
    /// Who may attend to whom, `[batch, 1, length, length]`.
    pub bias: AttentionBias,
}

impl DecoderInput {
    /// Causal attention over rows padded on either side; positions count the
    /// tokens of a row from 0.
    ///
    /// # Shapes
    ///
    /// - `inputs`: `[batch, length, hidden]`
    /// - `tokens`: `[batch, length]`, true where there is a token
    pub fn causal(inputs: Tensor<3>, tokens: Tensor<2, Bool>) -> Self {
        let positions = (tokens.clone().int().cumsum(1) - 1).clamp_min(0);
        Self {
            inputs,
            positions,
            bias: AttentionBias::causal(tokens),
        }
    }
}

/// A decoder-only language model.
///
/// With LoRA every weight of the checkpoint is frozen and only the low-rank
/// factors are trained.
#[derive(Module, Debug)]
pub struct Decoder {
    /// Embedding table, `[vocabulary, hidden]`; the output matrix too, if tied.
    pub embed_tokens: Embedding,
    /// The layers, first to last.
    pub layers: Vec<DecoderLayer>,
    /// The norm after the last layer.
    pub norm: RmsNorm,
    /// Output matrix `[hidden, vocabulary]`, if it is not the embedding table.
    pub lm_head: Option<Linear>,
    #[module(skip)]
    pub(crate) config: DecoderConfig,
}

lora_maps!(Decoder: layers);

impl Decoder {
    /// A decoder of new parts, for settings that were checked.
    pub(crate) fn build(config: &DecoderConfig, new: &Initialiser<'_>) -> Self {
        let (vocabulary, hidden) = (config.vocab_size, config.hidden_size);
        let layers = 0..config.num_hidden_layers;
        Self {
            embed_tokens: new.table(vocabulary, hidden),
            layers: layers.map(|_| DecoderLayer::init(config, new)).collect(),
            norm: new.rms_norm(hidden, config.rms_norm_eps),
            lm_head: (!config.tie_word_embeddings).then(|| new.linear(hidden, vocabulary, false)),
            config: config.clone(),
        }
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Width of embeddings and hidden states.
    pub fn hidden_size(&self) -> usize {
        self.config.hidden_size
    }

    /// Embeddings of token ids, as `f32`.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[batch, length]`
    /// - result: `[batch, length, hidden]`
    ///
    /// # Panics
    ///
    /// If an id is not below the size of the vocabulary (on some devices the
    /// result is undefined instead).
    pub fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.embed_tokens.forward(ids).cast(DType::F32)
    }

    /// The last hidden states, after the final norm; `f32` in every precision.
    ///
    /// A position that may attend to nothing (padding) gets a finite vector
    /// without meaning.
    ///
    /// # Shapes
    ///
    /// - result: `[batch, length, hidden]`
    ///
    /// # Panics
    ///
    /// If the shapes of the input do not fit together or to the configuration.
    pub fn forward(&self, input: DecoderInput) -> Tensor<3> {
        self.run(input, None)
    }

    /// [`forward`](Self::forward), after a past that each layer has one of.
    pub(crate) fn run(&self, input: DecoderInput, past: Option<&mut [Past]>) -> Tensor<3> {
        let DecoderInput {
            inputs,
            positions,
            bias,
        } = input;
        let training = inputs.is_autodiff() || self.embed_tokens.weight.val().is_autodiff();
        if !training && past.is_none() {
            let [batch, length, _] = inputs.dims();
            let entries = entries_at_a_time(&inputs, [batch, length]);
            if entries < batch {
                let part = |part: usize| {
                    let first = part * entries;
                    let count = entries.min(batch - first);
                    let bias = bias.tensor().clone().narrow(0, first, count);
                    let input = DecoderInput {
                        inputs: inputs.clone().narrow(0, first, count),
                        positions: positions.clone().narrow(0, first, count),
                        bias: AttentionBias::new(bias),
                    };
                    self.all(input, None)
                };
                let device = inputs.device();
                let parts = side_by_side(&device, batch.div_ceil(entries), part);
                return Tensor::cat(parts, 0);
            }
        }
        let input = DecoderInput {
            inputs,
            positions,
            bias,
        };
        self.all(input, past)
    }

    /// [`run`](Self::run), all entries at once.
    fn all(&self, input: DecoderInput, past: Option<&mut [Past]>) -> Tensor<3> {
        let DecoderInput {
            inputs,
            positions,
            bias,
        } = input;
        let rope = self.config.rope();
        let training = inputs.is_autodiff() || self.embed_tokens.weight.val().is_autodiff();
        let bias = if training {
            bias
        } else {
            bias.grouped(self.config.group())
        };
        let places = Places {
            rope: rope.tables(positions, DType::F32),
            bias: bias.tensor().clone(),
        };
        // The residual stream is f32: sums of many layers are what rounding
        // hurts, and what f16 overflows.
        let mut x = inputs.cast(DType::F32);
        let mut past = past.into_iter().flatten();
        for layer in &self.layers {
            x = layer.forward(x, &places, past.next());
        }
        self.norm.forward(x)
    }

    /// Scores over the vocabulary of chosen hidden states, as `f32`.
    ///
    /// The caller selects the rows first: the scores of a whole batch would be
    /// by far its largest tensor.
    ///
    /// # Shapes
    ///
    /// - `hidden`: `[rows, hidden]`
    /// - result: `[rows, vocabulary]`
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        let scores = match &self.lm_head {
            Some(head) => instructue_nn::linear::linear(head, hidden),
            None => instructue_nn::linear::scores(&self.embed_tokens.weight.val(), hidden),
        };
        scores.cast(DType::F32)
    }

    /// Whether there are factors of LoRA.
    pub fn has_lora(&self) -> bool {
        self.has_factors()
    }
}
