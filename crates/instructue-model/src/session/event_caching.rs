//! Event texts whose vectors are kept from pass to pass, and from run to run.

use burn::module::Module;
use instructue_encoders::cache::{CacheConfig, CacheMetrics, CacheSpace, Digest, VectorCache};
use instructue_features::{Batch, SourceBatch};

use super::event_cache::{EventCaches, trainable};
use super::instruct_ue::InstructUe;
use crate::error::{Error, Result};
use crate::input::{SourceInput, TableInput, text_order};
use crate::network::Network;

impl InstructUe {
    /// The same model, whose encoders that stay as they are encode each distinct event text once:
    /// its vector then comes from memory or, with a folder, from disk. Keys are the
    /// digests of the weights that are used, LoRA included, and of the tokenizer.
    /// Encoders of equal weights share a cache; otherwise each has the configured
    /// memory for itself.
    ///
    /// In training it goes on through [`stepped`](Self::stepped); another network
    /// ([`with_network`](Self::with_network)) keeps it only with the same encoders.
    ///
    /// # Errors
    /// When a step could change all encoders: a model whose encoders are trained, by
    /// LoRA or whole, is embedded with as [`frozen`](Self::frozen). When the folder
    /// cannot be used.
    pub fn with_event_cache(mut self, config: &CacheConfig) -> Result<Self> {
        let network = self.network();
        let trained: Vec<Option<String>> = (0..network.encoders().len())
            .map(|encoder| trainable(network, encoder))
            .collect();
        if let (true, Some(Some(name))) = (trained.iter().all(Option::is_some), trained.first()) {
            return Err(Error::Config {
                key: "encoder.train".into(),
                expected: "frozen encoders or a frozen model, for vectors to be kept".into(),
                found: format!("{name}, which is trained"),
            });
        }
        let mut caches: Vec<VectorCache> = Vec::new();
        let mut of_encoder = Vec::new();
        let tokenizers = self.encoders_tokenizers();
        let encoders = network.encoders().iter().zip(tokenizers);
        for ((encoder, tokenizer), trained) in encoders.zip(&trained) {
            if trained.is_some() {
                of_encoder.push(None);
                continue;
            }
            let space = CacheSpace::of(encoder, tokenizer);
            let known = caches.iter().position(|cache| *cache.space() == space);
            of_encoder.push(Some(known.unwrap_or(caches.len())));
            if known.is_none() {
                caches.push(VectorCache::open(config, space)?);
            }
        }
        self.event_caches = EventCaches {
            caches: caches.into(),
            of_encoder: of_encoder.into(),
            config: Some(config.clone()),
        };
        Ok(self)
    }

    /// The digest of each encoder's tokenizer.
    fn encoders_tokenizers(&self) -> Vec<Digest> {
        let (network, preprocessor) = (self.network(), self.preprocessor());
        let sources = &preprocessor.schema().sources;
        let tokenizer = |encoder: usize| match network.source_of(encoder) {
            Some(source) => preprocessor.tokenizer_of(&sources[source].name),
            None => preprocessor.encoder_tokenizer(),
        };
        let encoders = 0..network.encoders().len();
        encoders
            .map(|encoder| Digest(tokenizer(encoder).digest()))
            .collect()
    }

    /// The same model with the caches of `other`, if they are for the same encoders
    /// and tokenizers and no step can change these; without any otherwise.
    pub fn with_event_cache_of(mut self, other: &Self) -> Self {
        let same = self.encoders_tokenizers() == other.encoders_tokenizers();
        self.event_caches = match same {
            true => other.event_caches.clone().kept_for(self.network()),
            false => EventCaches::default(),
        };
        self
    }

    /// The same model around another network of the same shape. Vectors of event
    /// texts are kept on if its encoders are the same, by their digests, and no step
    /// can change them.
    pub fn with_network(mut self, network: Network) -> Self {
        self.event_caches = self.event_caches.kept_for(&network);
        self.around(network)
    }

    /// The same model after an optimiser's step: around `network`, which came of this
    /// model's. Where vectors of event texts are kept, their encoders stay the very
    /// ones that they are vectors of, so nothing need be compared.
    pub fn stepped(self, network: Network) -> Self {
        let network = match self.event_caches().is_empty() {
            true => network,
            false => {
                let kept = |encoder: usize| self.event_caches.of_encoder(encoder).is_some();
                network.with_encoders_of(self.network(), kept)
            }
        };
        self.around(network)
    }

    /// A copy whose parameters are leaves of their own, so that a backward pass
    /// through it does not meet another one's.
    pub fn replica(&self) -> Self {
        let network = self.network().valid().train();
        // A copy of a frozen model may be one that trains.
        let mut copy = self.clone();
        if !copy.event_caches.stay(&network) {
            copy.event_caches = EventCaches::default();
        }
        copy.around(network)
    }

    /// The caches of event vectors, one for each distinct encoder that stays as it is; none unless
    /// [`with_event_cache`](Self::with_event_cache) opened them.
    pub fn event_caches(&self) -> &[VectorCache] {
        &self.event_caches.caches
    }

    /// What they were opened with; `None` if there are none.
    pub fn event_cache_config(&self) -> Option<&CacheConfig> {
        self.event_caches.config.as_ref()
    }

    /// What all of them did together; `None` if there are none.
    pub fn event_cache_metrics(&self) -> Option<CacheMetrics> {
        let caches = self.event_caches();
        let all = caches.iter().map(VectorCache::metrics);
        (!caches.is_empty()).then(|| all.sum())
    }

    fn around(mut self, network: Network) -> Self {
        self.model = self.model.with_network(network);
        self
    }

    /// Fills in the vectors of a batch's event texts where there is a cache.
    pub(crate) fn recall(&self, batch: &Batch, table: &mut TableInput) {
        let network = self.network();
        let sources = batch.sources.iter().zip(&mut table.sources);
        for (source, pair) in sources.enumerate() {
            let (SourceBatch::Events(events), SourceInput::Events(Some(entry))) = pair else {
                continue;
            };
            // A source of vectors has no encoder.
            let Some(place) = network.encoder_of(source) else {
                continue;
            };
            let Some(cache) = self.event_caches.of_encoder(place) else {
                continue;
            };
            let order = text_order(&events.texts);
            let texts: Vec<&[u32]> = order.iter().map(|&text| &*events.texts[text]).collect();
            // What a cache refuses, a vector that is not finite, is computed in the
            // pass as ever, and found where such a vector is found.
            entry.vectors = network.encoders()[place]
                .forward_cached(&texts, cache, self.device())
                .ok();
        }
    }
}
