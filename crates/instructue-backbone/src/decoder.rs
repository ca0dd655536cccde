//! The whole decoder.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Bool, DType, Device, Int, Tensor};
use instructue_nn::attention::AttentionBias;
use instructue_nn::kernels::quick_rows;
use instructue_nn::lora::{LoraConfig, LoraLinear};
use instructue_nn::norm::RmsNorm;

use crate::block::{Block, Shared};
use crate::cache::Past;
use crate::weights::Source;
use crate::{DecoderConfig, Result};

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
    pub embed_tokens: Param<Tensor<2>>,
    /// The blocks, first to last.
    pub layers: Vec<Block>,
    /// The norm after the last block.
    pub norm: RmsNorm,
    /// Output matrix `[hidden, vocabulary]`, if it is not the embedding table.
    pub lm_head: Option<Linear>,
    #[module(skip)]
    pub(crate) config: DecoderConfig,
}

impl Decoder {
    pub(crate) fn build(
        config: &DecoderConfig,
        source: &mut Source<'_>,
        prefix: &str,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Self> {
        config.validate()?;
        config.precision.check(device)?;
        if let Some(lora) = lora {
            lora.validate()?;
        }
        let (vocabulary, hidden) = (config.vocab_size, config.hidden_size);
        let name = format!("{prefix}embed_tokens.weight");
        let embed_tokens = source.table(&name, [vocabulary, hidden], device)?;
        let layers = (0..config.num_hidden_layers)
            .map(|i| Block::build(config, source, &format!("{prefix}layers.{i}"), lora, device))
            .collect::<Result<Vec<_>>>()?;
        let name = format!("{prefix}norm.weight");
        let norm = source.norm(&name, hidden, config.rms_norm_eps, device)?;
        let lm_head = if config.tie_word_embeddings {
            None
        } else {
            Some(source.linear("lm_head", hidden, vocabulary, false, device)?)
        };
        let decoder = Self {
            embed_tokens,
            layers,
            norm,
            lm_head,
            config: config.clone(),
        };
        Ok(match lora {
            Some(_) => decoder.freeze_base(),
            None => decoder,
        })
    }

    /// Freezes everything but the factors of LoRA.
    fn freeze_base(mut self) -> Self {
        self.embed_tokens = self.embed_tokens.set_require_grad(false);
        self.norm = self.norm.no_grad();
        self.lm_head = self.lm_head.map(Module::no_grad);
        for layer in &mut self.layers {
            for norm in layer.norms_mut() {
                norm.gamma = norm.gamma.clone().set_require_grad(false);
            }
        }
        self
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
        burn::tensor::module::embedding(self.embed_tokens.val(), ids).cast(DType::F32)
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

    /// [`forward`](Self::forward), after a past that each block has one of.
    pub(crate) fn run(&self, input: DecoderInput, past: Option<&mut [Past]>) -> Tensor<3> {
        let DecoderInput {
            inputs,
            positions,
            bias,
        } = input;
        let rope = self.config.rope();
        let training = inputs.is_autodiff() || self.embed_tokens.val().is_autodiff();
        if !training
            && past.is_none()
            && let Some(slots) = quick_rows(&inputs)
        {
            let [batch, length, _] = inputs.dims();
            let rows = (slots / length.max(1)).max(1);
            if rows < batch {
                let part = |first: usize| {
                    let count = rows.min(batch - first);
                    let bias = bias.tensor().clone().narrow(0, first, count);
                    let input = DecoderInput {
                        inputs: inputs.clone().narrow(0, first, count),
                        positions: positions.clone().narrow(0, first, count),
                        bias: AttentionBias::new(bias),
                    };
                    self.run(input, None)
                };
                return Tensor::cat((0..batch).step_by(rows).map(part).collect(), 0);
            }
        }
        let bias = if training {
            bias
        } else {
            bias.grouped(self.config.group())
        };
        let shared = Shared {
            rope: rope.tables(positions, DType::F32),
            bias: bias.tensor().clone(),
        };
        // The residual stream is f32: sums of many blocks are what rounding
        // hurts, and what f16 overflows.
        let mut x = inputs.cast(DType::F32);
        let mut past = past.into_iter().flatten();
        for layer in &self.layers {
            x = layer.forward(x, &shared, past.next());
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
            None => instructue_nn::linear::scores(&self.embed_tokens.val(), hidden),
        };
        scores.cast(DType::F32)
    }

    /// Whether there are factors of LoRA.
    pub fn has_lora(&self) -> bool {
        self.loras().next().is_some()
    }

    /// The adapted maps by block and key.
    pub(crate) fn loras(&self) -> impl Iterator<Item = (usize, &'static str, &LoraLinear)> {
        self.layers.iter().enumerate().flat_map(|(i, layer)| {
            layer
                .linears()
                .into_iter()
                .filter(|(_, linear)| linear.lora.is_some())
                .map(move |(name, linear)| (i, name, linear))
        })
    }
}
