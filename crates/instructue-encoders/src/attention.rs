//! Self-attention of a BERT: every token attends to every token of its text.

use burn::module::Module;
use burn::nn::LayerNorm;
use burn::prelude::*;
use instructue_nn::attention::{AttentionBias, attend};
use instructue_nn::initial::Initialiser;
use instructue_nn::lora::LoraLinear;
use instructue_nn::lora_maps;

use crate::config::BertConfig;

/// The attention of a layer, with the norm behind it.
#[derive(Module, Debug)]
pub(crate) struct Attention {
    pub self_attention: SelfAttention,
    pub output: AttentionOutput,
}

/// The maps from states to queries, keys and values.
#[derive(Module, Debug)]
pub(crate) struct SelfAttention {
    pub query: LoraLinear,
    pub key: LoraLinear,
    pub value: LoraLinear,
    pub heads: usize,
}

/// The map from all heads to a state, and the norm of its sum with the input.
#[derive(Module, Debug)]
pub(crate) struct AttentionOutput {
    pub dense: LoraLinear,
    pub layer_norm: LayerNorm,
}

lora_maps!(Attention: self_attention, output);
lora_maps!(SelfAttention: query, key, value);
lora_maps!(AttentionOutput: dense);

impl Attention {
    pub fn init(config: &BertConfig, new: &Initialiser<'_>) -> Self {
        let width = config.hidden_size;
        Self {
            self_attention: SelfAttention {
                query: new.lora_linear(width, width, true),
                key: new.lora_linear(width, width, true),
                value: new.lora_linear(width, width, true),
                heads: config.num_attention_heads,
            },
            output: AttentionOutput {
                dense: new.lora_linear(width, width, true),
                layer_norm: new.layer_norm(width, config.layer_norm_eps),
            },
        }
    }

    /// The first `queries` states of each text, and what is to be added to them.
    ///
    /// # Shapes
    /// - `x`: `[texts, length, width]`, `f32`
    /// - `bias`: `[texts, 1, queries or 1, length]`
    /// - results: `[texts, queries, width]`, `f32`
    pub fn forward(
        &self,
        x: Tensor<3>,
        bias: &AttentionBias,
        queries: usize,
    ) -> (Tensor<3>, Tensor<3>) {
        let [texts, length, width] = x.dims();
        let maps = &self.self_attention;
        // Query, key and value read the same rows: flattened and, with LoRA,
        // dropped out once. One product with the three weights side by side
        // takes as long as three, measured at 3072 rows of width 384.
        let rows = maps.key.input(x.clone());
        let k = maps.split(maps.key.forward_shared(&rows));
        let v = maps.split(maps.value.forward_shared(&rows));
        let (x, q) = match queries == length {
            true => (x, maps.query.forward_shared(&rows)),
            false => {
                let x = x.narrow(1, 0, queries);
                (x.clone(), maps.query.forward(x))
            }
        };
        let heads = attend(maps.split(q), k, v, bias.tensor());
        let joined = heads.swap_dims(1, 2).reshape([texts, queries, width]);
        let y = self.output.dense.forward(joined).cast(x.dtype());
        (x, y)
    }
}

impl SelfAttention {
    /// `[texts, length, width]` → `[texts, heads, length, head width]`.
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [texts, length, width] = x.dims();
        x.reshape([texts, length, self.heads, width / self.heads])
            .swap_dims(1, 2)
    }
}
