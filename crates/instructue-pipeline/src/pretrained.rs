//! Decoders and encoders that others trained, from their files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use instructue_backbone::{Decoder, DecoderConfig};
use instructue_encoders::{EncoderCheckpoint, Pooling, TextEncoder};
use instructue_features::TextTokenizer;
use instructue_fs::NewDirectory;
use instructue_gguf::Gguf;
use instructue_model::{EventEncoderConfig, ModelConfig, Precision, Pretrained};
use instructue_nn::lora::LoraConfig;
use instructue_schema::{Progress, Schema, Source, SourceKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::hub::{self, HubOptions};
use crate::suggest::nearest;
use burn::tensor::Device;

/// The tokenizer of a Hugging Face directory.
const TOKENIZER: &str = "tokenizer.json";

/// Weights to begin with: both parts are fresh by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PretrainedSettings {
    /// A decoder: a Hugging Face directory (Qwen2, Qwen3, Llama), a GGUF file, or
    /// a hub id such as `org/name`.
    pub backbone: Option<String>,
    /// An encoder: a directory of sentence-transformers, a plain BERT or RoBERTa, or a
    /// hub id.
    pub encoder: Option<String>,
    /// How the encoder's token states become one vector, `"cls"` or `"mean"`. For a
    /// directory that declares none (a plain BERT), which would get the mean; another
    /// one than the declared is refused.
    #[schemars(with = "Option<String>")]
    pub pooling: Option<Pooling>,
    /// What of the decoder is trained.
    pub train_backbone: FineTuning,
    /// What of the encoder is trained.
    pub train_encoder: FineTuning,
    /// LoRA, where it is trained.
    pub lora: LoraConfig,
    /// Encoders of single sources in place of the common one, each a table
    /// `[pretrained.sources.NAME]` of the source's name: `encoder` as above, and `pooling`,
    /// `train_encoder` and `lora` if they are not the defaults.
    pub sources: BTreeMap<String, SourceEncoderSettings>,
    /// What their matrices are held and multiplied in, in training and after:
    /// `f32`, or `bf16` where the decoder itself is not trained.
    #[schemars(with = "String")]
    pub precision: Precision,
}

/// The fine-tuning mode of a pretrained part: what of it is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FineTuning {
    /// Low-rank factors beside its weights.
    Lora,
    /// All of its weights.
    Full,
    /// Nothing. Vectors of event texts are then computed once.
    Frozen,
}

impl Default for PretrainedSettings {
    fn default() -> Self {
        Self {
            backbone: None,
            encoder: None,
            pooling: None,
            train_backbone: FineTuning::Lora,
            train_encoder: FineTuning::Frozen,
            lora: LoraConfig::default(),
            sources: BTreeMap::new(),
            precision: Precision::F32,
        }
    }
}

/// The encoder of one source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceEncoderSettings {
    /// As [`PretrainedSettings::encoder`].
    pub encoder: String,
    /// As [`PretrainedSettings::pooling`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub pooling: Option<Pooling>,
    /// What of the encoder is trained.
    #[serde(default = "frozen")]
    pub train_encoder: FineTuning,
    /// LoRA, where it is trained.
    #[serde(default)]
    pub lora: LoraConfig,
}

fn frozen() -> FineTuning {
    FineTuning::Frozen
}

impl PretrainedSettings {
    /// Whether nothing begins with weights of others.
    pub(crate) fn is_none(&self) -> bool {
        self.backbone.is_none() && self.encoder.is_none() && self.sources.is_empty()
    }

    /// Checks that each encoder of a single source is of one with event texts.
    ///
    /// # Errors
    /// Names the key, and the source that was probably meant.
    pub(crate) fn check_sources(&self, schema: &Schema) -> Result<()> {
        let texts = || schema.sources.iter().filter(|source| has_texts(source));
        let mut names = self.sources.keys();
        let unknown = names.find(|name| texts().all(|source| source.name != **name));
        let Some(name) = unknown else {
            return Ok(());
        };
        let found = match (
            schema.source(name),
            nearest(name, texts().map(|s| &*s.name)),
        ) {
            (Some((_, source)), _) => match source.kind {
                SourceKind::Tabular => "a tabular source".into(),
                SourceKind::Events => "a source of vectors, which no encoder reads".into(),
            },
            (None, Some(meant)) => format!("none; `{meant}`?"),
            (None, None) => {
                let known: Vec<&str> = texts().map(|source| &*source.name).collect();
                format!("none; there are {}", known.join(", "))
            }
        };
        Err(Error::argument(
            &format!("pretrained.sources.{name}"),
            "the name of an events source with texts",
            found,
        ))
    }
}

/// Whether an encoder reads the events of a source.
fn has_texts(source: &Source) -> bool {
    source.kind == SourceKind::Events && source.vector_field().is_none()
}

/// A decoder with the tokenizer that it was trained with.
#[derive(Debug, Clone)]
pub struct Backbone {
    /// The decoder.
    pub decoder: Decoder,
    /// Its tokenizer.
    pub tokenizer: Arc<TextTokenizer>,
}

/// An encoder with the tokenizer that it was trained with.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// What its directory says.
    pub checkpoint: EncoderCheckpoint,
    /// The encoder.
    pub encoder: TextEncoder,
    /// Its tokenizer.
    pub tokenizer: Arc<TextTokenizer>,
}

impl Backbone {
    /// Opens a Hugging Face directory or a GGUF file.
    ///
    /// # Errors
    /// When there is neither, or anything in it does not fit.
    pub fn open(
        path: &Path,
        precision: Precision,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Self> {
        if path.is_dir() {
            let config = DecoderConfig::load(path)?.with_precision(precision);
            let decoder = config.load_weights(path, lora, device)?;
            let tokenizer = TextTokenizer::from_file(&path.join(TOKENIZER))?;
            return Ok(Self {
                decoder,
                tokenizer: Arc::new(tokenizer),
            });
        }
        let mut file = Gguf::open(path).map_err(instructue_backbone::Error::from)?;
        let config = DecoderConfig::from_gguf(&mut file)?.with_precision(precision);
        let decoder = config.load_gguf(&mut file, lora, device)?;
        // The tokenizer's files are what is read, saved and compared elsewhere.
        let aside = std::env::temp_dir().join("instructue-tokenizer");
        let files = NewDirectory::create_private(&aside)?;
        let tokenizer = file.tokenizer().map_err(instructue_backbone::Error::from)?;
        let saved = tokenizer.save(files.path());
        saved.map_err(instructue_backbone::Error::from)?;
        let tokenizer = TextTokenizer::from_file(&files.path().join(TOKENIZER))?;
        Ok(Self {
            decoder,
            tokenizer: Arc::new(tokenizer),
        })
    }
}

/// What a run begins with.
#[derive(Debug, Clone, Default)]
pub struct PretrainedParts {
    /// The decoder, if it is not fresh.
    pub backbone: Option<Backbone>,
    /// The encoder, if it is not fresh.
    pub encoder: Option<Encoder>,
    /// The encoders of single sources, by name.
    pub sources: BTreeMap<String, Encoder>,
}

impl PretrainedParts {
    /// Opens what the settings name, downloading from the hub what is not here; see
    /// [`hub::resolve`].
    ///
    /// # Errors
    /// When a name leads nowhere, or a file is missing or does not fit.
    pub fn open(
        settings: &PretrainedSettings,
        device: &Device,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self> {
        let options = HubOptions::from_env();
        let mut place = |name: &str| hub::resolve(name, &options, progress);
        let lora = settings.lora;
        let lora_of = |mode: FineTuning| (mode == FineTuning::Lora).then_some(&lora);
        let backbone = settings.backbone.as_deref().map(|name| {
            let lora = lora_of(settings.train_backbone);
            let mut backbone = Backbone::open(&place(name)?, settings.precision, lora, device)?;
            if settings.train_backbone == FineTuning::Frozen {
                backbone.decoder = burn::module::Module::no_grad(backbone.decoder);
            }
            Ok::<_, Error>(backbone)
        });
        let encoder = settings.encoder.as_deref().map(|name| {
            let lora = lora_of(settings.train_encoder);
            let pooling = settings.pooling;
            Encoder::open(&place(name)?, pooling, settings.precision, lora, device)
        });
        let encoder = encoder.transpose()?;
        let mut sources = BTreeMap::new();
        for (name, own) in &settings.sources {
            let lora = (own.train_encoder == FineTuning::Lora).then_some(&own.lora);
            let (path, precision) = (place(&own.encoder)?, settings.precision);
            let encoder = Encoder::open(&path, own.pooling, precision, lora, device)?;
            sources.insert(name.clone(), encoder);
        }
        Ok(Self {
            backbone: backbone.transpose()?,
            encoder,
            sources,
        })
    }

    /// The tokenizers of single sources, by name.
    pub(crate) fn source_tokenizers(&self) -> BTreeMap<String, Arc<TextTokenizer>> {
        let sources = self.sources.iter();
        let tokenizers = sources.map(|(name, own)| (name.clone(), own.tokenizer.clone()));
        tokenizers.collect()
    }

    /// Whether each encoder was made for texts as long as those of its sources may be.
    ///
    /// # Errors
    /// When a source has more tokens; it is named.
    pub fn check_lengths(&self, schema: &Schema) -> Result<()> {
        for source in schema.sources.iter().filter(|source| has_texts(source)) {
            let own = self.sources.get(&source.name);
            let Some(encoder) = own.or(self.encoder.as_ref()) else {
                continue;
            };
            let longest = encoder.checkpoint.max_length();
            if source.max_tokens > longest {
                return Err(Error::argument(
                    &format!("`max_tokens` of source `{}`", source.name),
                    &format!("at most {longest}, the longest text of the encoder"),
                    source.max_tokens,
                ));
            }
        }
        Ok(())
    }

    /// Puts the parts' shapes into a configuration.
    pub fn configure(&self, settings: &PretrainedSettings, config: &mut ModelConfig) -> Pretrained {
        if self.backbone.is_some() {
            config.backbone_lora =
                (settings.train_backbone == FineTuning::Lora).then_some(settings.lora);
        }
        if let Some(encoder) = &self.encoder {
            // Copies that stay alike would only be encoded with more often.
            config.shared_encoder |= settings.train_encoder == FineTuning::Frozen;
            config.encoder = encoder.described(settings.train_encoder, settings.lora);
        }
        for (name, encoder) in &self.sources {
            let (mode, lora) = match settings.sources.get(name) {
                Some(own) => (own.train_encoder, own.lora),
                None => (FineTuning::Frozen, LoraConfig::default()),
            };
            let described = encoder.described(mode, lora);
            config.source_encoders.insert(name.clone(), described);
        }
        let parts = Pretrained {
            backbone: self.backbone.as_ref().map(|part| part.decoder.clone()),
            encoder: self.encoder.as_ref().map(|part| part.encoder.clone()),
            source_encoders: self
                .sources
                .iter()
                .map(|(name, own)| (name.clone(), own.encoder.clone()))
                .collect(),
        };
        parts.configure(config);
        config.precision = settings.precision;
        parts
    }
}

impl Encoder {
    /// What a model's configuration says of it.
    fn described(&self, mode: FineTuning, lora: LoraConfig) -> EventEncoderConfig {
        EventEncoderConfig {
            bert: self.checkpoint.config().clone(),
            pooling: self.checkpoint.pooling(),
            normalized: self.checkpoint.normalized(),
            train: mode == FineTuning::Full,
            lora: (mode == FineTuning::Lora).then_some(lora),
        }
    }

    /// Opens a directory; `pooling` as in [`EncoderCheckpoint::open`].
    ///
    /// # Errors
    /// When there is none, or anything in it does not fit.
    pub fn open(
        dir: &Path,
        pooling: Option<Pooling>,
        precision: Precision,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Self> {
        let checkpoint = EncoderCheckpoint::open(dir, pooling)?.with_precision(precision);
        let mut tokenizer = TextTokenizer::from_file(&checkpoint.tokenizer_file())?;
        if checkpoint.lower_case() {
            tokenizer = tokenizer.lower_cased()?;
        }
        checkpoint.check_vocabulary(tokenizer.rows())?;
        Ok(Self {
            encoder: checkpoint.load(lora, device)?,
            tokenizer: Arc::new(tokenizer),
            checkpoint,
        })
    }
}
