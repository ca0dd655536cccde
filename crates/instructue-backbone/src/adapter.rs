//! LoRA of a decoder as a whole: to and from PEFT's directories, in and out of
//! the weights.

use std::path::Path;

use instructue_nn::lora::LoraMaps;
use instructue_nn::peft::{self, Naming, TaskType};

use crate::decoder::Decoder;
use crate::error::Result;

/// A decoder stands under `model` beside its output matrix, or alone.
const NAMING: Naming = Naming {
    prefixes: &["model.", ""],
    stem: "layers.",
    path: str::to_owned,
    target: |path| path.rsplit_once('.').map_or(path, |(_, last)| last),
};

impl Decoder {
    /// Writes the factors of LoRA as a directory that `peft` loads onto this
    /// decoder's checkpoint in transformers (`AutoModelForCausalLM`).
    ///
    /// `base` is a note for the reader, `base_model_name_or_path`.
    ///
    /// # Errors
    ///
    /// As [`peft::save`].
    pub fn save_adapter(&self, dir: &Path, base: Option<&str>) -> Result<()> {
        Ok(peft::save(self, dir, TaskType::CausalLm, base, &NAMING)?)
    }

    /// This decoder with the factors of an adapter that `peft` or
    /// [`save_adapter`](Self::save_adapter) wrote; the rest is frozen. Rank,
    /// scale and dropout are the adapter's, and so is which maps carry factors;
    /// those that were there are dropped.
    ///
    /// # Errors
    ///
    /// When the adapter asks for what is not supported, is made for another
    /// decoder, or holds a value that is not finite; and when this decoder is
    /// merged. The error names file and key, expected and found.
    pub fn load_adapter(self, dir: &Path) -> Result<Self> {
        let device = self.embed_tokens.weight.val().device();
        Ok(peft::load(self, dir, &NAMING, &device)?)
    }

    /// Adds the product of the factors of LoRA to the weights: one matrix product
    /// per map instead of three, for inference. The factors are kept for
    /// [`unmerge`](Self::unmerge).
    ///
    /// # Errors
    ///
    /// [`instructue_nn::Error::Merge`] if there are none or they are merged.
    pub fn merge(mut self) -> Result<Self> {
        self.set_merged(true)?;
        Ok(self)
    }

    /// Takes the product out of the weights again; they are restored up to
    /// rounding.
    ///
    /// # Errors
    ///
    /// [`instructue_nn::Error::Merge`] if there are no factors or they are not
    /// merged.
    pub fn unmerge(mut self) -> Result<Self> {
        self.set_merged(false)?;
        Ok(self)
    }

    /// Whether factors of LoRA are part of the weights.
    pub fn is_merged(&self) -> bool {
        self.has_merged_factors()
    }
}
