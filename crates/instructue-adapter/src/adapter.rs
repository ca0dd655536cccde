//! The adapter of a source: the map from event vectors to backbone tokens.

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, at_least_one};
use crate::mlp::{Mlp, MlpConfig, linear_weights};

/// The kind of an [`Adapter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    /// One linear layer (InstructUE, arXiv:2510.11016).
    Linear,
    /// LayerNorm → Linear → GELU → Linear (Q-Anchor, arXiv:2602.14492).
    Mlp,
}

/// The kind and widths of an [`Adapter`].
#[derive(Config, Debug, PartialEq)]
pub struct AdapterConfig {
    /// The kind.
    #[config(default = "AdapterKind::Mlp")]
    pub kind: AdapterKind,
    /// The width of the encoder's vectors.
    pub input: usize,
    /// The number of numeric features of each event (time gaps, recency, amounts); 0 for none.
    pub features: usize,
    /// The width of the backbone's tokens.
    pub output: usize,
    /// The width between the MLP's layers; default: the output's width.
    pub hidden: Option<usize>,
}

/// A map from event vectors to backbone tokens. One event becomes one token.
///
/// The features have a linear map of their own, without bias, whose result is added to the token.
/// They bypass the layer norm, so that their magnitude is kept.
#[derive(Module, Debug)]
pub struct Adapter {
    /// The map of the encoder's vectors.
    pub projection: Projection,
    /// The map of the numeric features, without bias.
    pub features: Option<Linear>,
    output: usize,
}

/// The map of the encoder's vectors, in one of two kinds.
// A model has one per source, so the unused bytes of the smaller variant do not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum Projection {
    /// See [`AdapterKind::Linear`].
    Linear(Linear),
    /// See [`AdapterKind::Mlp`].
    Mlp(Mlp),
}

impl AdapterConfig {
    /// Checks that no width is zero.
    ///
    /// # Errors
    /// [`Error::Zero`] names the key.
    pub fn validate(&self) -> Result<(), Error> {
        at_least_one("AdapterConfig", "input", self.input)?;
        at_least_one("AdapterConfig", "output", self.output)?;
        at_least_one("AdapterConfig", "hidden", self.hidden.unwrap_or(1))
    }

    /// The number of weights.
    pub fn weights(&self) -> u128 {
        let projection = match self.kind {
            AdapterKind::Linear => linear_weights(self.input, self.output),
            AdapterKind::Mlp => {
                let mlp = MlpConfig::new(self.input, self.output);
                mlp.with_hidden(self.hidden).weights()
            }
        };
        projection + self.features as u128 * self.output as u128
    }

    /// Initialises the weights on `device`.
    ///
    /// # Errors
    /// As [`AdapterConfig::validate`].
    pub fn init(&self, device: &Device) -> Result<Adapter, Error> {
        self.validate()?;
        let projection = match self.kind {
            AdapterKind::Linear => {
                Projection::Linear(LinearConfig::new(self.input, self.output).init(device))
            }
            AdapterKind::Mlp => Projection::Mlp(
                MlpConfig::new(self.input, self.output)
                    .with_hidden(self.hidden)
                    .init(device)?,
            ),
        };
        let features = (self.features > 0).then(|| {
            LinearConfig::new(self.features, self.output)
                .with_bias(false)
                .init(device)
        });
        Ok(Adapter {
            projection,
            features,
            output: self.output,
        })
    }
}

impl Adapter {
    /// Maps each event to a token. No events give no tokens, `[0, output]`.
    ///
    /// # Shapes
    /// - `vectors`: `[events, input]`
    /// - `features`: `[events, features]`, present exactly when the
    ///   configuration has features
    /// - result: `[events, output]`
    ///
    /// # Panics
    /// If a width differs from the configuration's, the numbers of rows differ, or `features` is
    /// missing or superfluous.
    pub fn forward(&self, vectors: Tensor<2>, features: Option<Tensor<2>>) -> Tensor<2> {
        let [events, _] = vectors.dims();
        if events == 0 {
            return Tensor::zeros([0, self.output], &vectors.device());
        }
        let tokens = match &self.projection {
            Projection::Linear(linear) => linear.forward(vectors),
            Projection::Mlp(mlp) => mlp.forward(vectors),
        };
        match (&self.features, features) {
            (None, None) => tokens,
            (Some(map), Some(features)) => {
                assert_eq!(features.dims()[0], events, "one row of features per event");
                tokens + map.forward(features)
            }
            (Some(_), None) => panic!("this adapter was configured with event features"),
            (None, Some(_)) => panic!("this adapter was configured without event features"),
        }
    }

    /// The width of the tokens.
    pub fn output(&self) -> usize {
        self.output
    }
}
