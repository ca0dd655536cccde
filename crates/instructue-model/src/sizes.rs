//! Declared sizes: within their limits, and no more than a file of weights holds.
//!
//! A configuration is a file that anybody may have written. Nothing is allocated
//! before its numbers were compared with the header of the weights beside it, so
//! what is allocated is bounded by a file that is really there.

use std::path::Path;

use instructue_adapter::{AdapterConfig, AdapterKind, SummaryConfig};
use instructue_encoders::TabularConfig;
use instructue_features::LEXICAL_FEATURES;
use instructue_nn::checkpoint::Checkpoint;
use instructue_nn::limits::{self, Limit, linear_weights};
use instructue_schema::SourceKind;

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::source_encoders::EncoderPlan;
use crate::source_shape::SourceShape;

impl ModelConfig {
    /// Refuses numbers that make no network; the error names the key. Sizes have the
    /// limits of [`instructue_nn::limits`].
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Encoder`] or [`Error::Backbone`].
    pub fn validate(&self) -> Result<()> {
        for encoder in self.encoders() {
            encoder.bert.validate()?;
        }
        self.backbone.validate()?;
        let loras = self.encoders().map(|encoder| encoder.lora);
        for lora in loras.chain([self.backbone_lora]).flatten() {
            lora.validate()?;
        }
        let sizes: [(&str, usize, Limit); 5] = [
            (
                "tabular.category_width",
                self.tabular.category_width,
                limits::WIDTH,
            ),
            ("tabular.width", self.tabular.width, limits::WIDTH),
            (
                "tabular.hidden",
                self.tabular.hidden.unwrap_or(1),
                limits::WIDTH,
            ),
            ("head.hidden", self.head.hidden, limits::WIDTH),
            ("head.output", self.head.output, limits::WIDTH),
        ];
        for (key, size, limit) in sizes {
            if !limit.allows(size) {
                return refuse(key, limit.expected(), size);
            }
        }
        match limits::POSITIVE.contains(&self.input_scale) {
            true => Ok(()),
            false => refuse("input_scale", "a positive number", self.input_scale),
        }
    }

    /// Refuses a configuration of more weights than a file holds, of the whole or of a
    /// part, by the file's header alone. What is there in other shapes is found when
    /// it is read.
    ///
    /// # Errors
    /// As [`validate`](Self::validate); [`Error::Config`] names the part;
    /// [`Error::Weights`] when the file is no file of weights.
    pub fn check_weights(&self, sources: &[SourceShape], path: &Path) -> Result<()> {
        self.validate()?;
        let file = Checkpoint::open_file(path)?;
        for (key, prefix, declared) in self.weights(sources) {
            let tensors = file.names().filter(|name| name.starts_with(prefix));
            let held: u128 = tensors
                .filter_map(|name| file.shape(name))
                .map(|shape| shape.iter().map(|axis| *axis as u128).product::<u128>())
                .sum();
            if declared > held {
                let expected = format!(
                    "sizes of no more than the {held} weights that {} has for it",
                    path.display()
                );
                return refuse(key, expected, format!("sizes of {declared}"));
            }
        }
        Ok(())
    }

    /// Each part's key, what its weights' names begin with, and their number.
    fn weights(&self, sources: &[SourceShape]) -> [(&'static str, &'static str, u128); 8] {
        let hidden = self.backbone.hidden_size;
        let of_kind = |kind| sources.iter().filter(move |source| source.kind == kind);
        let encoders = (0..EncoderPlan::new(self, sources).count).map(|index| {
            let encoder = self.encoder_at(index);
            encoder.bert.weights(encoder.lora.as_ref())
        });
        let tables = of_kind(SourceKind::Tabular).map(|source| self.table(source).weights());
        let adapters = sources
            .iter()
            .map(|source| self.adapter_of(source).weights());
        let linear = |input, output, bias| linear_weights(input, output, bias, None);
        let head = linear(hidden, self.head.hidden, true)
            + linear(self.head.hidden, self.head.output, true);
        let pretrained = self.pretrained.as_ref();
        let lookup = match self.lookup {
            // Of a pretrained table what all its rows have in common is kept, too.
            true if pretrained.is_some_and(|pretrained| pretrained.backbone.is_some()) => {
                linear(hidden, hidden, false) + 1 + hidden as u128
            }
            true => linear(hidden, hidden, false) + 1,
            false => 0,
        };
        let lexical_matches = match self.lexical_matches {
            true => linear(LEXICAL_FEATURES, hidden, false),
            false => 0,
        };
        let backbone = self.backbone.weights(self.backbone_lora.as_ref());
        [
            ("encoder.bert", "encoders.", encoders.sum()),
            ("backbone", "backbone.", backbone),
            ("tabular", "tabular.", tables.sum()),
            ("adapter", "adapters.", adapters.sum()),
            (
                "summaries",
                "summary.",
                SummaryConfig::new(hidden, sources.len()).weights(),
            ),
            ("head", "head.", head),
            ("lookup", "lookup.", lookup),
            ("lexical_matches", "lexical_matches.", lexical_matches),
        ]
    }

    /// The encoder of a tabular source.
    pub(crate) fn table(&self, source: &SourceShape) -> TabularConfig {
        TabularConfig::new(
            source.numbers,
            source.categories.clone(),
            self.tabular.width,
        )
        .with_category_width(self.tabular.category_width)
        .with_hidden(self.tabular.hidden)
    }

    /// The adapter of a source.
    pub(crate) fn adapter_of(&self, source: &SourceShape) -> AdapterConfig {
        let (input, features, kind) = match source.kind {
            SourceKind::Events => {
                let features = if self.event_features {
                    source.numbers
                } else {
                    0
                };
                let width = source
                    .vector
                    .unwrap_or_else(|| self.encoder_of(&source.name).bert.hidden_size);
                (width, features, self.adapter)
            }
            // No layer norm: how large the numbers are together is what they say of
            // a user's activity.
            SourceKind::Tabular => (self.tabular.width, 0, AdapterKind::Linear),
        };
        AdapterConfig::new(input, features, self.backbone.hidden_size).with_kind(kind)
    }
}

fn refuse<T>(key: &str, expected: impl Into<String>, found: impl ToString) -> Result<T> {
    Err(Error::Config {
        key: key.into(),
        expected: expected.into(),
        found: found.to_string(),
    })
}
