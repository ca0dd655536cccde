//! LoRA of a text encoder as a whole: to and from PEFT's directories, in and out
//! of the weights.

use std::path::Path;

use instructue_nn::lora::LoraMaps;
use instructue_nn::peft::{self, Naming, TaskType};

use crate::error::Error;
use crate::files::key;
use crate::text::TextEncoder;

/// An encoder stands alone, or under its family's name beside a head.
const NAMING: Naming = Naming {
    prefixes: &["", "bert.", "roberta."],
    stem: "encoder.layer.",
    path: key,
    target: |path| {
        // `dense` alone is the name of feed-forward maps too.
        const DENSE: &str = "attention.output.dense";
        match path.rsplit_once('.') {
            Some((_, last)) if !path.ends_with(DENSE) => last,
            _ => DENSE,
        }
    },
};

impl TextEncoder {
    /// Writes the factors of LoRA as a directory that `peft` loads onto this
    /// encoder's checkpoint in transformers (`AutoModel`).
    ///
    /// `base` is a note for the reader, `base_model_name_or_path`.
    ///
    /// # Errors
    /// As [`peft::save`].
    pub fn save_adapter(&self, dir: impl AsRef<Path>, base: Option<&str>) -> Result<(), Error> {
        let task = TaskType::FeatureExtraction;
        Ok(peft::save(self, dir.as_ref(), task, base, &NAMING)?)
    }

    /// This encoder with the factors of an adapter that `peft` or
    /// [`save_adapter`](Self::save_adapter) wrote; the rest is frozen. Rank, scale
    /// and dropout are the adapter's; factors that were there are dropped.
    ///
    /// # Errors
    /// When the adapter asks for what is not supported, adapts other maps than
    /// query, key, value and the attention's output, is made for another encoder,
    /// or holds a value that is not finite; and when this encoder is merged. The
    /// error names file and key, expected and found.
    pub fn load_adapter(self, dir: impl AsRef<Path>) -> Result<Self, Error> {
        let device = self.embeddings.word_embeddings.weight.val().device();
        Ok(peft::load(self, dir.as_ref(), &NAMING, &device)?)
    }

    /// Adds the product of the factors of LoRA to the weights: one matrix product
    /// per map instead of three, for inference. The factors are kept for
    /// [`unmerge`](Self::unmerge).
    ///
    /// # Errors
    /// [`instructue_nn::Error::Merge`] if there are none or they are merged.
    pub fn merge(mut self) -> Result<Self, Error> {
        self.set_merged(true)?;
        Ok(self)
    }

    /// Takes the product out of the weights again; they are restored up to
    /// rounding.
    ///
    /// # Errors
    /// [`instructue_nn::Error::Merge`] if there are no factors or they are not
    /// merged.
    pub fn unmerge(mut self) -> Result<Self, Error> {
        self.set_merged(false)?;
        Ok(self)
    }

    /// Whether there are factors of LoRA.
    pub fn has_lora(&self) -> bool {
        self.has_factors()
    }

    /// Whether factors of LoRA are part of the weights.
    pub fn is_merged(&self) -> bool {
        self.has_merged_factors()
    }
}
