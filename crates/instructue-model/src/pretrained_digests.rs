//! The weights that a model began with, by digest, as its configuration names them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which weights a model began with, by digest (SHA-256, hexadecimal).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainedDigests {
    /// Of the decoder without the factors of LoRA.
    pub backbone: Option<String>,
    /// Of the encoder without the factors of LoRA.
    pub encoder: Option<String>,
    /// Of the encoders of single sources, by name, without the factors of LoRA.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub source_encoders: BTreeMap<String, String>,
}
