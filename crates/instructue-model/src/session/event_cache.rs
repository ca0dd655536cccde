//! The caches of event vectors that a model has, and whether they fit its encoders.

use std::sync::Arc;

use instructue_encoders::cache::{CacheConfig, CacheSpace, VectorCache};

use crate::network::Network;
use crate::parameters::parameters;

/// The caches of a model's encoders, shared by copies of the model.
///
/// Where there are any, they were opened for the model's present encoders, by their
/// digests, and no step can change those.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventCaches {
    /// One for each distinct encoder.
    pub caches: Arc<[VectorCache]>,
    /// Of each encoder its cache.
    pub of_encoder: Arc<[usize]>,
    /// What they were opened with.
    pub config: Option<CacheConfig>,
}

impl EventCaches {
    /// Whether they are those of `network`'s encoders, and no step can change these.
    /// Reads all weights of the encoders.
    fn fit(&self, network: &Network) -> bool {
        let encoders = network.encoders();
        encoders.len() == self.of_encoder.len()
            && trainable(network).is_none()
            && encoders
                .iter()
                .zip(&*self.of_encoder)
                .all(|(encoder, &cache)| {
                    let space = self.caches[cache].space();
                    CacheSpace::of(encoder, space.tokenizer) == *space
                })
    }

    /// These, if they [`fit`](Self::fit), or none.
    pub fn kept_for(self, network: &Network) -> Self {
        match !self.caches.is_empty() && self.fit(network) {
            true => self,
            false => Self::default(),
        }
    }

    pub fn of_encoder(&self, encoder: usize) -> Option<&VectorCache> {
        self.of_encoder
            .get(encoder)
            .map(|&cache| &self.caches[cache])
    }
}

/// An encoder's parameter that a step could change, by name.
pub(crate) fn trainable(network: &Network) -> Option<String> {
    let encoders = network.encoders().iter().enumerate();
    let mut all = encoders.flat_map(|(number, encoder)| {
        let parameters = parameters(encoder).into_iter();
        parameters.map(move |parameter| (number, parameter))
    });
    let (number, parameter) = all.find(|(_, parameter)| parameter.trainable)?;
    Some(format!("encoders.{number}.{}", parameter.name))
}
