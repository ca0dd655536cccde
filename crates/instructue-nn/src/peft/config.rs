//! `adapter_config.json`, as far as it is LoRA on linear maps and nothing else.

use std::path::Path;

use serde_json::{Map, Value};

use super::pattern::{self, Patterns};
use super::value::{is_nothing, shown};
use crate::checkpoint::read_json;
use crate::lora::LoraConfig;
use crate::{Error, Result};

/// What the adapted model is used for, which decides the class that PEFT wraps
/// it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskType {
    /// A decoder under its language-modelling head.
    CausalLm,
    /// A model whose states are the result.
    FeatureExtraction,
}

impl TaskType {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CausalLm => "CAUSAL_LM",
            Self::FeatureExtraction => "FEATURE_EXTRACTION",
        }
    }
}

/// The settings of an adapter.
#[derive(Debug, Clone)]
pub struct PeftConfig {
    /// `r`, `lora_alpha` and dropout, as far as no pattern says otherwise.
    lora: LoraConfig,
    /// Whether the scale is `lora_alpha / √r`.
    rank_stabilised: bool,
    ranks: Patterns<usize>,
    alphas: Patterns<f64>,
    /// Ends of the paths that carry factors.
    pub targets: Vec<String>,
    /// `base_model_name_or_path`; a note, not checked.
    pub base: Option<String>,
}

/// Keys that say nothing of what the adapted model computes, and those that are
/// read one by one.
const KNOWN: [&str; 20] = [
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "ensure_weight_tying",
    "inference_mode",
    "init_lora_weights",
    "lora_alpha",
    "lora_dropout",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "use_rslora",
];

impl PeftConfig {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] or [`Error::Json`] when it is no JSON object, and
    /// [`Error::Peft`] for a key that is missing, out of range, or asks for what
    /// is not supported: a magnitude (DoRA), biases, modules saved whole, a base that was changed when the adapter was made.
    /// An unknown key is refused too, unless it is null, false or empty.
    pub fn read(path: &Path) -> Result<Self> {
        let map: Map<String, Value> = read_json(path)?;
        let refuse = |key: &str, expected: &str| Error::Peft {
            path: path.into(),
            key: key.into(),
            expected: expected.into(),
            found: map.get(key).map_or("nothing".into(), shown),
        };
        let value = |key: &str| map.get(key).unwrap_or(&Value::Null);

        if value("peft_type") != "LORA" {
            return Err(refuse("peft_type", "\"LORA\""));
        }
        if !(value("bias").is_null() || value("bias") == "none") {
            return Err(refuse("bias", "\"none\""));
        }
        let start = value("init_lora_weights");
        let kept = ["gaussian", "orthogonal", "eva"].iter().any(|s| start == s);
        if !(start.is_null() || start.is_boolean() || kept) {
            let expected = "a start that leaves the base as it is";
            return Err(refuse("init_lora_weights", expected));
        }
        for (key, found) in &map {
            if !(KNOWN.contains(&key.as_str()) || is_nothing(found)) {
                return Err(refuse(key, "nothing: it is not supported"));
            }
        }

        let rank = value("r").as_u64().and_then(|r| u32::try_from(r).ok());
        let rank = rank.filter(|r| *r > 0);
        let rank = rank.ok_or_else(|| refuse("r", "a whole number from 1"))? as usize;
        let alpha = value("lora_alpha").as_f64();
        let alpha = alpha.ok_or_else(|| refuse("lora_alpha", "a number"))?;
        let dropout = match value("lora_dropout") {
            Value::Null => Some(0.0),
            found => found.as_f64().filter(|p| (0.0..1.0).contains(p)),
        };
        let dropout = dropout.ok_or_else(|| refuse("lora_dropout", "a share in [0, 1)"))?;
        let rank_stabilised = match value("use_rslora") {
            Value::Null => false,
            Value::Bool(on) => *on,
            _ => return Err(refuse("use_rslora", "true or false")),
        };
        for key in ["rank_pattern", "alpha_pattern"] {
            if !(value(key).is_null() || value(key).is_object()) {
                return Err(refuse(key, "an object of patterns"));
            }
        }
        let (ranks, alphas) = pattern::read(path)?;
        let names = value("target_modules").as_array().map(|names| {
            let names = names.iter().map(|name| name.as_str().map(str::to_owned));
            names.collect::<Option<Vec<_>>>()
        });
        let targets = names.flatten().filter(|names| !names.is_empty());
        let targets = targets.ok_or_else(|| refuse("target_modules", "a list of names"))?;
        Ok(Self {
            lora: LoraConfig::new()
                .with_rank(rank)
                .with_alpha(alpha)
                .with_dropout(dropout),
            rank_stabilised,
            ranks,
            alphas,
            targets,
            base: value("base_model_name_or_path").as_str().map(Into::into),
        })
    }

    /// Whether the map at this path carries factors: its name is a target, or
    /// ends in one behind a dot.
    pub fn adapts(&self, path: &str) -> bool {
        self.targets.iter().any(|target| {
            let head = path.strip_suffix(target.as_str());
            head.is_some_and(|head| head.is_empty() || head.ends_with('.'))
        })
    }

    /// Rank, scale and dropout of the map at this path.
    pub fn lora(&self, path: &str) -> LoraConfig {
        let rank = self.ranks.get(path).unwrap_or(self.lora.rank);
        let alpha = self.alphas.get(path).unwrap_or(self.lora.alpha);
        // What makes `alpha / rank` the scale that is meant.
        let factor = match self.rank_stabilised {
            true => (rank as f64).sqrt(),
            false => 1.0,
        };
        LoraConfig::new()
            .with_rank(rank)
            .with_alpha(alpha * factor)
            .with_dropout(self.lora.dropout)
    }
}
