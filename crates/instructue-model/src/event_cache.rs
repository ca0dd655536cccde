//! Event texts whose vectors are kept from pass to pass, and from run to run.

use std::sync::Arc;

use instructue_data::{Batch, SourceBatch};
use instructue_encoders::cache::{CacheConfig, CacheSpace, Digest, VectorCache};

use crate::error::{Error, Result};
use crate::input::{SourceInput, TableInput, text_order};
use crate::instruct_ue::InstructUe;

impl InstructUe {
    /// The same model, which encodes each distinct event text once (method §3.1):
    /// its vector then comes from memory or, with a folder, from disk. Off unless
    /// asked for; for embedding, not for training. [`with_network`] ends it, because
    /// the encoders may be others then.
    ///
    /// [`with_network`]: Self::with_network
    ///
    /// # Errors
    /// When the encoders are not frozen: with `encoder.train` or LoRA a vector is
    /// worth nothing after the next step. When the folder cannot be used.
    pub fn with_event_cache(mut self, config: &CacheConfig) -> Result<Self> {
        let settings = &self.config().encoder;
        if settings.train || settings.lora.is_some() {
            return Err(Error::Config {
                key: "encoder.train".into(),
                expected: "false, and no encoder.lora, for vectors to be kept".into(),
                found: format!("{} with lora {:?}", settings.train, settings.lora),
            });
        }
        let tokenizer = Digest(self.preparation().encoder_tokenizer().digest());
        let encoders = self.network().encoders().iter();
        let caches = encoders
            .map(|encoder| {
                let space = CacheSpace::of(encoder, tokenizer);
                Ok(VectorCache::open(config, space)?)
            })
            .collect::<Result<Vec<_>>>()?;
        self.set_event_caches(caches.into());
        Ok(self)
    }

    /// Fills in the vectors of a batch's event texts where there is a cache.
    pub(crate) fn recall(&self, batch: &Batch, table: &mut TableInput) {
        let caches = self.event_caches();
        let encoders = self.network().encoders();
        let events = batch.sources.iter().zip(&mut table.sources);
        let events = events.filter_map(|(source, entry)| match (source, entry) {
            (SourceBatch::Events(source), SourceInput::Events(entry)) => Some((source, entry)),
            _ => None,
        });
        for (source, (events, entry)) in events.enumerate() {
            let place = source.min(encoders.len().saturating_sub(1));
            let (Some(cache), Some(entry)) = (caches.get(place), entry) else {
                continue;
            };
            let order = text_order(&events.texts);
            let texts: Vec<&[u32]> = order.iter().map(|&text| &*events.texts[text]).collect();
            // What a cache refuses, a vector that is not finite, is computed in the
            // pass as ever, and found where such a vector is found.
            entry.vectors = encoders[place]
                .forward_cached(&texts, cache, self.device())
                .ok();
        }
    }
}

/// One cache per encoder, shared by copies of a model.
pub(crate) type EventCaches = Arc<[VectorCache]>;
