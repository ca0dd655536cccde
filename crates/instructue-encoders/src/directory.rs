//! A text encoder's checkpoint directory as sentence-transformers or transformers
//! write it.

use std::path::{Component, Path, PathBuf};

use burn::tensor::Device;
use instructue_nn::Precision;
use instructue_nn::lora::LoraConfig;
use serde::Deserialize;
use serde_json::Value;

use crate::config::read_json;
use crate::{BertConfig, Error, Pooling, TextEncoder};

/// What a directory says of its encoder; the weights are read by
/// [`load`](Self::load).
///
/// A sentence-transformers directory lists in `modules.json` what comes one after
/// the other: the encoder, its pooling, and perhaps a module that brings vectors to
/// length 1. Without that file it is a plain BERT, whose pooling is the mean over a
/// text's tokens unless the caller says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderCheckpoint {
    dir: PathBuf,
    config: BertConfig,
    pooling: Pooling,
    normalized: bool,
    max_length: usize,
    lower_case: bool,
}

/// An entry of `modules.json`.
#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    r#type: String,
}

/// `sentence_bert_config.json`.
#[derive(Deserialize, Default)]
struct Limits {
    #[serde(default)]
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

/// `[CLS]`, a token of the text, `[SEP]`.
const SHORTEST: usize = 3;

impl EncoderCheckpoint {
    /// Reads the configuration files of a directory, not the weights.
    ///
    /// `pooling` is for a directory that declares none, which would get the mean.
    ///
    /// # Errors
    /// A file that cannot be read or lacks a key; a model that is no BERT; another
    /// pooling than `cls` or `mean`, or than the one that is given; another module
    /// than these, such as `Dense`; a longest text that the position table does not
    /// allow; a prompt that would stand before every text. Each names file, key,
    /// expected, found.
    pub fn open(dir: impl AsRef<Path>, pooling: Option<Pooling>) -> Result<Self, Error> {
        let dir = dir.as_ref();
        let parts = match dir.join("modules.json") {
            path if path.exists() => Parts::listed(dir, &path)?,
            _ => Parts::plain(dir),
        };
        let config = BertConfig::load(&parts.dir)?;
        let pooling = match &parts.pooling {
            None => pooling.unwrap_or(Pooling::Mean),
            Some(path) => {
                let declared = Pooling::read(path, Some(config.hidden_size))?;
                if let Some(given) = pooling.filter(|given| *given != declared) {
                    let expected = format!("`{given}`, the pooling that is given, or none given");
                    let file = path.display().to_string();
                    return Err(Error::config(file, "pooling_mode", declared, expected));
                }
                declared
            }
        };
        no_prompt(&dir.join("config_sentence_transformers.json"))?;
        let (max_length, lower_case) = limits(&parts.dir, &config)?;
        Ok(Self {
            dir: parts.dir,
            config,
            pooling,
            normalized: parts.normalized,
            max_length,
            lower_case,
        })
    }

    /// The encoder with its weights (as [`BertConfig::load_weights`]), vectors of
    /// length 1 where the directory says so.
    ///
    /// # Errors
    /// As [`BertConfig::load_weights`].
    pub fn load(&self, lora: Option<&LoraConfig>, device: &Device) -> Result<TextEncoder, Error> {
        let encoder = self
            .config
            .load_weights(&self.dir, self.pooling, lora, device)?;
        Ok(encoder.with_normalized(self.normalized))
    }

    /// The same, to be loaded in this precision.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.config.precision = precision;
        self
    }

    /// Refuses a tokenizer that gives ids which the word table does not have: it needs
    /// this many rows. More are fine: tables are often padded.
    ///
    /// # Errors
    /// [`Error::Config`] names `vocab_size`.
    pub fn check_vocabulary(&self, tokenizer: usize) -> Result<(), Error> {
        let rows = self.config.vocab_size;
        if tokenizer <= rows {
            return Ok(());
        }
        let file = self.dir.join("config.json").display().to_string();
        let expected = format!("at least the {tokenizer} ids of the tokenizer");
        Err(Error::config(file, "vocab_size", rows, expected))
    }

    /// The directory of `config.json`, weights and tokenizer: the one that was
    /// opened, or the encoder's own in it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the tokenizer is expected.
    pub fn tokenizer_file(&self) -> PathBuf {
        self.dir.join("tokenizer.json")
    }

    /// The shape of the encoder.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// How token states become one vector.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Whether vectors are brought to length 1.
    pub fn normalized(&self) -> bool {
        self.normalized
    }

    /// The longest text in tokens, `[CLS]` and `[SEP]` counted: what it was trained
    /// with, at most the position table.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// Whether texts are lower-cased before the tokenizer sees them, beside what the
    /// tokenizer does.
    pub fn lower_case(&self) -> bool {
        self.lower_case
    }
}

/// Where the parts of a directory are.
struct Parts {
    dir: PathBuf,
    pooling: Option<PathBuf>,
    normalized: bool,
}

impl Parts {
    fn plain(dir: &Path) -> Self {
        let pooling = dir.join("1_Pooling").join("config.json");
        Self {
            dir: dir.into(),
            pooling: pooling.exists().then_some(pooling),
            normalized: false,
        }
    }

    /// By `modules.json`.
    fn listed(dir: &Path, file: &Path) -> Result<Self, Error> {
        let wrong = |key: &'static str, found: &str, expected: &str| {
            Error::config(
                file.display().to_string(),
                key,
                format!("`{found}`"),
                expected,
            )
        };
        let modules: Vec<Module> = read_json(file)?;
        let inside = |module: &Module| {
            let path = Path::new(&module.path);
            let plain = path.components().all(|c| matches!(c, Component::Normal(_)));
            match plain {
                true => Ok(dir.join(path)),
                false => Err(wrong("path", &module.path, "a folder of this directory")),
            }
        };
        // The class's name; what stands before it changes between versions.
        let names: Vec<&str> = modules
            .iter()
            .map(|module| module.r#type.rsplit('.').next().unwrap_or_default())
            .collect();
        let known = ["Transformer", "Pooling", "Normalize"];
        if let Some(other) = names.iter().position(|name| !known.contains(name)) {
            let expected = "Transformer, Pooling, perhaps Normalize, and no other module";
            return Err(wrong("type", &modules[other].r#type, expected));
        }
        let (encoder, pooling, last) = match (&names[..], &modules[..]) {
            (["Transformer", "Pooling"], [encoder, pooling]) => (encoder, pooling, None),
            (["Transformer", "Pooling", "Normalize"], [encoder, pooling, last]) => {
                (encoder, pooling, Some(last))
            }
            _ => {
                let expected = "Transformer, Pooling, perhaps Normalize, in this order";
                return Err(wrong("type", &names.join(", "), expected));
            }
        };
        if let Some(last) = last {
            sentences(&inside(last)?.join("config.json"))?;
        }
        Ok(Self {
            dir: inside(encoder)?,
            pooling: Some(inside(pooling)?.join("config.json")),
            normalized: last.is_some(),
        })
    }
}

/// Refuses a Normalize module that is for the vectors of tokens.
fn sentences(file: &Path) -> Result<(), Error> {
    if !file.exists() {
        return Ok(());
    }
    let settings: Value = read_json(file)?;
    match settings["module_input_name"].as_str() {
        None | Some("sentence_embedding") => Ok(()),
        Some(other) => Err(Error::config(
            file.display().to_string(),
            "module_input_name",
            format!("`{other}`"),
            "`sentence_embedding`",
        )),
    }
}

/// Refuses a prompt that sentence-transformers would put before every text.
fn no_prompt(file: &Path) -> Result<(), Error> {
    if !file.exists() {
        return Ok(());
    }
    let settings: Value = read_json(file)?;
    let Some(name) = settings["default_prompt_name"].as_str() else {
        return Ok(());
    };
    match settings["prompts"][name].as_str() {
        None | Some("") => Ok(()),
        Some(_) => Err(Error::config(
            file.display().to_string(),
            "default_prompt_name",
            format!("`{name}`"),
            "none: texts are encoded as they are",
        )),
    }
}

/// The longest text and whether texts are lower-cased.
fn limits(dir: &Path, config: &BertConfig) -> Result<(usize, bool), Error> {
    let positions = config.max_length();
    let declared = dir.join("sentence_bert_config.json");
    let limits: Limits = match declared.exists() {
        true => read_json(&declared)?,
        false => Limits::default(),
    };
    if let Some(length) = limits.max_seq_length {
        if !(SHORTEST..=positions).contains(&length) {
            let file = declared.display().to_string();
            let expected = format!(
                "{SHORTEST} to {positions}, what `max_position_embeddings` of config.json allows"
            );
            return Err(Error::config(file, "max_seq_length", length, expected));
        }
        return Ok((length, limits.do_lower_case));
    }
    let tokenizer = dir.join("tokenizer_config.json");
    let settings: Value = match tokenizer.exists() {
        true => read_json(&tokenizer)?,
        false => Value::Null,
    };
    // "No limit" is a number of thirty digits there.
    let length = settings["model_max_length"].as_f64();
    let length = length.map_or(positions, |length| (length as usize).min(positions));
    if length < SHORTEST {
        let file = tokenizer.display().to_string();
        let expected = format!("at least {SHORTEST}");
        return Err(Error::config(file, "model_max_length", length, expected));
    }
    Ok((length, limits.do_lower_case))
}
