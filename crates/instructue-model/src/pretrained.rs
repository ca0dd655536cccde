//! Building a model around weights that others trained: a decoder, an encoder.

use std::path::Path;

use burn::tensor::Device;
use instructue_backbone::{Decoder, DecoderConfig};
use instructue_encoders::TextEncoder;
use instructue_nn::Precision;

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::hash::weights_digest;
use crate::pretrained_digests::PretrainedDigests;
use crate::source_shape::SourceShape;
use crate::tables::table_rms;

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

impl Pretrained {
    /// Zeros, for a model whose weights are read next: an encoder where a source has
    /// texts, and no more of either than the file of weights has room for.
    pub(crate) fn blank(
        config: &ModelConfig,
        sources: &[SourceShape],
        weights: &Path,
        device: &Device,
    ) -> Result<Self> {
        config.check_weights(sources, weights)?;
        let settings = &config.encoder;
        let of_encoder = settings.lora;
        let of_backbone = config.backbone_lora;
        let texts = sources.iter().any(SourceShape::has_texts);
        let encoder = texts.then(|| {
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
