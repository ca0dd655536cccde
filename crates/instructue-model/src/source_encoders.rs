//! Which encoder reads the texts of a source: one of its own, where the configuration names one,
//! or the common one. The order of a network's encoders follows from it.

use crate::config::{EventEncoderConfig, ModelConfig};
use crate::error::{Error, Result};
use crate::parameters::Parameter;
use crate::source_shape::SourceShape;

/// Which of a network's encoders reads the texts of each source.
///
/// Encoders of single sources come first, in the order of the sources' names; then the common
/// one, or its copies in the order of the sources that read with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncoderPlan {
    /// One entry per source; `None` for a source without texts.
    pub of_source: Vec<Option<usize>>,
    /// The number of encoders.
    pub count: usize,
}

impl EncoderPlan {
    pub fn new(config: &ModelConfig, sources: &[SourceShape]) -> Self {
        let own = config.source_encoders.len();
        let mut count = own;
        let place = |source: &SourceShape| {
            if !source.has_texts() {
                return None;
            }
            let mut names = config.source_encoders.keys();
            let place = names.position(|name| *name == source.name);
            let place = place.unwrap_or(match config.shared_encoder {
                true => own,
                false => count,
            });
            count = count.max(place + 1);
            Some(place)
        };
        Self {
            of_source: sources.iter().map(place).collect(),
            count,
        }
    }
}

impl ModelConfig {
    /// The encoder of a source's texts.
    pub fn encoder_of(&self, source: &str) -> &EventEncoderConfig {
        self.source_encoders.get(source).unwrap_or(&self.encoder)
    }

    /// The source whose own encoder is the network's encoder `index`; `None` for a common one.
    pub fn source_of_encoder(&self, index: usize) -> Option<&str> {
        let mut names = self.source_encoders.keys();
        names.nth(index).map(String::as_str)
    }

    /// The configuration of the network's encoder `index`.
    pub fn encoder_at(&self, index: usize) -> &EventEncoderConfig {
        let source = self.source_of_encoder(index);
        source.map_or(&self.encoder, |source| self.encoder_of(source))
    }

    /// All configurations of encoders: the common one, then those of single sources.
    pub fn encoders(&self) -> impl Iterator<Item = &EventEncoderConfig> {
        std::iter::once(&self.encoder).chain(self.source_encoders.values())
    }

    /// Whether the network's encoder `index` began with weights that others trained.
    pub fn has_pretrained_encoder(&self, index: usize) -> bool {
        let digest =
            self.pretrained
                .as_ref()
                .and_then(|parts| match self.source_of_encoder(index) {
                    Some(source) => parts.source_encoders.get(source),
                    None => parts.encoder.as_ref(),
                });
        digest.is_some()
    }

    /// Whether a parameter of the network is one of the weights that it began with and that
    /// training leaves alone: whoever has those weights has it, too.
    pub fn begins_with(&self, parameter: &Parameter) -> bool {
        if parameter.trainable {
            return false;
        }
        if let Some(rest) = parameter.name.strip_prefix("encoders.") {
            let number = rest
                .split('.')
                .next()
                .and_then(|number| number.parse().ok());
            return number.is_some_and(|number| self.has_pretrained_encoder(number));
        }
        let begins = |part: &str| parameter.name.starts_with(part);
        let parts = self.pretrained.as_ref();
        parts.is_some_and(|parts| parts.backbone.is_some())
            && (begins("backbone.") || begins("lookup.common"))
    }

    /// Refuses an encoder of a source that has no texts, or is none.
    pub(crate) fn check_source_encoders(&self, sources: &[SourceShape]) -> Result<()> {
        let with_texts = || sources.iter().filter(|source| source.has_texts());
        let mut names = self.source_encoders.keys();
        match names.find(|name| with_texts().all(|source| source.name != **name)) {
            None => Ok(()),
            Some(name) => {
                let known: Vec<&str> = with_texts().map(|source| &*source.name).collect();
                Err(Error::Config {
                    key: format!("source_encoders.{name}"),
                    expected: format!("an events source with texts ({})", known.join(", ")),
                    found: "none of this name".into(),
                })
            }
        }
    }
}
