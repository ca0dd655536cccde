//! The adapter of one source: from event vectors to tokens of the backbone (Q-Anchor,
//! arXiv:2602.14492).
//! arXiv:2602.14492).

use burn::config::Config;
use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::prelude::*;

use crate::error::at_least_one;
use crate::mlp::linear_weights;
use crate::{Error, Mlp, MlpConfig};

/// Which map an [`Adapter`] is.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum AdapterKind {
    /// One linear layer (InstructUE, arXiv 2510.11016).
    Linear,
    /// LayerNorm → Linear → GELU → Linear (Q-Anchor, arXiv 2602.14492).
    Mlp,
}

/// Widths and kind of an [`Adapter`].
#[derive(Config, Debug, PartialEq)]
pub struct AdapterConfig {
    /// Linear or MLP.
    #[config(default = "AdapterKind::Mlp")]
    pub kind: AdapterKind,
    /// Width of the encoder's vectors.
    pub input: usize,
    /// Numeric features of each event (time gaps, recency, amounts; method
    /// §3.10); 0 for none.
    pub features: usize,
    /// Width of the backbone's tokens.
    pub output: usize,
    /// Width between the MLP's layers; the output's width when absent.
    pub hidden: Option<usize>,
}

/// Event vectors → backbone tokens; one event becomes one token.
///
/// The features have a linear map of their own, without bias, whose result is
/// added to the token. They bypass the layer norm, so that their magnitude
/// survives.
#[derive(Module, Debug)]
pub struct Adapter {
    /// The map of the encoder's vectors.
    pub projection: Projection,
    /// The map of the numeric features, without bias.
    pub features: Option<Linear>,
    output: usize,
}

/// The two kinds of map.
// A model has one per source: the smaller variant's spare bytes do not matter.
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

    /// How many weights it has.
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

    /// Fresh weights on `device`.
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
    /// Maps events to tokens, each on its own. No events give no tokens:
    /// `[0, output]` without touching a weight.
    ///
    /// # Shapes
    /// - `vectors`: `[events, input]`
    /// - `features`: `[events, features]`, present exactly when the
    ///   configuration has features
    /// - result: `[events, output]`
    ///
    /// # Panics
    /// When a width differs from the configuration's, the numbers of rows
    /// differ, or `features` is missing or superfluous.
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

    /// Width of the tokens.
    pub fn output(&self) -> usize {
        self.output
    }
}
