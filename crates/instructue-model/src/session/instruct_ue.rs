//! The session: one model, and what embedding with it keeps.

use std::path::Path;

use burn::tensor::Device;
use instructue_features::Batch;
use instructue_nn::Precision;

use super::event_cache::EventCaches;
use super::replicas::Replicas;
use crate::config::ModelConfig;
use crate::error::Result;
use crate::input::NetworkInput;
use crate::model::Model;
use crate::network::{Network, NetworkOutput};
use crate::preprocessor::Preprocessor;
use crate::pretrained::Pretrained;
use crate::save::Manifest;
use crate::vectors::VectorKind;

/// A model in use: it embeds, answers and scores.
///
/// Behind it stand the caches of event vectors, the replicas that run its passes, and
/// the name of the adapter that its weights carry. None of them is saved.
#[derive(Debug, Clone)]
pub struct InstructUe {
    pub(super) model: Model,
    replicas: Replicas,
    adapter: String,
    pub(super) event_caches: EventCaches,
}

impl From<Model> for InstructUe {
    fn from(model: Model) -> Self {
        Self {
            model,
            replicas: Replicas::default(),
            adapter: String::new(),
            event_caches: EventCaches::default(),
        }
    }
}

impl InstructUe {
    /// A model with fresh weights, drawn in a fixed order from `seed`.
    ///
    /// # Errors
    /// When the configuration does not fit together.
    pub fn new(
        config: ModelConfig,
        preprocessor: Preprocessor,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        Self::with_parts(config, preprocessor, &Pretrained::default(), seed, device)
    }

    /// As [`new`](Self::new), around parts that have weights; `config` is what
    /// [`Pretrained::configure`] made of it.
    ///
    /// # Errors
    /// When the configuration does not fit together, a part does not fit it, or a
    /// tokenizer has entries that a table has no row for.
    pub fn with_parts(
        config: ModelConfig,
        preprocessor: Preprocessor,
        parts: &Pretrained,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let model = Model::with_parts(config, preprocessor, parts, seed, device)?;
        Ok(model.into())
    }

    /// Reads a model directory.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load(dir: &Path, device: &Device) -> Result<Self> {
        Ok(Model::load(dir, device)?.into())
    }

    /// Reads a model directory in this precision rather than the one it was saved in.
    ///
    /// # Errors
    /// As [`Model::load_in`].
    pub fn load_in(dir: &Path, device: &Device, precision: Precision) -> Result<Self> {
        Ok(Model::load_in(dir, device, precision)?.into())
    }

    /// Writes the model to `dir`.
    ///
    /// # Errors
    /// As [`Model::save`].
    pub fn save(&self, dir: &Path) -> Result<Manifest> {
        self.model.save(dir)
    }

    /// Writes the decoder for other programs.
    ///
    /// # Errors
    /// As [`Model::export_backbone`].
    pub fn export_backbone(&self, dir: &Path) -> Result<()> {
        self.model.export_backbone(dir)
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The same model, running `count` passes at a time where there is work for
    /// so many; see [`Replicas`].
    pub fn with_replicas(mut self, count: usize) -> Self {
        self.replicas = Replicas::new(count);
        self
    }

    /// What runs its passes.
    pub fn replicas(&self) -> &Replicas {
        &self.replicas
    }

    /// Names the adapter that the weights carry, for instance where one base
    /// is served under several: a [`ProfileCache`](crate::ProfileCache) made
    /// under another name is refused. Empty at first, and not saved.
    pub fn with_adapter_id(mut self, id: impl Into<String>) -> Self {
        self.adapter = id.into();
        self
    }

    /// See [`with_adapter_id`](Self::with_adapter_id).
    pub fn adapter_id(&self) -> &str {
        &self.adapter
    }

    /// SHA-256 of configuration, host side and weights, in hexadecimal; computed
    /// once.
    ///
    /// # Errors
    /// As [`Model::digest`].
    pub fn digest(&self) -> Result<&str> {
        self.model.digest()
    }

    /// The configuration.
    pub fn config(&self) -> &ModelConfig {
        self.model.config()
    }

    /// The fitted host side.
    pub fn preprocessor(&self) -> &Preprocessor {
        self.model.preprocessor()
    }

    /// The network.
    pub fn network(&self) -> &Network {
        self.model.network()
    }

    /// Where the network lives.
    pub fn device(&self) -> &Device {
        self.model.device()
    }

    /// Width of the unit vectors, of users and of texts.
    pub fn width(&self) -> usize {
        self.model.width()
    }

    /// Width of a user's vectors of this kind.
    pub fn width_of(&self, kind: VectorKind) -> usize {
        self.model.width_of(kind)
    }

    /// What the matrices of decoder and encoders are held and multiplied in.
    pub fn precision(&self) -> Precision {
        self.model.precision()
    }

    /// This model computed in another precision. Its vectors are `f32` as ever,
    /// and near those of before; its caches are other ones, and what was tuned
    /// on it ([`SoftPrompt`](crate::SoftPrompt)) is another model's.
    ///
    /// [`load_in`](Self::load_in) reads a model in the precision at once, without
    /// the wider weights in memory.
    ///
    /// # Errors
    /// When the device cannot compute in it; the error says in what it can.
    pub fn with_precision(self, precision: Precision) -> Result<Self> {
        self.changed(|network, config| {
            let network = network.with_precision(precision)?;
            Ok((network, config.with_precision(precision)))
        })
    }

    /// This model as it can be trained: see [`Network::for_training`]. An encoder
    /// that is trained as a whole is `f32` until the model is read again.
    ///
    /// [`Network::for_training`]: crate::Network::for_training
    ///
    /// # Errors
    /// When the decoder's own weights are trained in half precision.
    pub fn for_training(self) -> Result<Self> {
        self.changed(|network, config| Ok((network.for_training()?, config)))
    }

    /// Caches of event vectors stay where the encoders are the same.
    fn changed(
        self,
        change: impl FnOnce(Network, ModelConfig) -> Result<(Network, ModelConfig)>,
    ) -> Result<Self> {
        let model = self.model.try_map(change)?;
        Ok(Self {
            event_caches: self.event_caches.kept_for(model.network()),
            model,
            ..self
        })
    }

    /// The same session around another copy of its model.
    fn with_model(&self, model: Model) -> Self {
        Self {
            model,
            replicas: self.replicas.clone(),
            adapter: self.adapter.clone(),
            event_caches: self.event_caches.clone(),
        }
    }

    /// A copy without autodiff: deterministic, and it keeps no graph.
    pub fn frozen(&self) -> Self {
        self.with_model(self.model.frozen())
    }

    /// A copy with autodiff whose own weights get no gradient: for learning what
    /// stands in a row beside them, see [`tuned_users`](Self::tuned_users).
    pub fn for_tuning(&self) -> Self {
        self.with_model(self.model.for_tuning())
    }

    /// Uploads packed rows.
    pub fn upload(&self, batch: &Batch) -> NetworkInput {
        let mut input = NetworkInput::new(
            batch,
            self.preprocessor().normalisers(),
            self.model.extras(),
            self.device(),
        );
        self.recall(batch, &mut input.table);
        input
    }

    /// One pass over packed rows.
    pub fn forward(&self, batch: &Batch) -> NetworkOutput {
        self.network().forward(&self.upload(batch))
    }
}
