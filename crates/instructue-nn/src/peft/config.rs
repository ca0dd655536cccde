//! `adapter_config.json`, as far as it is LoRA on linear maps and nothing else.

use std::path::Path;

use serde_json::{Map, Value, json};

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
    fn name(self) -> &'static str {
        match self {
            Self::CausalLm => "CAUSAL_LM",
            Self::FeatureExtraction => "FEATURE_EXTRACTION",
        }
    }
}

/// The settings of an adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct PeftConfig {
    /// Rank, scale and dropout. With `use_rslora` the scale of PEFT is
    /// `lora_alpha / √r`; `alpha` here holds what gives the same scale.
    pub lora: LoraConfig,
    /// Ends of the paths that carry factors.
    pub targets: Vec<String>,
    /// `base_model_name_or_path`; a note, not checked.
    pub base: Option<String>,
}

/// Keys that say nothing of what the adapted model computes, and those that are
/// read one by one.
const KNOWN: [&str; 18] = [
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
    /// is not supported: ranks or scales per module, a magnitude (DoRA), biases,
    /// modules saved whole, a base that was changed when the adapter was made.
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
        let alpha = match value("use_rslora") {
            Value::Null | Value::Bool(false) => alpha,
            Value::Bool(true) => alpha * (rank as f64).sqrt(),
            _ => return Err(refuse("use_rslora", "true or false")),
        };
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

    /// The text of the file.
    pub(super) fn to_json(&self, task: TaskType) -> String {
        let alpha = self.lora.alpha;
        // PEFT declares a whole number and takes any; most files hold a whole one.
        let alpha = match alpha.fract() == 0.0 && alpha.abs() < 1e15 {
            true => json!(alpha as i64),
            false => json!(alpha),
        };
        let value = json!({
            "peft_type": "LORA",
            "task_type": task.name(),
            "base_model_name_or_path": self.base,
            "inference_mode": true,
            "r": self.lora.rank,
            "lora_alpha": alpha,
            "lora_dropout": self.lora.dropout,
            "target_modules": self.targets,
            "bias": "none",
            "fan_in_fan_out": false,
            "init_lora_weights": true,
            "use_rslora": false,
            "use_dora": false,
            "modules_to_save": null,
            "rank_pattern": {},
            "alpha_pattern": {},
        });
        format!("{value:#}\n")
    }
}

/// Whether a value switches nothing on.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// A value on one line, cut where it would fill the screen.
fn shown(value: &Value) -> String {
    const LIMIT: usize = 120;
    let text = value.to_string();
    match text.len() > LIMIT {
        true => format!("{}…", &text[..text.floor_char_boundary(LIMIT)]),
        false => text,
    }
}
