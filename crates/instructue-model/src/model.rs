//! A model: configuration, network and the fitted host side, which belong together.
//!
//! A [`Model`] is what is saved, loaded and exported. What one does with it, embedding,
//! answering, scoring, is up to [`InstructUe`](crate::InstructUe), which stands around
//! one.

use std::sync::{Arc, OnceLock};

use burn::module::Module;
use burn::tensor::Device;
use instructue_nn::Precision;

use crate::checks::{check_encoders, check_numbers, check_vocabulary};
use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::identity::model_digest;
use crate::input::Extras;
use crate::network::Network;
use crate::parameters::name_parameters;
use crate::preprocessor::Preprocessor;
use crate::pretrained::Pretrained;
use crate::vectors::VectorKind;

/// Configuration, network and preprocessor.
#[derive(Debug, Clone)]
pub struct Model {
    config: ModelConfig,
    preprocessor: Preprocessor,
    network: Network,
    device: Device,
    digest: Arc<OnceLock<String>>,
}

impl Model {
    /// A model with fresh weights, drawn in a fixed order from `seed`, around parts that have
    /// weights; `config` is what [`Pretrained::configure`] made of it.
    ///
    /// # Errors
    /// When the configuration does not fit together, a part does not fit it, or a
    /// tokenizer has entries that a table has no row for.
    pub(crate) fn with_parts(
        config: ModelConfig,
        preprocessor: Preprocessor,
        parts: &Pretrained,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        config.validate()?;
        check_numbers(&preprocessor)?;
        check_vocabulary(
            "backbone.vocab_size",
            preprocessor.tokenizer(),
            config.backbone.vocab_size,
        )?;
        check_encoders(&config, &preprocessor)?;
        if config.lexical_matches && preprocessor.lexical_matches().is_none() {
            return Err(Error::Config {
                key: "lexical_matches".into(),
                expected: "false, or weights of words fitted with the vocabularies".into(),
                found: "true without them".into(),
            });
        }
        let preprocessor = preprocessor
            .with_bottleneck(config.answer_bottleneck)
            .with_lookup(config.lookup);
        let precision = config.precision;
        let config = config.with_precision(precision);
        device.seed(seed);
        let network = Network::with_parts(&config, &preprocessor.source_shapes(), parts, device)?;
        let network = network.with_precision(precision)?;
        Ok(Self {
            network: name_parameters(network),
            config,
            preprocessor,
            device: device.clone(),
            digest: Arc::default(),
        })
    }

    /// This model around what `change` makes of its network and configuration, which
    /// is not held a second time.
    pub(crate) fn try_map(
        self,
        change: impl FnOnce(Network, ModelConfig) -> Result<(Network, ModelConfig)>,
    ) -> Result<Self> {
        let (network, config) = change(self.network, self.config)?;
        Ok(Self {
            network,
            config,
            digest: Arc::default(),
            ..self
        })
    }

    /// The same model around another network of the same shape.
    pub fn with_network(self, network: Network) -> Self {
        Self {
            network,
            digest: Arc::default(),
            ..self
        }
    }

    /// SHA-256 of configuration, host side and weights, in hexadecimal; computed
    /// once.
    ///
    /// # Errors
    /// When the host side cannot be written down.
    pub fn digest(&self) -> Result<&str> {
        if let Some(digest) = self.digest.get() {
            return Ok(digest);
        }
        let digest = model_digest(&self.config, &self.preprocessor, &self.network)?;
        Ok(self.digest.get_or_init(|| digest))
    }

    /// The configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The fitted host side.
    pub fn preprocessor(&self) -> &Preprocessor {
        &self.preprocessor
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Where the network lives.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Width of the unit vectors, of users and of texts.
    pub fn width(&self) -> usize {
        self.config.head.output
    }

    /// Width of a user's vectors of this kind.
    pub fn width_of(&self, kind: VectorKind) -> usize {
        match kind {
            VectorKind::Unit => self.config.head.output,
            VectorKind::State => self.config.backbone.hidden_size,
        }
    }

    /// What the matrices of decoder and encoders are held and multiplied in.
    pub fn precision(&self) -> Precision {
        self.config().precision
    }

    /// A copy without autodiff: deterministic, and it keeps no graph.
    pub fn frozen(&self) -> Self {
        // Field by field: cloning the whole first would copy the network twice.
        Self {
            config: self.config.clone(),
            preprocessor: self.preprocessor.clone(),
            network: self.network.valid(),
            device: self.device.clone().inner(),
            digest: self.digest.clone(),
        }
    }

    /// A copy with autodiff whose own weights get no gradient.
    pub fn for_tuning(&self) -> Self {
        Self {
            config: self.config.clone(),
            preprocessor: self.preprocessor.clone(),
            network: self.network.valid().train().no_grad(),
            device: self.device.clone().inner().autodiff(),
            digest: self.digest.clone(),
        }
    }

    pub(crate) fn extras(&self) -> Extras {
        Extras {
            summaries: self.config.summaries,
            tabular_at_user: self.config.tabular_at_user,
            lexical_matches: self.config.lexical_matches,
        }
    }
}
