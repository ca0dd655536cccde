//! Encoders, adapters and backbone composed into one model:
//! profile + instruction → vector.
//!
//! [`InstructUe`] is what users see. Inside are the [`Network`] (tensors) and
//! the [`Preparation`] (the fitted host side: vocabularies, normalisers,
//! tokenizers). Both are saved together, see [`save`].

pub mod config;
mod error;
mod head;
pub mod input;
mod instruct_ue;
mod network;
pub mod parameters;
mod preparation;
pub mod save;

pub use config::{ModelConfig, Size};
pub use error::{Error, Result};
pub use input::{NetworkInput, TextInput};
pub use instruct_ue::{InstructUe, Vectors};
pub use network::{Network, NetworkOutput, SourceShape};
pub use preparation::{MAX_TEXT_TOKENS, Preparation};
pub use save::Manifest;
