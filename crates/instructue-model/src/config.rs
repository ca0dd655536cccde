//! The model's configuration, as a saved model and a run's TOML hold it, and the one
//! dial for its size. Unknown keys are refused.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use instructue_adapter::AdapterKind;
use instructue_backbone::{DecoderConfig, ModelType};
use instructue_encoders::{BertConfig, Pooling};
use instructue_nn::Precision;
use instructue_nn::lora::LoraConfig;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::pretrained_digests::PretrainedDigests;

/// The one dial: widths, depths and how much history a user brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// Trains from scratch within minutes on two cores.
    Tiny,
    /// Trains from scratch within hours on a CPU or minutes on a GPU.
    Small,
    /// The shape of Qwen2.5-0.5B with gte-base-like encoders (the papers').
    Base,
}

impl FromStr for Size {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "tiny" => Ok(Self::Tiny),
            "small" => Ok(Self::Small),
            "base" => Ok(Self::Base),
            _ => Err(Error::Config {
                key: "size".into(),
                expected: "tiny, small or base".into(),
                found: format!("{text:?}"),
            }),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tiny => "tiny",
            Self::Small => "small",
            Self::Base => "base",
        })
    }
}

/// How event texts are encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventEncoderConfig {
    /// Shape of the BERT-type encoder.
    pub bert: BertConfig,
    /// How token states become one vector.
    pub pooling: Pooling,
    /// Whether each text's vector is brought to length 1.
    // Left out where false: digests of models made before stay what they were.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub normalized: bool,
    /// LoRA on the encoder; the rest of it is then frozen.
    pub lora: Option<LoraConfig>,
    /// Whether the encoder's own weights are trained (ignored with LoRA).
    pub train: bool,
}

/// How a tabular row becomes a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TabularEncoderConfig {
    /// Width of each category's embedding.
    pub category_width: usize,
    /// Width of the tabular vector before its adapter.
    pub width: usize,
    /// With a width: Linear → GELU → Linear instead of one linear map.
    pub hidden: Option<usize>,
}

/// The head shared by users and answers: Linear → ReLU → Linear → L2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// Width between the two maps.
    pub hidden: usize,
    /// Width of the vectors.
    pub output: usize,
}

/// Everything needed to build the network, but for the schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// The encoder of event texts.
    pub encoder: EventEncoderConfig,
    /// One encoder for all sources instead of a copy each.
    pub shared_encoder: bool,
    /// Encoders of single sources in its place, by the source's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source_encoders: BTreeMap<String, EventEncoderConfig>,
    /// Tabular encoder.
    pub tabular: TabularEncoderConfig,
    /// Adapter of each events source; a tabular one has a linear adapter.
    pub adapter: AdapterKind,
    /// Numbers of each event beside its text: time gaps, recency, amounts.
    // Left out where true: digests of models made before stay what they were.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub event_features: bool,
    /// Source and user summary tokens (Q-Anchor, arXiv:2602.14492).
    pub summaries: bool,
    /// Adds the vectors of the tabular sources to the input at `<USER>`, so that
    /// how much and how lately need not be found by attention first, among
    /// hundreds of events.
    #[serde(default)]
    pub tabular_at_user: bool,
    /// Answers see `<USER>` and themselves only, so that the next-token loss
    /// asks for all it needs through the state that becomes the vector.
    #[serde(default)]
    pub answer_bottleneck: bool,
    /// Words of instructions look up the events that share them, see
    /// [`Lookup`](crate::Lookup).
    #[serde(default)]
    pub lookup: bool,
    /// How much of the profile an instruction names is added to the input at
    /// `<USER>`, see [`LexicalMatches`](instructue_features::LexicalMatches).
    // Left out where false: digests of models made before stay what they were.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lexical_matches: bool,
    /// Shape of the decoder.
    pub backbone: DecoderConfig,
    /// LoRA on the decoder; the rest of it is then frozen.
    pub backbone_lora: Option<LoraConfig>,
    /// The shared head.
    pub head: HeadConfig,
    /// What events, summaries, numbers and delimiters are multiplied by, so that
    /// they come as large as the tokens of a pretrained decoder are.
    #[serde(default = "one")]
    pub input_scale: f64,
    /// The weights that it began with, where they were not all fresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PretrainedDigests>,
    /// What the matrices of decoder and encoders are held and multiplied in. The
    /// rest is small, and `f32`.
    #[serde(default, skip_serializing_if = "is_f32")]
    pub precision: Precision,
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

/// A configuration without the key is one of before there was one.
fn is_f32(precision: &Precision) -> bool {
    *precision == Precision::F32
}

impl ModelConfig {
    /// A model with fresh weights of the given size, for a backbone vocabulary
    /// of `vocab` and an encoder vocabulary of `encoder_vocab` tokens.
    pub fn fresh(size: Size, vocab: usize, encoder_vocab: usize) -> Self {
        struct Shape {
            hidden: usize,
            layers: usize,
            heads: usize,
            kv_heads: usize,
            ffn: usize,
            encoder: (usize, usize, usize),
            head: (usize, usize),
        }
        let shape = match size {
            Size::Tiny => Shape {
                hidden: 128,
                layers: 3,
                heads: 4,
                kv_heads: 2,
                ffn: 256,
                encoder: (96, 1, 4),
                head: (256, 128),
            },
            Size::Small => Shape {
                hidden: 384,
                layers: 8,
                heads: 6,
                kv_heads: 2,
                ffn: 1024,
                encoder: (256, 4, 4),
                head: (384, 128),
            },
            Size::Base => Shape {
                hidden: 896,
                layers: 24,
                heads: 14,
                kv_heads: 2,
                ffn: 4864,
                encoder: (768, 12, 12),
                head: (512, 128),
            },
        };
        let (width, layers, heads) = shape.encoder;
        Self {
            encoder: EventEncoderConfig {
                bert: BertConfig {
                    vocab_size: encoder_vocab,
                    hidden_size: width,
                    num_hidden_layers: layers,
                    num_attention_heads: heads,
                    intermediate_size: 2 * width,
                    max_position_embeddings: 64,
                    type_vocab_size: 1,
                    pad_token_id: None,
                    initializer_range: fresh_std(width),
                    ..BertConfig::default()
                },
                pooling: Pooling::Mean,
                normalized: false,
                lora: None,
                train: true,
            },
            shared_encoder: size != Size::Base,
            source_encoders: BTreeMap::new(),
            tabular: TabularEncoderConfig {
                category_width: 8,
                width: shape.hidden,
                hidden: Some(2 * shape.hidden),
            },
            adapter: AdapterKind::Linear,
            event_features: true,
            summaries: true,
            tabular_at_user: true,
            answer_bottleneck: false,
            lookup: true,
            lexical_matches: false,
            backbone: DecoderConfig {
                vocab_size: vocab,
                hidden_size: shape.hidden,
                intermediate_size: shape.ffn,
                num_hidden_layers: shape.layers,
                num_attention_heads: shape.heads,
                num_key_value_heads: shape.kv_heads,
                rope_theta: 1e4,
                initializer_range: fresh_std(shape.hidden),
                ..DecoderConfig::new(ModelType::Qwen2)
            },
            backbone_lora: None,
            head: HeadConfig {
                hidden: shape.head.0,
                output: shape.head.1,
            },
            input_scale: one(),
            pretrained: None,
            precision: Precision::F32,
        }
    }
}

impl ModelConfig {
    /// The same, with decoder and encoders computed in this precision.
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self.backbone.precision = precision;
        self.encoder.bert.precision = precision;
        for encoder in self.source_encoders.values_mut() {
            encoder.bert.precision = precision;
        }
        self
    }

    /// Whether training draws random numbers in the network.
    pub fn has_dropout(&self) -> bool {
        let encoders = std::iter::once(&self.encoder).chain(self.source_encoders.values());
        let loras = encoders.map(|encoder| encoder.lora);
        let mut loras = loras.chain([self.backbone_lora]).flatten();
        loras.any(|lora| lora.dropout > 0.0)
    }
}

/// Keeps a linear map's output as large as its input at any width, but never
/// below the published 0.02.
fn fresh_std(width: usize) -> f64 {
    (1.0 / (width as f64).sqrt()).max(0.02)
}
