//! Low-rank adaptation (LoRA, arXiv:2106.09685) on the activations:
//! `x·W + s·dropout(x)·A·B`.
//!
//! The low-rank product is never added to the weight while training: that
//! would cost a weight-sized tensor forward and a weight-sized gradient
//! backward for every layer and step.
//!
//! [`LoraConfig`] has the settings, [`LoraLinear`] is one adapted map, and
//! [`LoraMaps`] finds all of them in a model.

mod config;
mod linear;
mod maps;

pub use config::LoraConfig;
pub use linear::{Lora, LoraInput, LoraLinear};
pub use maps::{LoraMaps, join_path, set_dropout};
