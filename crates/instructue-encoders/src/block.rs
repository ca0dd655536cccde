//! One post-norm block of a BERT.

use burn::module::Module;
use burn::nn::{LayerNorm, Linear};
use burn::prelude::*;
use instructue_nn::Precision;
use instructue_nn::attention::{AttentionBias, attend};
use instructue_nn::kernels::gelu;
use instructue_nn::linear::linear;
use instructue_nn::lora::LoraLinear;

use crate::weights::{Tensors, Weights, normalise};
use crate::{BertConfig, Error};

/// Attention, residual, norm; feed-forward, residual, norm.
#[derive(Module, Debug)]
pub(crate) struct Block {
    query: LoraLinear,
    key: LoraLinear,
    value: LoraLinear,
    output: LoraLinear,
    output_norm: LayerNorm,
    up: Linear,
    down: Linear,
    down_norm: LayerNorm,
    heads: usize,
    eps: f64,
}

impl Block {
    /// `name` is the block's prefix, e.g. `encoder.layer.0`.
    pub fn build(config: &BertConfig, name: &str, from: &mut Weights<'_>) -> Result<Self, Error> {
        let width = config.hidden_size;
        let inner = config.intermediate_size;
        let eps = config.layer_norm_eps;
        let attention = format!("{name}.attention");
        Ok(Self {
            query: from.adapted(&format!("{attention}.self.query"), width, width)?,
            key: from.adapted(&format!("{attention}.self.key"), width, width)?,
            value: from.adapted(&format!("{attention}.self.value"), width, width)?,
            output: from.adapted(&format!("{attention}.output.dense"), width, width)?,
            output_norm: from.norm(&format!("{attention}.output.LayerNorm"), width, eps)?,
            up: from.linear(&format!("{name}.intermediate.dense"), width, inner)?,
            down: from.linear(&format!("{name}.output.dense"), inner, width)?,
            down_norm: from.norm(&format!("{name}.output.LayerNorm"), width, eps)?,
            heads: config.num_attention_heads,
            eps,
        })
    }

    pub fn save(&self, name: &str, to: &mut Tensors) {
        let attention = format!("{name}.attention");
        to.adapted(&format!("{attention}.self.query"), &self.query);
        to.adapted(&format!("{attention}.self.key"), &self.key);
        to.adapted(&format!("{attention}.self.value"), &self.value);
        to.adapted(&format!("{attention}.output.dense"), &self.output);
        to.norm(&format!("{attention}.output.LayerNorm"), &self.output_norm);
        to.linear(&format!("{name}.intermediate.dense"), &self.up);
        to.linear(&format!("{name}.output.dense"), &self.down);
        to.norm(&format!("{name}.output.LayerNorm"), &self.down_norm);
    }

    /// Heads, and the scales of LoRA that are not in the weights yet.
    pub fn constants(&self) -> (usize, Vec<f64>) {
        let loras = self.adapted().map(|(_, map)| map.lora.as_ref());
        let scales = loras.into_iter().flatten().filter(|lora| !lora.merged);
        (self.heads, scales.map(|lora| lora.scale).collect())
    }

    /// The maps that LoRA may adapt, with the rest of their keys.
    pub fn adapted(&self) -> [(&'static str, &LoraLinear); 4] {
        [
            ("attention.self.query", &self.query),
            ("attention.self.key", &self.key),
            ("attention.self.value", &self.value),
            ("attention.output.dense", &self.output),
        ]
    }

    pub fn adapted_mut(&mut self) -> [(&'static str, &mut LoraLinear); 4] {
        [
            ("attention.self.query", &mut self.query),
            ("attention.self.key", &mut self.key),
            ("attention.self.value", &mut self.value),
            ("attention.output.dense", &mut self.output),
        ]
    }

    /// Matrices and their biases in another precision.
    pub fn cast(&mut self, precision: Precision) {
        for (_, map) in self.adapted_mut() {
            map.linear = precision.cast_linear(map.linear.clone());
        }
        for map in [&mut self.up, &mut self.down] {
            *map = precision.cast_linear(map.clone());
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
        let [texts, length, width] = x.dims();
        // Query, key and value read the same rows: flattened and, with LoRA,
        // dropped out once. One product with the three weights side by side
        // takes as long as three, measured at 3072 rows of width 384.
        let rows = self.key.input(x.clone());
        let k = self.split(self.key.forward_shared(&rows));
        let v = self.split(self.value.forward_shared(&rows));
        let (x, q) = match queries == length {
            true => (x, self.query.forward_shared(&rows)),
            false => {
                let x = x.narrow(1, 0, queries);
                (x.clone(), self.query.forward(x))
            }
        };
        let heads = attend(self.split(q), k, v, bias.tensor());
        let joined = heads.swap_dims(1, 2).reshape([texts, queries, width]);
        // The fresh tensor on the left is the one that can be added to in place.
        let dtype = x.dtype();
        let y = self.output.forward(joined).cast(dtype);
        let x = normalise(&self.output_norm, y + x, self.eps);
        let inner = gelu(linear(&self.up, x.clone()));
        let y = linear(&self.down, inner).cast(dtype);
        normalise(&self.down_norm, y + x, self.eps)
    }

    /// `[texts, length, width]` → `[texts, heads, length, head width]`.
    fn split(&self, x: Tensor<3>) -> Tensor<4> {
        let [texts, length, width] = x.dims();
        x.reshape([texts, length, self.heads, width / self.heads])
            .swap_dims(1, 2)
    }
}
