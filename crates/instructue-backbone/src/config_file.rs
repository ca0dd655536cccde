//! `config.json` of a decoder: as others write it, and as it is written here.

use std::path::Path;

use instructue_nn::Precision;
use instructue_nn::checkpoint::{CONFIG, read_json};
use serde::de::{Deserializer, Error as _};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{DecoderConfig, ModelType, QWEN3_HEAD};
use crate::error::{Error, Result};
use crate::rope::{self, Named};

impl DecoderConfig {
    /// Reads and validates `config.json` of a checkpoint directory.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or lacks a key, or a value is not supported; the
    /// error names file and key.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join(CONFIG);
        let raw: Raw = read_json(&path)?;
        Self::try_from(raw).map_err(|source| Error::File {
            path,
            source: Box::new(source),
        })
    }
}

impl<'de> Deserialize<'de> for DecoderConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(Raw::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for DecoderConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written::from(self).serialize(serializer)
    }
}

/// `config.json` as it may come.
#[derive(Deserialize)]
struct Raw {
    model_type: Value,
    vocab_size: Option<usize>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f64>,
    rope_scaling: Option<Value>,
    rope_parameters: Option<Value>,
    partial_rotary_factor: Option<f64>,
    original_max_position_embeddings: Option<usize>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    tie_word_embeddings: Option<bool>,
    max_position_embeddings: Option<usize>,
    initializer_range: Option<f64>,
    hidden_act: Option<String>,
    use_sliding_window: Option<bool>,
    layer_types: Option<Vec<String>>,
}

impl TryFrom<Raw> for DecoderConfig {
    type Error = Error;

    fn try_from(raw: Raw) -> Result<Self> {
        let model_type = match raw.model_type.as_str() {
            Some("qwen2") => ModelType::Qwen2,
            Some("qwen3") => ModelType::Qwen3,
            Some("llama") => ModelType::Llama,
            _ => {
                let known = "\"qwen2\", \"qwen3\" or \"llama\"";
                return refuse("model_type", known, raw.model_type);
            }
        };
        if let Some(act) = &raw.hidden_act
            && act != "silu"
        {
            return refuse("hidden_act", "\"silu\"", act);
        }
        if raw.mlp_bias == Some(true) {
            return refuse("mlp_bias", "false", true);
        }
        if raw.use_sliding_window == Some(true) {
            return refuse("use_sliding_window", "false", true);
        }
        for kind in raw.layer_types.iter().flatten() {
            if kind != "full_attention" {
                return refuse("layer_types", "\"full_attention\" throughout", kind);
            }
        }
        let heads = required("num_attention_heads", raw.num_attention_heads)?;
        let head_dim = match model_type {
            ModelType::Qwen3 => raw.head_dim.or(Some(QWEN3_HEAD)),
            ModelType::Qwen2 | ModelType::Llama => raw.head_dim,
        };
        let positions = raw.max_position_embeddings.unwrap_or(2_048);
        let (rope_theta, rope_scaling) = rope::read(&Named {
            theta: raw.rope_theta,
            scaling: raw.rope_scaling.as_ref(),
            parameters: raw.rope_parameters.as_ref(),
            partial: raw.partial_rotary_factor,
            original: raw.original_max_position_embeddings,
            positions,
        })?;
        let config = Self {
            model_type,
            vocab_size: required("vocab_size", raw.vocab_size)?,
            hidden_size: required("hidden_size", raw.hidden_size)?,
            intermediate_size: required("intermediate_size", raw.intermediate_size)?,
            num_hidden_layers: required("num_hidden_layers", raw.num_hidden_layers)?,
            num_attention_heads: heads,
            num_key_value_heads: raw.num_key_value_heads.unwrap_or(heads),
            head_dim,
            rms_norm_eps: raw.rms_norm_eps.unwrap_or(1e-6),
            rope_theta,
            rope_scaling,
            attention_bias: raw.attention_bias.unwrap_or(model_type == ModelType::Qwen2),
            tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(false),
            max_position_embeddings: positions,
            initializer_range: raw.initializer_range.unwrap_or(0.02),
            precision: Precision::F32,
        };
        config.validate()?;
        Ok(config)
    }
}

fn required(key: &'static str, value: Option<usize>) -> Result<usize> {
    match value {
        Some(value) => Ok(value),
        None => refuse(key, "a number", "nothing"),
    }
}

/// `config.json` as it is written: with what transformers needs to load it.
#[derive(Serialize)]
struct Written {
    architectures: [&'static str; 1],
    model_type: ModelType,
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_dim: Option<usize>,
    hidden_act: &'static str,
    rms_norm_eps: f64,
    rope_theta: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rope_scaling: Option<Value>,
    attention_bias: bool,
    tie_word_embeddings: bool,
    max_position_embeddings: usize,
    initializer_range: f64,
    torch_dtype: &'static str,
}

impl From<&DecoderConfig> for Written {
    fn from(config: &DecoderConfig) -> Self {
        let positions = config.max_position_embeddings;
        let scaling = config.rope_scaling.as_ref();
        Self {
            architectures: [config.model_type.architecture()],
            model_type: config.model_type,
            vocab_size: config.vocab_size,
            hidden_size: config.hidden_size,
            intermediate_size: config.intermediate_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: config.num_attention_heads,
            num_key_value_heads: config.num_key_value_heads,
            head_dim: config.head_dim,
            hidden_act: "silu",
            rms_norm_eps: config.rms_norm_eps,
            rope_theta: config.rope_theta,
            rope_scaling: scaling.map(|scaling| rope::write(scaling, positions)),
            attention_bias: config.attention_bias,
            tie_word_embeddings: config.tie_word_embeddings,
            max_position_embeddings: config.max_position_embeddings,
            initializer_range: config.initializer_range,
            torch_dtype: match config.precision {
                Precision::F32 => "float32",
                Precision::Bf16 => "bfloat16",
                Precision::F16 => "float16",
            },
        }
    }
}

fn refuse<T>(key: &str, expected: impl Into<String>, found: impl ToString) -> Result<T> {
    Err(Error::setting(key, expected, found))
}
