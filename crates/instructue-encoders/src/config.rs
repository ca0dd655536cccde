//! `config.json` of a BERT checkpoint: the numbers that an encoder is built from.

use std::path::Path;

use instructue_fs::read_text;
use instructue_nn::Precision;
use instructue_nn::limits::{self, Limit};
use instructue_nn::lora::LoraConfig;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The keys of a Hugging Face BERT `config.json` that matter here, by their
/// names there. Other keys are ignored when reading.
///
/// The default is bert-base, uncased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BertConfig {
    /// `bert`, or `roberta`, `xlm-roberta` or `camembert`, which number their
    /// positions from `pad_token_id` + 1 on.
    #[serde(default = "bert")]
    pub model_type: String,
    /// Rows of the word table.
    pub vocab_size: usize,
    /// Width of the states and of the result.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads; divides `hidden_size`.
    pub num_attention_heads: usize,
    /// Width inside the feed-forward part.
    pub intermediate_size: usize,
    /// Must be `gelu`, the exact one.
    #[serde(default = "gelu")]
    pub hidden_act: String,
    /// Rows of the position table; [`max_length`](Self::max_length) says how many of
    /// them a text may have.
    pub max_position_embeddings: usize,
    /// Rows of the token-type table. Only row 0 is used: a text is one segment.
    #[serde(default = "two")]
    pub type_vocab_size: usize,
    /// Added to the variance in each layer norm.
    #[serde(default = "norm_eps")]
    pub layer_norm_eps: f64,
    /// Standard deviation of fresh weights; narrow encoders want more than 0.02.
    #[serde(default = "init_std")]
    pub initializer_range: f64,
    /// The id that fills short rows of a batch; it is masked. Without it 0, and 1 in
    /// RoBERTa's family.
    #[serde(default)]
    pub pad_token_id: Option<u32>,
    /// Must be `absolute` when present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_embedding_type: Option<String>,
    /// What the encoder's matrices are held and multiplied in. No file decides
    /// it: reading gives `f32`.
    #[serde(skip)]
    pub precision: Precision,
}

/// Families whose positions begin behind the padding's.
const ROBERTA: [&str; 3] = ["roberta", "xlm-roberta", "camembert"];

fn bert() -> String {
    "bert".into()
}

fn gelu() -> String {
    "gelu".into()
}

fn two() -> usize {
    2
}

fn init_std() -> f64 {
    0.02
}

fn norm_eps() -> f64 {
    1e-12
}

impl Default for BertConfig {
    fn default() -> Self {
        Self {
            model_type: bert(),
            vocab_size: 30_522,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3_072,
            hidden_act: gelu(),
            max_position_embeddings: 512,
            type_vocab_size: two(),
            layer_norm_eps: norm_eps(),
            initializer_range: init_std(),
            pad_token_id: Some(0),
            position_embedding_type: None,
            precision: Precision::F32,
        }
    }
}

impl BertConfig {
    /// Reads and checks `config.json` of a checkpoint directory.
    ///
    /// # Errors
    /// The file cannot be read, is no JSON, lacks a key, or a value is not
    /// supported; each names the file and the key.
    pub fn load(dir: impl AsRef<Path>) -> Result<Self, Error> {
        let path = dir.as_ref().join("config.json");
        let config: Self = read_json(&path)?;
        config.check(&path.display().to_string())?;
        Ok(config)
    }

    /// The same, computed in this precision.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Checks sizes and the values that name a variant.
    ///
    /// # Errors
    /// [`Error::Config`] names the key.
    pub fn validate(&self) -> Result<(), Error> {
        self.check("BertConfig")
    }

    fn check(&self, config: &str) -> Result<(), Error> {
        let sizes: [(_, _, Limit); 7] = [
            ("vocab_size", self.vocab_size, limits::ROWS),
            ("hidden_size", self.hidden_size, limits::WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, limits::LAYERS),
            (
                "num_attention_heads",
                self.num_attention_heads,
                limits::WIDTH,
            ),
            ("intermediate_size", self.intermediate_size, limits::WIDTH),
            (
                "max_position_embeddings",
                self.max_position_embeddings,
                limits::ROWS,
            ),
            ("type_vocab_size", self.type_vocab_size, limits::ROWS),
        ];
        for (key, value, limit) in sizes {
            if !limit.allows(value) {
                return Err(Error::config(config, key, value, limit.expected()));
            }
        }
        if self.model_type != "bert" && !self.is_roberta() {
            let expected = format!("`bert`, `{}`", ROBERTA.join("` or `"));
            let found = format!("`{}`", self.model_type);
            return Err(Error::config(config, "model_type", found, expected));
        }
        let positions = self.position_embedding_type.as_deref();
        let names = [
            ("hidden_act", self.hidden_act.as_str(), "gelu"),
            (
                "position_embedding_type",
                positions.unwrap_or("absolute"),
                "absolute",
            ),
        ];
        for (key, found, expected) in names {
            if found != expected {
                let found = format!("`{found}`");
                return Err(Error::config(config, key, found, format!("`{expected}`")));
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let expected = format!("a divisor of `hidden_size` = {}", self.hidden_size);
            let found = self.num_attention_heads;
            return Err(Error::config(
                config,
                "num_attention_heads",
                found,
                expected,
            ));
        }
        for (key, found) in [
            ("layer_norm_eps", self.layer_norm_eps),
            ("initializer_range", self.initializer_range),
        ] {
            if !limits::POSITIVE.contains(&found) {
                let expected = format!("above 0, {:?}", limits::POSITIVE);
                return Err(Error::config(config, key, found, expected));
            }
        }
        if let Some(pad) = self.pad_token_id
            && pad as usize >= self.vocab_size
        {
            let expected = format!("below `vocab_size` = {}", self.vocab_size);
            return Err(Error::config(config, "pad_token_id", pad, expected));
        }
        let first = self.first_position();
        if first >= self.max_position_embeddings {
            let found = self.max_position_embeddings;
            let expected = format!("more than {first}, the rows before a text's first token");
            return Err(Error::config(
                config,
                "max_position_embeddings",
                found,
                expected,
            ));
        }
        Ok(())
    }

    fn is_roberta(&self) -> bool {
        ROBERTA.contains(&self.model_type.as_str())
    }

    /// The padding's id.
    pub(crate) fn pad(&self) -> usize {
        let usual = if self.is_roberta() { 1 } else { 0 };
        self.pad_token_id.unwrap_or(usual) as usize
    }

    /// The row of the position table that a text's first token has.
    pub(crate) fn first_position(&self) -> usize {
        match self.is_roberta() {
            true => self.pad() + 1,
            false => 0,
        }
    }

    /// The longest text in tokens: the position table's rows, in RoBERTa's family
    /// without those up to the padding's.
    pub fn max_length(&self) -> usize {
        self.max_position_embeddings
            .saturating_sub(self.first_position())
    }

    /// How many weights an encoder of this shape has, factors of LoRA included.
    pub fn weights(&self, lora: Option<&LoraConfig>) -> u128 {
        let rank = lora.map(|lora| lora.rank);
        let (width, inner) = (self.hidden_size, self.intermediate_size);
        let norm = 2 * width as u128;
        let layer = 4 * limits::linear_weights(width, width, true, rank)
            + limits::linear_weights(width, inner, true, None)
            + limits::linear_weights(inner, width, true, None)
            + 2 * norm;
        let rows = [
            self.vocab_size,
            self.max_position_embeddings,
            self.type_vocab_size,
        ];
        let rows: u128 = rows.map(|rows| rows as u128).iter().sum();
        rows * width as u128 + norm + self.num_hidden_layers as u128 * layer
    }

    /// The same configuration as the text of a `config.json`.
    pub fn to_json(&self) -> String {
        // Strings, numbers and options: nothing here can fail to serialise.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = read_text(path)?;
    serde_json::from_str(&text).map_err(|reason| Error::Json {
        path: path.into(),
        reason,
    })
}
