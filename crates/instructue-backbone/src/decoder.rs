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

use crate::attention::{Places, Queries, bias_of};
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

/// What the last layer reads.
struct BeforeLast<'a> {
    /// The residual stream, `[batch, length, hidden]`.
    x: Tensor<3>,
    places: Places,
    past: Option<&'a mut Past>,
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
        self.run(input, None, None)
    }

    /// The states of [`forward`](Self::forward) at chosen slots. The last layer computes keys and
    /// values of all, and everything else of these alone: of a model of few layers that is a
    /// quarter of the work.
    ///
    /// # Shapes
    ///
    /// - `slots`: `[batch, chosen]`, places in each row, in any order and more than once
    /// - result: `[batch, chosen, hidden]`
    ///
    /// # Panics
    ///
    /// As [`forward`](Self::forward), or if there is no slot.
    pub fn forward_at(&self, input: DecoderInput, slots: Tensor<2, Int>) -> Tensor<3> {
        self.run(input, Some(slots), None)
    }

    /// States at `slots`, or all of them, after a past that each layer has one of.
    pub(crate) fn run(
        &self,
        input: DecoderInput,
        slots: Option<Tensor<2, Int>>,
        past: Option<&mut [Past]>,
    ) -> Tensor<3> {
        let [batch, length, _] = input.inputs.dims();
        if !self.training(&input) && past.is_none() {
            let entries = entries_at_a_time(&input.inputs, [batch, length]);
            if entries < batch {
                let part = |part: usize| {
                    let first = part * entries;
                    let count = entries.min(batch - first);
                    let bias = input.bias.tensor().clone().narrow(0, first, count);
                    let slots = slots.clone().map(|slots| slots.narrow(0, first, count));
                    let input = DecoderInput {
                        inputs: input.inputs.clone().narrow(0, first, count),
                        positions: input.positions.clone().narrow(0, first, count),
                        bias: AttentionBias::new(bias),
                    };
                    self.all(input, slots, None)
                };
                let device = input.inputs.device();
                let parts = side_by_side(&device, batch.div_ceil(entries), part);
                return Tensor::cat(parts, 0);
            }
        }
        self.all(input, slots, past)
    }

    /// [`run`](Self::run), all entries at once.
    fn all(
        &self,
        input: DecoderInput,
        slots: Option<Tensor<2, Int>>,
        past: Option<&mut [Past]>,
    ) -> Tensor<3> {
        let queries = slots.map(|slots| self.queries(&input, slots));
        let (layer, mut before) = self.until_last(input, past);
        let x = layer.forward(
            before.x,
            &before.places,
            queries.as_ref(),
            before.past.take(),
        );
        self.norm.forward(x)
    }

    /// Adds keys and values to the past of each layer. What the last layer would say is not
    /// computed.
    pub(crate) fn keep(&self, input: DecoderInput, past: &mut [Past]) {
        let (layer, before) = self.until_last(input, Some(past));
        let past = before.past.expect("every layer has one");
        layer.keep(before.x, &before.places, past);
    }

    /// The last layer, and what it reads.
    fn until_last<'a>(
        &self,
        input: DecoderInput,
        past: Option<&'a mut [Past]>,
    ) -> (&DecoderLayer, BeforeLast<'a>) {
        let bias = self.grouped(&input, input.bias.clone());
        let places = Places {
            rope: self.config.rope().tables(input.positions, DType::F32),
            bias,
        };
        // The residual stream is f32: sums of many layers are what rounding
        // hurts, and what f16 overflows.
        let mut x = input.inputs.cast(DType::F32);
        let mut past = past.into_iter().flatten();
        let (last, layers) = self.layers.split_last().expect("a decoder has layers");
        for layer in layers {
            x = layer.forward(x, &places, None, past.next());
        }
        let past = past.next();
        (last, BeforeLast { x, places, past })
    }

    /// What the last layer needs to ask at `slots` alone.
    fn queries(&self, input: &DecoderInput, slots: Tensor<2, Int>) -> Queries {
        let [_, length, _] = input.inputs.dims();
        let positions = input.positions.clone().gather(1, slots.clone());
        let rope = self.config.rope().tables(positions, DType::F32);
        let bias = self.grouped(input, bias_of(&input.bias, slots.clone()));
        Queries::new(slots, length, rope, bias)
    }

    /// A bias as the attention wants it.
    fn grouped(&self, input: &DecoderInput, bias: AttentionBias) -> Tensor<4> {
        let bias = match self.training(input) {
            true => bias,
            false => bias.grouped(self.config.group()),
        };
        bias.tensor().clone()
    }

    fn training(&self, input: &DecoderInput) -> bool {
        input.inputs.is_autodiff() || self.embed_tokens.weight.val().is_autodiff()
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
