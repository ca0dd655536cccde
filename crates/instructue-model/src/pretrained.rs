//! Parts of a network that come with weights: a decoder, an encoder.

use std::path::Path;

use burn::tensor::{DType, Device, Tensor};
use instructue_backbone::{Decoder, DecoderConfig};
use instructue_encoders::TextEncoder;
use instructue_features::TextTokenizer;
use instructue_nn::Precision;
use instructue_schema::SourceKind;
use serde::{Deserialize, Serialize};

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::identity::weights_digest;
use crate::network::SourceShape;
use crate::parameters::Parameter;
use crate::preprocessor::Preprocessor;

/// Root mean square of the token embeddings that fresh adapters, summaries and
/// delimiters are made for: that of the decoder `tiny`, 1/√128.
const FRESH_RMS: f64 = 0.088;

/// Weights to begin with instead of fresh ones.
#[derive(Debug, Clone, Default)]
pub struct Pretrained {
    /// The decoder, with the factors of LoRA if it is to carry some.
    pub backbone: Option<Decoder>,
    /// The encoder; each source gets a copy unless they share one.
    pub encoder: Option<TextEncoder>,
}

/// Which weights a model began with, by digest (SHA-256, hexadecimal).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainedDigests {
    /// Of the decoder without the factors of LoRA.
    pub backbone: Option<String>,
    /// Of the encoder without the factors of LoRA.
    pub encoder: Option<String>,
}

impl Pretrained {
    /// Zeros, for a model whose weights are read next: an encoder where a source has
    /// events, and no more of either than the file of weights has room for.
    pub(crate) fn blank(
        config: &ModelConfig,
        sources: &[SourceShape],
        weights: &Path,
        device: &Device,
    ) -> Result<Self> {
        config.check_weights(sources, weights)?;
        let settings = &config.encoder;
        let of_encoder = settings.lora.map(|lora| lora.config());
        let of_backbone = config.backbone_lora.map(|lora| lora.config());
        let events = sources.iter().any(|s| s.kind == SourceKind::Events);
        let encoder = events.then(|| {
            let bert = &settings.bert;
            let encoder = bert.init_blank(settings.pooling, of_encoder.as_ref(), device)?;
            Ok::<_, Error>(encoder.with_normalized(settings.normalized))
        });
        Ok(Self {
            backbone: Some(config.backbone.init_blank(of_backbone.as_ref(), device)?),
            encoder: encoder.transpose()?,
        })
    }

    /// Neither.
    pub fn is_none(&self) -> bool {
        self.backbone.is_none() && self.encoder.is_none()
    }

    /// Puts what depends on these weights into a configuration: the shapes, the
    /// digests, the decoder's precision and how large the inputs beside the tokens
    /// are to be.
    pub fn configure(&self, config: &mut ModelConfig) {
        let mut digests = PretrainedDigests::default();
        if let Some(decoder) = &self.backbone {
            config.backbone = decoder.config().clone();
            config.precision = decoder.precision();
            let size = table_rms(decoder.embed_tokens.weight.val());
            // A table of nothing but zeros has no size to follow.
            if size > 0.0 {
                config.input_scale = size / FRESH_RMS;
            }
            digests.backbone = Some(weights_digest("decoder", decoder));
        }
        if let Some(encoder) = &self.encoder {
            digests.encoder = Some(weights_digest("encoder", encoder));
        }
        config.pretrained = (!self.is_none()).then_some(digests);
    }

    /// Whether these parts are those that `config` describes.
    pub(crate) fn check(&self, config: &ModelConfig) -> Result<()> {
        // Each precision of a decoder is made from any other.
        let shape = |config: &DecoderConfig| config.clone().with_precision(Precision::F32);
        if let Some(decoder) = &self.backbone
            && shape(decoder.config()) != shape(&config.backbone)
        {
            return Err(Error::Config {
                key: "backbone".into(),
                expected: format!("the pretrained decoder's, {:?}", decoder.config()),
                found: format!("{:?}", config.backbone),
            });
        }
        if let Some(encoder) = &self.encoder
            && encoder.hidden_size() != config.encoder.bert.hidden_size
        {
            return Err(Error::Config {
                key: "encoder.bert.hidden_size".into(),
                expected: format!("the pretrained encoder's, {}", encoder.hidden_size()),
                found: config.encoder.bert.hidden_size.to_string(),
            });
        }
        Ok(())
    }
}

impl PretrainedDigests {
    /// Whether a parameter of a network is one of the weights that it began with
    /// and that training leaves alone: whoever has those weights has it, too.
    pub fn hold(&self, parameter: &Parameter) -> bool {
        let begins = |part: &str| parameter.name.starts_with(part);
        let of_decoder = begins("backbone.") || begins("lookup.common");
        let part = (self.backbone.is_some() && of_decoder)
            || (self.encoder.is_some() && begins("encoders."));
        part && !parameter.trainable
    }
}

/// Root mean square of a table's entries.
fn table_rms(table: Tensor<2>) -> f64 {
    let [rows, width] = table.dims();
    let squares = blocks(&table).map(|block| block.square().sum());
    let sum = squares.reduce(|sum, block| sum + block);
    let sum = sum.map_or(0.0, |sum| f64::from(sum.into_scalar::<f32>()));
    (sum / (rows * width) as f64).sqrt()
}

/// The mean of a table's rows, `[width]`: what all its entries have in common.
pub(crate) fn table_mean(table: Tensor<2>) -> Tensor<1> {
    let [rows, width] = table.dims();
    let table = table.detach();
    let sums = blocks(&table).map(|block| block.sum_dim(0).reshape([width]));
    let sum = sums.reduce(|sum, block| sum + block);
    sum.unwrap_or_else(|| Tensor::zeros([width], &table.device())) / rows as f64
}

/// A table as `f32`, some rows at a time: half precision cannot sum it, and a
/// copy of all of it would be as large as a small model.
fn blocks(table: &Tensor<2>) -> impl Iterator<Item = Tensor<2>> {
    const ROWS: usize = 4096;
    let rows = table.dims()[0];
    (0..rows).step_by(ROWS).map(move |from| {
        let block = table.clone().narrow(0, from, ROWS.min(rows - from));
        block.cast(DType::F32)
    })
}

/// Whether the encoder has a position for each token that a source's texts may have.
pub(crate) fn check_lengths(preprocessor: &Preprocessor, positions: usize) -> Result<()> {
    let sources = preprocessor.schema().sources.iter();
    let mut events = sources.filter(|source| source.kind == SourceKind::Events);
    match events.find(|source| source.max_tokens > positions) {
        None => Ok(()),
        Some(source) => Err(Error::Config {
            key: "encoder.bert.max_position_embeddings".into(),
            expected: format!(
                "at least {}, the `max_tokens` of source `{}`",
                source.max_tokens, source.name
            ),
            found: positions.to_string(),
        }),
    }
}

/// Whether each id that a tokenizer gives has a row in the table that it is for.
pub(crate) fn check_vocabulary(key: &str, tokenizer: &TextTokenizer, rows: usize) -> Result<()> {
    let ids = tokenizer.rows();
    if ids <= rows {
        return Ok(());
    }
    Err(Error::Config {
        key: key.into(),
        expected: format!("a row for each of the tokenizer's {ids} entries"),
        found: rows.to_string(),
    })
}
