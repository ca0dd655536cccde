//! The numbers of a decoder's architecture, and which of them make a decoder.
//! `config_file` reads and writes them as `config.json`.

use instructue_nn::limits::{self, Limit};
use instructue_nn::rope::{Rope, RopeScaling};
use instructue_nn::{Precision, lora::LoraConfig};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The families of decoders that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelType {
    /// Bias on query, key and value.
    Qwen2,
    /// Queries and keys are normalised head by head; heads have a width of their
    /// own. Bias as in Llama.
    Qwen3,
    /// No bias, unless `attention_bias` asks for it on all four projections.
    Llama,
}

/// Width of a Qwen3 head where `config.json` does not name one.
pub(crate) const QWEN3_HEAD: usize = 128;

impl ModelType {
    /// The class that transformers loads such a model with.
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
            Self::Llama => "LlamaForCausalLM",
        }
    }
}

/// The fields of `config.json` that decide what the decoder computes.
///
/// Reading accepts what transformers writes, in its older form (`rope_theta`,
/// `rope_scaling`) and its newer one (`rope_parameters`), ignores fields
/// without a bearing on the computation, and refuses those that would change
/// it in a way that is not implemented.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Family.
    pub model_type: ModelType,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward part.
    pub intermediate_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; a divisor of the query heads.
    pub num_key_value_heads: usize,
    /// Width of a head; `hidden_size / num_attention_heads` if absent. Qwen3
    /// wants it (a file without it means 128, as in transformers).
    pub head_dim: Option<usize>,
    /// ε of the norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary wavelengths.
    pub rope_theta: f64,
    /// How rotary positions are changed for texts longer than the first training's.
    pub rope_scaling: Option<RopeScaling>,
    /// Qwen2: always true, on query, key and value. Qwen3 and Llama: on all
    /// four projections if true.
    pub attention_bias: bool,
    /// Whether the output matrix is the embedding table.
    pub tie_word_embeddings: bool,
    /// The longest sequence the checkpoint was trained for; not enforced.
    pub max_position_embeddings: usize,
    /// Standard deviation of fresh weights. 0.02 suits the published widths; a
    /// narrow decoder wants more, or every token starts out alike.
    pub initializer_range: f64,
    /// What the decoder's matrices are held and multiplied in. No file decides
    /// it: reading gives `f32`, whatever type the checkpoint was saved in.
    pub precision: Precision,
}

impl DecoderConfig {
    /// The proportions of Qwen2.5-0.5B, Qwen3-0.6B or SmolLM2-135M, to be
    /// changed field by field.
    pub fn new(model_type: ModelType) -> Self {
        match model_type {
            ModelType::Qwen2 => Self {
                model_type,
                vocab_size: 151_936,
                hidden_size: 896,
                intermediate_size: 4_864,
                num_hidden_layers: 24,
                num_attention_heads: 14,
                num_key_value_heads: 2,
                head_dim: None,
                rms_norm_eps: 1e-6,
                rope_theta: 1e6,
                rope_scaling: None,
                attention_bias: true,
                tie_word_embeddings: true,
                max_position_embeddings: 32_768,
                initializer_range: 0.02,
                precision: Precision::F32,
            },
            ModelType::Qwen3 => Self {
                model_type,
                vocab_size: 151_936,
                hidden_size: 1_024,
                intermediate_size: 3_072,
                num_hidden_layers: 28,
                num_attention_heads: 16,
                num_key_value_heads: 8,
                head_dim: Some(QWEN3_HEAD),
                rms_norm_eps: 1e-6,
                rope_theta: 1e6,
                rope_scaling: None,
                attention_bias: false,
                tie_word_embeddings: true,
                max_position_embeddings: 40_960,
                initializer_range: 0.02,
                precision: Precision::F32,
            },
            ModelType::Llama => Self {
                model_type,
                vocab_size: 49_152,
                hidden_size: 576,
                intermediate_size: 1_536,
                num_hidden_layers: 30,
                num_attention_heads: 9,
                num_key_value_heads: 3,
                head_dim: None,
                rms_norm_eps: 1e-5,
                rope_theta: 1e5,
                rope_scaling: None,
                attention_bias: false,
                tie_word_embeddings: true,
                max_position_embeddings: 8_192,
                initializer_range: 0.02,
                precision: Precision::F32,
            },
        }
    }

    /// The same, computed in this precision.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The rotation of the heads.
    ///
    /// # Panics
    ///
    /// If [`validate`](Self::validate) refuses the configuration.
    pub fn rope(&self) -> Rope {
        let scaling = self.rope_scaling.as_ref();
        Rope::new(self.head_width(), self.rope_theta, scaling)
    }

    /// Width of a head.
    ///
    /// # Panics
    ///
    /// If there are no heads, which [`validate`](Self::validate) refuses.
    pub fn head_width(&self) -> usize {
        self.head_dim
            .unwrap_or_else(|| self.hidden_size / self.num_attention_heads)
    }

    /// Query heads per key head.
    ///
    /// # Panics
    ///
    /// If there are no key heads, which [`validate`](Self::validate) refuses.
    pub fn group(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }

    /// Whether query, key and value projections have a bias.
    pub(crate) fn qkv_bias(&self) -> bool {
        self.attention_bias
    }

    /// Whether the output projection of the attention has a bias.
    pub(crate) fn output_bias(&self) -> bool {
        self.model_type != ModelType::Qwen2 && self.attention_bias
    }

    /// Whether queries and keys are normalised head by head.
    pub(crate) fn head_norms(&self) -> bool {
        self.model_type == ModelType::Qwen3
    }

    /// Refuses sizes that make no decoder; the error names the key.
    pub fn validate(&self) -> Result<()> {
        let sizes: [(&str, usize, Limit); 8] = [
            ("vocab_size", self.vocab_size, limits::ROWS),
            ("hidden_size", self.hidden_size, limits::WIDTH),
            ("intermediate_size", self.intermediate_size, limits::WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, limits::LAYERS),
            (
                "num_attention_heads",
                self.num_attention_heads,
                limits::WIDTH,
            ),
            (
                "num_key_value_heads",
                self.num_key_value_heads,
                limits::WIDTH,
            ),
            ("head_dim", self.head_dim.unwrap_or(1), limits::WIDTH),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                limits::POSITIONS,
            ),
        ];
        for (key, size, limit) in sizes {
            if !limit.allows(size) {
                return refuse(key, limit.expected(), size);
            }
        }
        let (heads, kv) = (self.num_attention_heads, self.num_key_value_heads);
        if !heads.is_multiple_of(kv) {
            return refuse(
                "num_key_value_heads",
                format!("a divisor of num_attention_heads ({heads})"),
                kv,
            );
        }
        if self.head_dim.is_none() && !self.hidden_size.is_multiple_of(heads) {
            return refuse(
                "hidden_size",
                format!("a multiple of num_attention_heads ({heads}), or a head_dim"),
                self.hidden_size,
            );
        }
        let width = self.head_width();
        if !width.is_multiple_of(2) {
            return refuse("head_dim", "an even number", width);
        }
        for (key, value) in [
            ("rms_norm_eps", self.rms_norm_eps),
            ("rope_theta", self.rope_theta),
            ("initializer_range", self.initializer_range),
        ] {
            if !limits::POSITIVE.contains(&value) {
                let expected = format!("a positive number, {:?}", limits::POSITIVE);
                return refuse(key, expected, value);
            }
        }
        if let Some(scaling) = &self.rope_scaling {
            scaling.validate(width, self.rope_theta)?;
        }
        if self.model_type == ModelType::Qwen2 && !self.attention_bias {
            return refuse("attention_bias", "true for qwen2", false);
        }
        if self.model_type == ModelType::Qwen3 && self.head_dim.is_none() {
            return refuse("head_dim", "a number for qwen3", "nothing");
        }
        Ok(())
    }
}

impl DecoderConfig {
    /// How many weights a decoder of this shape has, factors of LoRA included.
    pub fn weights(&self, lora: Option<&LoraConfig>) -> u128 {
        let rank = lora.map(|lora| lora.rank);
        let linear = |input, output, bias| limits::linear_weights(input, output, bias, rank);
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let width = self
            .head_dim
            .map_or(hidden, |w| w * self.num_attention_heads);
        let key = width / self.num_attention_heads.max(1) * self.num_key_value_heads;
        let bias = self.qkv_bias();
        let norms = 2 * hidden
            + if self.head_norms() {
                2 * self.head_width()
            } else {
                0
            };
        let layer = linear(hidden, width, bias)
            + 2 * linear(hidden, key, bias)
            + linear(width, hidden, self.output_bias())
            + 3 * linear(hidden, inner, false)
            + norms as u128;
        let table = self.vocab_size as u128 * hidden as u128;
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        tables * table + hidden as u128 + self.num_hidden_layers as u128 * layer
    }
}

fn refuse<T>(key: &str, expected: impl Into<String>, found: impl ToString) -> Result<T> {
    Err(Error::setting(key, expected, found))
}
