//! The architecture's numbers, read from and written to `config.json`.

use std::path::Path;

use instructue_nn::Precision;
use instructue_nn::checkpoint::{CONFIG, read_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

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
const QWEN3_HEAD: usize = 128;

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Written")]
pub struct DecoderConfig {
    /// Family.
    pub model_type: ModelType,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward part.
    pub intermediate_size: usize,
    /// Number of blocks.
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

    /// Reads and validates `config.json` of a checkpoint directory.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join(CONFIG);
        let raw: Raw = read_json(&path)?;
        Self::try_from(raw).map_err(|source| Error::File {
            path,
            source: Box::new(source),
        })
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
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim.unwrap_or(1)),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        for (key, size) in sizes {
            // 2³¹ of anything is a corrupt file; the bound keeps products of
            // two sizes within a machine word.
            if size == 0 || size >= 1 << 31 {
                return refuse(key, "a number from 1 to 2147483647", size);
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
            if !(value.is_finite() && value > 0.0) {
                return refuse(key, "a positive number", value);
            }
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

fn refuse<T>(key: &'static str, expected: impl Into<String>, found: impl ToString) -> Result<T> {
    Err(Error::Setting {
        key,
        expected: expected.into(),
        found: found.to_string(),
    })
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
        let theta = rope("rope_parameters", raw.rope_parameters.as_ref())?;
        let older = rope("rope_scaling", raw.rope_scaling.as_ref())?;
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
            rope_theta: theta.or(raw.rope_theta).or(older).unwrap_or(1e4),
            attention_bias: raw.attention_bias.unwrap_or(model_type == ModelType::Qwen2),
            tie_word_embeddings: raw.tie_word_embeddings.unwrap_or(false),
            max_position_embeddings: raw.max_position_embeddings.unwrap_or(2_048),
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

/// Accepts plain rotary positions only and returns their base, if it is named.
fn rope(key: &'static str, value: Option<&Value>) -> Result<Option<f64>> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let kind = value.get("rope_type").or_else(|| value.get("type"));
    let plain = kind.is_none_or(|kind| kind == "default");
    let partial = value.get("partial_rotary_factor").and_then(Value::as_f64);
    if !value.is_object() || !plain || partial.is_some_and(|share| share != 1.0) {
        return refuse(key, "rope_type \"default\" over the whole head", value);
    }
    Ok(value.get("rope_theta").and_then(Value::as_f64))
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
    attention_bias: bool,
    tie_word_embeddings: bool,
    max_position_embeddings: usize,
    initializer_range: f64,
    torch_dtype: &'static str,
}

impl From<DecoderConfig> for Written {
    fn from(config: DecoderConfig) -> Self {
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
