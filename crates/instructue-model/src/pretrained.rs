//! Building a model around weights that others trained: a decoder, an encoder.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use instructue_backbone::{Decoder, DecoderConfig};
use instructue_encoders::TextEncoder;
use instructue_nn::Precision;

use crate::config::{EventEncoderConfig, ModelConfig};
use crate::error::{Error, Result};
use crate::hash::weights_digest;
use crate::pretrained_digests::PretrainedDigests;
use crate::source_encoders::EncoderPlan;
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
    /// The encoders of single sources, by name.
    pub source_encoders: BTreeMap<String, TextEncoder>,
}

impl Pretrained {
    /// Zeros, for a model whose weights are read next: encoders where a source has
    /// texts, and no more of either than the file of weights has room for.
    pub(crate) fn blank(
        config: &ModelConfig,
        sources: &[SourceShape],
        weights: &Path,
        device: &Device,
    ) -> Result<Self> {
        config.check_weights(sources, weights)?;
        let of_backbone = config.backbone_lora;
        let blank = |settings: &EventEncoderConfig| {
            let lora = settings.lora.as_ref();
            let encoder = settings.bert.init_blank(settings.pooling, lora, device)?;
            Ok::<_, Error>(encoder.with_normalized(settings.normalized))
        };
        let own = config.source_encoders.iter();
        let own = own.map(|(source, settings)| Ok((source.clone(), blank(settings)?)));
        let common = EncoderPlan::new(config, sources).count > config.source_encoders.len();
        Ok(Self {
            backbone: Some(config.backbone.init_blank(of_backbone.as_ref(), device)?),
            encoder: common.then(|| blank(&config.encoder)).transpose()?,
            source_encoders: own.collect::<Result<_>>()?,
        })
    }

    /// None of them.
    pub fn is_none(&self) -> bool {
        self.backbone.is_none() && self.encoder.is_none() && self.source_encoders.is_empty()
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
        for (source, encoder) in &self.source_encoders {
            let digest = weights_digest("encoder", encoder);
            digests.source_encoders.insert(source.clone(), digest);
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
        let common = self.encoder.as_ref();
        let common = common.map(|encoder| ("encoder".into(), encoder, Some(&config.encoder)));
        let own = self.source_encoders.iter().map(|(source, encoder)| {
            let settings = config.source_encoders.get(source);
            (format!("source_encoders.{source}"), encoder, settings)
        });
        for (key, encoder, settings) in common.into_iter().chain(own) {
            let width = settings.map(|settings| settings.bert.hidden_size);
            if width != Some(encoder.hidden_size()) {
                return Err(Error::Config {
                    key: format!("{key}.bert.hidden_size"),
                    expected: format!("the pretrained encoder's, {}", encoder.hidden_size()),
                    found: width.map_or("no such encoder".into(), |width| width.to_string()),
                });
            }
        }
        Ok(())
    }
}
