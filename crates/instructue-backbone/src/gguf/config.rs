//! The metadata of a GGUF file as a [`DecoderConfig`]. Loading begins with it.

use instructue_gguf::Gguf;
use instructue_nn::Precision;
use instructue_nn::rope::{RopeScaling, YarnScaling};

use super::names::{OUTPUT, ROPE_FACTORS, TABLE};
use crate::config::{DecoderConfig, ModelType};
use crate::error::{Error, Result};

const ARCHITECTURE: &str = "general.architecture";
/// Rows that are compared to tell a copy of the embedding table from an output
/// matrix of its own.
const SAMPLES: usize = 64;
/// Two quantisations of one matrix have a cosine above .99 even at four bits;
/// two matrices with tasks of their own are far below.
const SAME: f64 = 0.98;

impl DecoderConfig {
    /// Reads the configuration from the metadata and the tensors of a file.
    ///
    /// Architectures are `llama`, `qwen2` and `qwen3`. GGUF does not say whether the
    /// output matrix is the embedding table. It is if `output.weight` is absent,
    /// or if it is a second copy at another precision, which some converters
    /// write; to tell, some rows of both are compared. Set
    /// `tie_word_embeddings` afterwards if you know better.
    ///
    /// # Errors
    /// [`Error::Gguf`] or [`Error::File`] when a key is missing, of another
    /// type, or asks for what is not implemented (experts, partial rotary
    /// positions, other scaling than linear, YaRN or a factor for each pair,
    /// windows); the error names it.
    pub fn from_gguf(file: &mut Gguf) -> Result<Self> {
        let name = file.required(ARCHITECTURE, "a string", file.text(ARCHITECTURE)?)?;
        let model_type = match name {
            "llama" => ModelType::Llama,
            "qwen2" => ModelType::Qwen2,
            "qwen3" => ModelType::Qwen3,
            other => {
                let known = "llama, qwen2 or qwen3";
                return Err(file.refuse_key(ARCHITECTURE, known, other).into());
            }
        };
        let keys = Keys { file, name };
        keys.refuse_unsupported()?;

        let hidden_size = keys.size("embedding_length")?;
        let heads = keys.size("attention.head_count")?;
        let kv = keys.optional("attention.head_count_kv")?.unwrap_or(heads);
        let table = &file.tensor(TABLE)?.shape;
        let vocab_size = table.first().copied().unwrap_or(0);
        let biased = file.tensors().contains_key("blk.0.attn_q.bias");
        let head_dim = match (keys.head_dim()?, model_type) {
            (None, ModelType::Qwen3) => hidden_size.checked_div(heads),
            (width, ModelType::Qwen3) => width,
            // A width that follows from the others need not be named.
            (width, _) => width.filter(|width| width.checked_mul(heads) != Some(hidden_size)),
        };
        let config = Self {
            model_type,
            vocab_size,
            hidden_size,
            intermediate_size: keys.size("feed_forward_length")?,
            num_hidden_layers: keys.size("block_count")?,
            num_attention_heads: heads,
            num_key_value_heads: kv,
            head_dim,
            rms_norm_eps: keys.epsilon()?,
            rope_theta: keys.float("rope.freq_base")?.unwrap_or(1e4),
            rope_scaling: keys.rope_scaling()?,
            attention_bias: biased || model_type == ModelType::Qwen2,
            tie_word_embeddings: false,
            max_position_embeddings: keys.size("context_length")?,
            initializer_range: 0.02,
            precision: Precision::F32,
        };
        let path = file.path().to_owned();
        let check = |config: &Self| {
            config.validate().map_err(|source| Error::File {
                path: path.clone(),
                source: Box::new(source),
            })
        };
        check(&config)?;
        keys.refuse_partial_rotation(config.head_width())?;
        let mut config = config;
        if file.tensors().contains_key(ROPE_FACTORS) {
            config.rope_scaling = factors(file, &config)?;
            check(&config)?;
        }
        config.tie_word_embeddings = is_tied(file)?;
        Ok(config)
    }
}

/// The keys below the name of the architecture.
struct Keys<'a> {
    file: &'a Gguf,
    name: &'a str,
}

impl Keys<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn optional(&self, key: &str) -> Result<Option<usize>> {
        Ok(self.file.size(&self.key(key))?)
    }

    fn size(&self, key: &str) -> Result<usize> {
        let value = self.optional(key)?;
        Ok(self
            .file
            .required(&self.key(key), "a whole number", value)?)
    }

    fn float(&self, key: &str) -> Result<Option<f64>> {
        Ok(self.file.float(&self.key(key))?)
    }

    fn refuse<T>(&self, key: &str, expected: impl Into<String>, found: impl ToString) -> Result<T> {
        Err(self.file.refuse_key(&self.key(key), expected, found).into())
    }

    fn epsilon(&self) -> Result<f64> {
        let key = "attention.layer_norm_rms_epsilon";
        let value = self.float(key)?;
        let key = self.key(key);
        Ok(self.file.required(&key, "a floating-point number", value)?)
    }

    /// The width of a head, if it is named.
    fn head_dim(&self) -> Result<Option<usize>> {
        let (key, value) = ("attention.key_length", "attention.value_length");
        let (width, other) = (self.optional(key)?, self.optional(value)?);
        if let (Some(width), Some(other)) = (width, other)
            && width != other
        {
            return self.refuse(value, format!("{width}, as {key}"), other);
        }
        Ok(width.or(other))
    }

    fn refuse_unsupported(&self) -> Result<()> {
        for key in ["expert_count", "attention.sliding_window"] {
            if let Some(number) = self.optional(key)?.filter(|number| *number > 0) {
                return self.refuse(key, "none or 0", number);
            }
        }
        let key = "attention.causal";
        if self.file.flag(&self.key(key))? == Some(false) {
            return self.refuse(key, "true", false);
        }
        Ok(())
    }

    /// What the metadata says; some files hold factors beside it.
    fn rope_scaling(&self) -> Result<Option<RopeScaling>> {
        let kind = self.file.text(&self.key("rope.scaling.type"))?;
        let older = self.float("rope.scale_linear")?;
        let factor = self.float("rope.scaling.factor")?.or(older);
        // 0 is none, as in llama.cpp.
        let factor = factor.filter(|factor| *factor != 0.0).unwrap_or(1.0);
        match kind {
            Some("none") => Ok(None),
            // Without a kind a factor is a linear one.
            None | Some("linear") => Ok((factor != 1.0).then_some(RopeScaling::Linear { factor })),
            Some("yarn") => Ok(Some(RopeScaling::Yarn(self.yarn(factor)?))),
            Some(other) => self.refuse("rope.scaling.type", "none, linear or yarn", other),
        }
    }

    fn yarn(&self, factor: f64) -> Result<YarnScaling> {
        // What would change the sharpening, or the ramp, in ways of its own.
        for (key, usual) in [
            ("rope.scaling.attn_factor", 1.0),
            ("rope.scaling.yarn_attn_factor", 1.0),
            ("rope.scaling.yarn_ext_factor", 1.0),
            ("rope.scaling.yarn_log_multiplier", 0.0),
        ] {
            if let Some(found) = self.float(key)?.filter(|found| *found != usual) {
                return self.refuse(key, format!("none or {usual}"), found);
            }
        }
        let original = self.optional("rope.scaling.original_context_length")?;
        let original = match original.filter(|original| *original > 0) {
            Some(original) => original,
            None => self.size("context_length")?,
        };
        let fast = self.float("rope.scaling.yarn_beta_fast")?;
        let slow = self.float("rope.scaling.yarn_beta_slow")?;
        Ok(YarnScaling {
            factor,
            beta_fast: fast.unwrap_or(YarnScaling::BETA_FAST),
            beta_slow: slow.unwrap_or(YarnScaling::BETA_SLOW),
            attention_factor: YarnScaling::default_attention_factor(factor, None, None),
            original_max_position_embeddings: original,
            truncate: true,
        })
    }

    fn refuse_partial_rotation(&self, width: usize) -> Result<()> {
        let key = "rope.dimension_count";
        match self.optional(key)? {
            Some(rotated) if rotated != width => {
                self.refuse(key, format!("{width}, the whole head"), rotated)
            }
            _ => Ok(()),
        }
    }
}

/// The divisor of each pair's frequency, which files of Llama 3.1 hold as a tensor;
/// nothing where all are 1.
fn factors(file: &mut Gguf, config: &DecoderConfig) -> Result<Option<RopeScaling>> {
    let factors = file.read(ROPE_FACTORS, &[config.head_width() / 2])?;
    if let Some(other) = &config.rope_scaling {
        return Err(Error::from(instructue_gguf::Error::Tensor {
            path: file.path().into(),
            name: ROPE_FACTORS.into(),
            expected: format!("none beside the metadata's scaling, {other:?}"),
            found: format!("{} factors", factors.len()),
        }));
    }
    let scaled = factors.iter().any(|factor| *factor != 1.0);
    Ok(scaled.then_some(RopeScaling::Factors(factors)))
}

/// Whether the output matrix is absent, or the embedding table once more.
fn is_tied(file: &mut Gguf) -> Result<bool> {
    let (table, output) = (TABLE, OUTPUT);
    if !file.tensors().contains_key(output) {
        return Ok(true);
    }
    let shape = &file.tensor(table)?.shape;
    if *shape != file.tensor(output)?.shape {
        return Ok(false);
    }
    let rows = shape.first().copied().unwrap_or(0);
    let (mut dot, mut left, mut right) = (0.0, 0.0, 0.0);
    for row in (0..rows).step_by(rows.div_ceil(SAMPLES).max(1)) {
        let (a, b) = (file.read_row(table, row)?, file.read_row(output, row)?);
        for (a, b) in a.into_iter().zip(b) {
            let (a, b) = (f64::from(a), f64::from(b));
            dot += a * b;
            left += a * a;
            right += b * b;
        }
    }
    Ok(dot > SAME * (left * right).sqrt())
}
