//! The parts of the network, how they are built, and which can be replaced.

use burn::module::{Initializer, Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use instructue_adapter::{Adapter, Summary, SummaryConfig};
use instructue_backbone::Decoder;
use instructue_encoders::{TabularEncoder, TextEncoder};
use instructue_features::LEXICAL_FEATURES;
use instructue_schema::SourceKind;

use crate::config::ModelConfig;
use crate::error::Result;
use crate::head::Head;
use crate::input::Reserved;
use crate::lookup::Lookup;
use crate::pretrained::Pretrained;
use crate::source_encoders::EncoderPlan;
use crate::source_shape::SourceShape;
use crate::tables::table_mean;

/// Encoders, adapters, summaries, reserved rows, decoder and head.
#[derive(Module, Debug)]
pub struct Network {
    pub(super) encoders: Vec<TextEncoder>,
    pub(super) tabular: Vec<TabularEncoder>,
    pub(super) adapters: Vec<Adapter>,
    pub(super) summary: Summary,
    /// `[2 · sources + 2, hidden]`: opening and closing delimiters, `<USER>`, padding.
    pub(super) reserved: Param<Tensor<2>>,
    pub(super) backbone: Decoder,
    pub(super) head: Head,
    pub(super) lookup: Option<Lookup>,
    /// Nothing mentioned adds nothing: it has no bias.
    pub(super) lexical_matches: Option<Linear>,
    #[module(skip)]
    pub(super) input_scale: f64,
    /// Of each source the encoder of its texts.
    #[module(skip)]
    encoder_of: Vec<Option<usize>>,
}

impl Network {
    /// A network with fresh weights.
    ///
    /// # Errors
    /// When a part of `config` does not fit together.
    pub fn new(config: &ModelConfig, sources: &[SourceShape], device: &Device) -> Result<Self> {
        Self::with_parts(config, sources, &Pretrained::default(), device)
    }

    /// As [`new`](Self::new), around parts that have weights.
    ///
    /// # Errors
    /// When a part of `config` does not fit together, or a part to it.
    pub fn with_parts(
        config: &ModelConfig,
        sources: &[SourceShape],
        parts: &Pretrained,
        device: &Device,
    ) -> Result<Self> {
        parts.check(config)?;
        config.check_source_encoders(sources)?;
        let plan = EncoderPlan::new(config, sources);
        let encoders = (0..plan.count)
            .map(|index| {
                let settings = config.encoder_at(index);
                let part = match config.source_of_encoder(index) {
                    Some(source) => parts.source_encoders.get(source),
                    None => parts.encoder.as_ref(),
                };
                let encoder = match part {
                    Some(encoder) => encoder.clone(),
                    None => settings
                        .bert
                        .init(settings.pooling, settings.lora.as_ref(), device)?
                        .with_normalized(settings.normalized),
                };
                // With LoRA all but its factors is frozen already.
                Ok(match settings.train || settings.lora.is_some() {
                    true => encoder,
                    false => encoder.no_grad(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let mut tabular = Vec::new();
        let mut adapters = Vec::new();
        let hidden = config.backbone.hidden_size;
        for source in sources {
            if source.kind == SourceKind::Tabular {
                tabular.push(config.table(source).init(device)?);
            }
            adapters.push(config.adapter_of(source).init(device)?);
        }
        let reserved = Reserved {
            sources: sources.len(),
        };
        let normal = Initializer::Normal {
            mean: 0.0,
            std: 0.02,
        };
        let backbone = match &parts.backbone {
            Some(decoder) => decoder.clone(),
            None => {
                let lora = config.backbone_lora.as_ref();
                config.backbone.init(lora, device)?
            }
        };
        let lookup = config.lookup.then(|| {
            let lookup = Lookup::new(hidden, device);
            let pretrained = config.pretrained.as_ref();
            // A loaded model gets its values later, in the same shape.
            match pretrained.is_some_and(|parts| parts.backbone.is_some()) {
                true => lookup.with_common(table_mean(backbone.embed_tokens.weight.val())),
                false => lookup,
            }
        });
        let lexical_matches = config.lexical_matches.then(|| {
            let linear = LinearConfig::new(LEXICAL_FEATURES, hidden).with_bias(false);
            let initializer = Initializer::Normal {
                mean: 0.0,
                std: 1.0 / (hidden as f64).sqrt(),
            };
            linear.with_initializer(initializer).init(device)
        });
        Ok(Self {
            encoders,
            tabular,
            adapters,
            summary: SummaryConfig::new(hidden, sources.len()).init(device)?,
            reserved: normal.init([reserved.count(), hidden], device),
            backbone,
            head: config.head.init(hidden, device),
            lookup,
            lexical_matches,
            input_scale: config.input_scale,
            encoder_of: plan.of_source,
        })
    }

    /// The decoder.
    pub fn backbone(&self) -> &Decoder {
        &self.backbone
    }

    /// The text encoders: first those of single sources, in the order of the sources' names, then
    /// one per further source with texts, or a single shared one.
    pub fn encoders(&self) -> &[TextEncoder] {
        &self.encoders
    }

    /// The encoder of a source's texts, by its place among the [`encoders`](Self::encoders);
    /// `None` for a source without texts, tabular or of vectors.
    pub fn encoder_of(&self, source: usize) -> Option<usize> {
        self.encoder_of.get(source).copied().flatten()
    }

    /// What stands at delimiters, `<USER>` and padding, `[2 · sources + 2, hidden]`:
    /// opening and closing delimiter of each source, `<USER>`, padding.
    pub fn reserved_rows(&self) -> Tensor<2> {
        self.scaled(self.reserved.val())
    }

    /// Replaces the decoder, for instance by one with another adapter.
    ///
    /// # Panics
    /// If its width is another.
    pub fn with_backbone(mut self, backbone: Decoder) -> Self {
        assert_eq!(
            self.backbone.hidden_size(),
            backbone.hidden_size(),
            "width of the backbone"
        );
        self.backbone = backbone;
        self
    }

    /// Replaces every encoder, those of single sources too, by a copy of `encoder`.
    ///
    /// # Panics
    /// If its width is another.
    pub fn with_encoder(mut self, encoder: &TextEncoder) -> Self {
        for place in &mut self.encoders {
            assert_eq!(
                place.hidden_size(),
                encoder.hidden_size(),
                "width of the encoder"
            );
            *place = encoder.clone();
        }
        self
    }

    /// Those encoders of another network of the same shape that `which` is true of.
    pub(crate) fn with_encoders_of(mut self, other: &Self, which: impl Fn(usize) -> bool) -> Self {
        let pairs = self.encoders.iter_mut().zip(&other.encoders).enumerate();
        for (_, (encoder, other)) in pairs.filter(|(index, _)| which(*index)) {
            *encoder = other.clone();
        }
        self
    }

    /// The first source whose texts an encoder reads.
    pub(crate) fn source_of(&self, encoder: usize) -> Option<usize> {
        let mut of_source = self.encoder_of.iter();
        of_source.position(|place| *place == Some(encoder))
    }

    /// See [`ModelConfig::input_scale`].
    pub(super) fn scaled(&self, vectors: Tensor<2>) -> Tensor<2> {
        match self.input_scale == 1.0 {
            true => vectors,
            false => vectors * self.input_scale,
        }
    }
}
