//! The weights that a model began with, by digest, as its configuration names them.

use serde::{Deserialize, Serialize};

use crate::parameters::Parameter;

/// Which weights a model began with, by digest (SHA-256, hexadecimal).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainedDigests {
    /// Of the decoder without the factors of LoRA.
    pub backbone: Option<String>,
    /// Of the encoder without the factors of LoRA.
    pub encoder: Option<String>,
}

impl PretrainedDigests {
    /// Whether a parameter of a network is one of the weights that it began with
    /// and that training leaves alone: whoever has those weights has it, too.
    pub fn hold(&self, parameter: &Parameter) -> bool {
        let begins = |part: &str| parameter.name.starts_with(part);
        let of_decoder = begins("backbone.") || begins("lookup.common");
        let part = (self.backbone.is_some() && of_decoder)
            || (self.encoder.is_some() && begins("encoders."));
        part && !parameter.trainable
    }
}
