//! Digests of a model and of a profile: what a cached profile depends on.

use instructue_features::{Profile, SourceProfile};
use instructue_nn::Precision;

use crate::config::ModelConfig;
use crate::error::Result;
use crate::hash::Hash;
use crate::network::Network;
use crate::preprocessor::Preprocessor;

/// Names everything that decides what a profile's cache holds. Equal keys mean
/// equal caches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// SHA-256 over configuration, schema, fitted host side, tokenizers and
    /// weights, in hexadecimal.
    pub model: String,
    /// What the model computes in: part of its digest, and named to be read.
    pub precision: Precision,
    /// What the caller named the adapter; see
    /// [`InstructUe::with_adapter_id`](crate::InstructUe::with_adapter_id).
    pub adapter: String,
    /// SHA-256 over the profile's texts, vectors and numbers, in hexadecimal. Who it is
    /// does not count: the model does not see it.
    pub profile: String,
}

/// The digest of a model, the same in memory and read from its files.
pub(crate) fn model_digest(
    config: &ModelConfig,
    preprocessor: &Preprocessor,
    network: &Network,
) -> Result<String> {
    let mut hash = Hash::new("model");
    hash.json(config)?;
    hash.bytes(preprocessor.schema().to_toml().as_bytes());
    hash.json(preprocessor.profiles())?;
    let normalisers = preprocessor.normalisers();
    hash.json(&normalisers.tabular)?;
    // A model without what follows hashes nothing here.
    if !normalisers.vectors.is_empty() {
        hash.json(&normalisers.vectors)?;
    }
    if let Some(components) = preprocessor.components() {
        hash.json(components)?;
    }
    if let Some(lexical_matches) = preprocessor.lexical_matches() {
        hash.json(lexical_matches)?;
    }
    hash.bytes(preprocessor.tokenizer().json().as_bytes());
    hash.bytes(preprocessor.encoder_tokenizer().json().as_bytes());
    for (source, tokenizer) in preprocessor.source_tokenizers() {
        hash.bytes(source.as_bytes());
        hash.bytes(tokenizer.json().as_bytes());
    }
    Ok(hash.weights(network, &[]))
}

/// The digest of what the model sees of a profile.
pub(crate) fn profile_digest(profile: &Profile) -> String {
    let mut hash = Hash::new("profile");
    for source in &profile.sources {
        match source {
            SourceProfile::Events(events) => {
                hash.count(events.len());
                for event in events {
                    hash.bytes(event.text.as_str().as_bytes());
                    if let Some(vector) = &event.vector {
                        hash.floats(vector);
                    }
                    hash.floats(&event.features);
                    hash.floats(&event.days);
                }
            }
            SourceProfile::Tabular(row) => {
                hash.floats(&row.numbers);
                hash.count(row.categories.len());
                for code in &row.categories {
                    hash.code(*code);
                }
            }
        }
    }
    hash.finish()
}
