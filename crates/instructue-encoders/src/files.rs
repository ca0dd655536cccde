//! Text encoders from their configuration, and in and out of checkpoints of Hugging
//! Face.
//!
//! A field path is a key of the checkpoint, but for [`RENAMED`].

use std::collections::BTreeSet;
use std::path::Path;

use burn::prelude::*;
use instructue_nn::Precision;
use instructue_nn::checkpoint::Checkpoint;
use instructue_nn::initial::{Initialiser, Start};
use instructue_nn::lora::LoraConfig;
use instructue_nn::source::{is_factor, load, tensors};

use crate::config::BertConfig;
use crate::embeddings::Embeddings;
use crate::error::Error;
use crate::layer::BertLayer;
use crate::pooling::Pooling;
use crate::text::{Layers, TextEncoder};

/// Fields whose name in a key is a word of Rust's or begins with a capital, with that
/// name.
pub(crate) const RENAMED: [(&str, &str); 2] =
    [("self_attention", "self"), ("layer_norm", "LayerNorm")];

/// The key of a field path.
pub(crate) fn key(path: &str) -> String {
    let names = path.split('.').map(|name| {
        let renamed = RENAMED.iter().find(|(field, _)| *field == name);
        renamed.map_or(name, |(_, key)| key)
    });
    names.collect::<Vec<_>>().join(".")
}

/// A norm's key in files that were made of TensorFlow's.
fn older(key: &str) -> Option<String> {
    let norm = key.strip_suffix("LayerNorm.weight");
    let scale = norm.map(|norm| format!("{norm}LayerNorm.gamma"));
    let norm = key.strip_suffix("LayerNorm.bias");
    scale.or_else(|| norm.map(|norm| format!("{norm}LayerNorm.beta")))
}

impl BertConfig {
    /// Fresh weights: normal with standard deviation .02, biases 0.
    ///
    /// # Errors
    /// As [`BertConfig::validate`], or a LoRA setting that is out of range.
    pub fn init(
        &self,
        pooling: Pooling,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<TextEncoder, Error> {
        self.start(Start::Normal(self.initializer_range), pooling, lora, device)
    }

    /// Matrices of zeros, for weights that come from elsewhere: drawing them first
    /// would take longer than reading them.
    ///
    /// # Errors
    /// As [`BertConfig::init`].
    pub fn init_blank(
        &self,
        pooling: Pooling,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<TextEncoder, Error> {
        self.start(Start::Blank, pooling, lora, device)
    }

    /// The weights of a Hugging Face directory (`model.safetensors`, whole or
    /// sharded). Keys may stand under `bert.` or `roberta.`, and norms may be called
    /// `gamma` and `beta`, as in files that come from TensorFlow; the pooler and
    /// pre-training heads are left out. LoRA factors saved by [`TextEncoder::save_tensors`] are
    /// taken up when `lora` is given, and refused when it is not.
    ///
    /// # Errors
    /// Tensors that are missing, superfluous, of another shape than this
    /// configuration says, or not finite; each is named.
    pub fn load_weights(
        &self,
        dir: impl AsRef<Path>,
        pooling: Pooling,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<TextEncoder, Error> {
        if let Some(lora) = lora {
            lora.validate()?;
        }
        let mut checkpoint = Checkpoint::open(dir.as_ref())?;
        let names: BTreeSet<String> = checkpoint.names().map(str::to_owned).collect();
        let words = key("embeddings.word_embeddings.weight");
        let within = |prefix: &&str| names.contains(&format!("{prefix}{words}"));
        let prefix = ["bert.", "roberta."].into_iter().find(within);
        let prefix = prefix.unwrap_or_default();
        let rename = |path: &str| {
            let name = format!("{prefix}{}", key(path));
            let older = older(&name).filter(|older| names.contains(older));
            older.unwrap_or(name)
        };
        let blank = self.init_blank(pooling, None, device)?;
        let precision = self.precision;
        let encoder = load(blank, &mut checkpoint, precision, rename, lora, device)?;
        for name in checkpoint.unused() {
            // A buffer, the pooler and the pre-training heads: nothing that the
            // states depend on.
            let own = name.strip_prefix(prefix).unwrap_or(&name);
            let buffer = own == "embeddings.position_ids";
            let head = ["cls.", "lm_head."]
                .iter()
                .any(|part| name.starts_with(part));
            if buffer || head || own.starts_with("pooler.") {
                checkpoint.ignore(&name);
            }
        }
        checkpoint.finish()?;
        Ok(encoder)
    }

    fn start(
        &self,
        start: Start,
        pooling: Pooling,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<TextEncoder, Error> {
        self.validate()?;
        self.precision.check(device)?;
        if let Some(lora) = lora {
            lora.validate()?;
        }
        let new = Initialiser {
            start,
            precision: self.precision,
            lora,
            device,
        };
        let layers = 0..self.num_hidden_layers;
        Ok(TextEncoder {
            embeddings: Embeddings::init(self, &new),
            encoder: Layers {
                layer: layers.map(|_| BertLayer::init(self, &new)).collect(),
            },
            pooling,
            normalized: false,
            pad: self.pad(),
            precision: self.precision,
        })
    }
}

impl TextEncoder {
    /// This encoder with its matrices in another precision. Norms and factors of
    /// LoRA stay `f32`, and what was trainable stays so.
    ///
    /// To read a checkpoint in half precision set [`BertConfig::precision`]
    /// instead, and the wider weights are never there.
    ///
    /// # Errors
    /// [`instructue_nn::Error::Precision`] if the device cannot compute in it.
    pub fn with_precision(self, precision: Precision) -> Result<Self, Error> {
        let device = self.embeddings.word_embeddings.weight.val().device();
        precision.check(&device)?;
        let mut encoder = precision.cast_weights(self);
        encoder.precision = precision;
        Ok(encoder)
    }

    /// All tensors by their names in a Hugging Face checkpoint, LoRA factors as
    /// `….lora_A.weight` and `….lora_B.weight`. What
    /// [`BertConfig::load_weights`] reads back is equal bit by bit. Merged factors
    /// are left out: the weights hold them.
    pub fn save_tensors(&self) -> Vec<(String, TensorData)> {
        let merged = self.is_merged();
        tensors(self, |path| {
            (!merged || !is_factor(path)).then(|| key(path))
        })
    }
}
