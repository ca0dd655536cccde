//! The caches of event vectors that a model has, and whether they fit its encoders.

use std::sync::Arc;

use instructue_encoders::cache::{CacheConfig, CacheSpace, VectorCache};

use crate::network::Network;
use crate::parameters::parameters;

/// The caches of a model's encoders, shared by copies of the model.
///
/// Each was opened for a present encoder, by its digests, that no step can change.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventCaches {
    /// One for each distinct encoder that stays as it is.
    pub caches: Arc<[VectorCache]>,
    /// Of each encoder its cache; `None` for one that a step could change.
    pub of_encoder: Arc<[Option<usize>]>,
    /// What they were opened with.
    pub config: Option<CacheConfig>,
}

impl EventCaches {
    /// Whether they are those of `network`'s encoders, and no step can change these.
    /// Reads all weights of the encoders.
    fn fit(&self, network: &Network) -> bool {
        let encoders = network.encoders();
        encoders.len() == self.of_encoder.len()
            && self.stay(network)
            && self.cached().all(|(encoder, cache)| {
                let space = cache.space();
                CacheSpace::of(&encoders[encoder], space.tokenizer) == *space
            })
    }

    /// Whether no step can change an encoder of `network` that has a cache.
    pub fn stay(&self, network: &Network) -> bool {
        let mut cached = self.cached();
        cached.all(|(encoder, _)| trainable(network, encoder).is_none())
    }

    /// The encoders that have a cache, each with it.
    fn cached(&self) -> impl Iterator<Item = (usize, &VectorCache)> {
        let places = self.of_encoder.iter().enumerate();
        places.filter_map(|(encoder, cache)| Some((encoder, &self.caches[(*cache)?])))
    }

    /// These, if they [`fit`](Self::fit), or none.
    pub fn kept_for(self, network: &Network) -> Self {
        match !self.caches.is_empty() && self.fit(network) {
            true => self,
            false => Self::default(),
        }
    }

    pub fn of_encoder(&self, encoder: usize) -> Option<&VectorCache> {
        let cache = self.of_encoder.get(encoder).copied().flatten()?;
        Some(&self.caches[cache])
    }
}

/// A parameter of an encoder that a step could change, by name.
pub(crate) fn trainable(network: &Network, encoder: usize) -> Option<String> {
    let mut parameters = parameters(&network.encoders()[encoder]).into_iter();
    let found = parameters.find(|parameter| parameter.trainable)?;
    Some(format!("encoders.{encoder}.{}", found.name))
}
