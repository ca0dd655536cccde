//! Decoders from their configuration, and in and out of files under the names of
//! Hugging Face.
//!
//! A field path is a key of the checkpoint, but for `model.`, which stands before
//! all of them except the output matrix.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::{Device, TensorData};
use instructue_nn::checkpoint::{Checkpoint, write_safetensors};
use instructue_nn::initial::{Initialiser, Start};
use instructue_nn::kernels::contiguous;
use instructue_nn::lora::LoraConfig;
use instructue_nn::source::{WeightSource, is_factor, load, tensors};

use crate::config::DecoderConfig;
use crate::decoder::Decoder;
use crate::error::{Error, Result};

/// What stands before the keys of a decoder that was saved with its output matrix.
const MODEL: &str = "model.";
/// The part beside the model.
const HEAD: &str = "lm_head.";

/// The key of a field path; one of a decoder saved by itself has no prefix.
fn key(path: &str, prefix: &str) -> String {
    match path.starts_with(HEAD) {
        true => path.into(),
        false => format!("{prefix}{path}"),
    }
}

impl DecoderConfig {
    /// A decoder with fresh weights: normal with standard deviation
    /// `initializer_range`, norms one, biases zero. The same after the same
    /// `device.seed(…)`.
    ///
    /// # Errors
    ///
    /// As [`validate`](Self::validate) and [`LoraConfig::validate`];
    /// [`instructue_nn::Error::Precision`] if the device cannot compute in it.
    pub fn init(&self, lora: Option<&LoraConfig>, device: &Device) -> Result<Decoder> {
        self.start(Start::Normal(self.initializer_range), lora, device)
    }

    /// A decoder whose matrices are zeros, for weights that come from elsewhere:
    /// drawing them first would take longer than reading them.
    ///
    /// # Errors
    ///
    /// As [`init`](Self::init).
    pub fn init_blank(&self, lora: Option<&LoraConfig>, device: &Device) -> Result<Decoder> {
        self.start(Start::Blank, lora, device)
    }

    fn start(&self, start: Start, lora: Option<&LoraConfig>, device: &Device) -> Result<Decoder> {
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
        Ok(Decoder::build(self, &new))
    }

    /// A decoder with the weights of a source, which knows them by what `rename` makes
    /// of a field path. LoRA starts afresh where it is asked for.
    pub(crate) fn load_from<S: WeightSource>(
        &self,
        source: &mut S,
        rename: impl Fn(&str) -> String,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Decoder>
    where
        Error: From<S::Error>,
    {
        if let Some(lora) = lora {
            lora.validate()?;
        }
        let blank = self.init_blank(None, device)?;
        Ok(load(blank, source, self.precision, rename, lora, device)?)
    }

    /// A decoder with the weights of a checkpoint directory.
    ///
    /// Whatever their type in the file, they come in the
    /// [precision](Self::precision) asked for, and memory never holds more than
    /// that beside a few mebibytes.
    ///
    /// # Errors
    ///
    /// When a tensor is missing, left over, of another shape or type, not
    /// finite or too large for the precision. An output matrix beside tied
    /// embeddings is ignored, as are stored rotary frequencies.
    pub fn load_weights(
        &self,
        dir: &Path,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Decoder> {
        self.fill(Checkpoint::open(dir)?, lora, device)
    }

    /// The same decoder sooner: where the file has the precision asked for, its matrices stay
    /// mapped as they lie. Products with them are slower, most so of few rows. For a process that
    /// computes little; [`Decoder::contiguous`] is for one that goes on.
    ///
    /// # Errors
    ///
    /// As [`load_weights`](Self::load_weights).
    pub fn map_weights(
        &self,
        dir: &Path,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Decoder> {
        self.fill(Checkpoint::open(dir)?.with_views(), lora, device)
    }

    /// A decoder with all tensors of a checkpoint.
    fn fill(
        &self,
        mut checkpoint: Checkpoint,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Decoder> {
        // A model saved without its head has no prefix.
        let bare = checkpoint.contains("embed_tokens.weight");
        let prefix = if bare { "" } else { MODEL };
        let decoder = self.load_from(&mut checkpoint, |path| key(path, prefix), lora, device)?;
        if self.tie_word_embeddings {
            checkpoint.ignore("lm_head.weight");
        }
        for name in checkpoint.unused() {
            if name.ends_with("rotary_emb.inv_freq") {
                checkpoint.ignore(&name);
            }
        }
        checkpoint.finish()?;
        Ok(decoder)
    }
}

impl Decoder {
    /// With matrices in the order of their products, where
    /// [`map_weights`](DecoderConfig::map_weights) left them as they lie in the file.
    #[must_use]
    pub fn contiguous(self) -> Self {
        contiguous(self)
    }

    /// The weights without LoRA, by their names in a Hugging Face checkpoint and
    /// in their own types: norms are `f32`. Of a merged decoder the merged ones.
    pub fn save_tensors(&self) -> Vec<(String, TensorData)> {
        tensors(self, |path| (!is_factor(path)).then(|| key(path, MODEL)))
    }

    /// The factors of LoRA by their names in a PEFT adapter; empty without LoRA.
    pub fn lora_tensors(&self) -> Vec<(String, TensorData)> {
        let peft = |path: &str| format!("base_model.model.{}", key(path, MODEL));
        tensors(self, |path| is_factor(path).then(|| peft(path)))
    }

    /// Writes [`save_tensors`](Self::save_tensors) to a file that transformers
    /// reads.
    ///
    /// # Errors
    ///
    /// As [`write_safetensors`].
    pub fn save_weights(&self, path: &Path) -> Result<()> {
        let format = HashMap::from([("format".into(), "pt".into())]);
        Ok(write_safetensors(path, self.save_tensors(), Some(format))?)
    }
}
