//! LoRA of a text encoder as a whole: to and from PEFT's directories, in and out
//! of the weights (method §3.9).

use std::path::Path;

use burn::module::Module;
use instructue_nn::lora::{LoraLinear, merge_all};
use instructue_nn::peft::{self, Adapter, Site, TaskType};

use crate::{Error, TextEncoder};

/// How the paths of an encoder's maps begin, and what may come before: an encoder
/// stands alone, or under its family's name beside a head.
const STEM: &str = "encoder.layer.";
const PREFIXES: [&str; 3] = ["", "bert.", "roberta."];

impl TextEncoder {
    /// Writes the factors of LoRA as a directory that `peft` loads onto this
    /// encoder's checkpoint in transformers (`AutoModel`).
    ///
    /// `base` is a note for the reader, `base_model_name_or_path`.
    ///
    /// # Errors
    /// As [`peft::write`].
    pub fn save_adapter(&self, dir: impl AsRef<Path>, base: Option<&str>) -> Result<(), Error> {
        let sites: Vec<Site<'_>> = self
            .blocks
            .iter()
            .enumerate()
            .flat_map(|(i, block)| block.adapted().map(move |(name, map)| (i, name, map)))
            .map(|(i, name, map)| Site {
                path: format!("{STEM}{i}.{name}"),
                // `dense` alone is the name of feed-forward maps too.
                target: name.strip_prefix("attention.self.").unwrap_or(name),
                map,
            })
            .collect();
        let task = TaskType::FeatureExtraction;
        Ok(peft::write(dir.as_ref(), task, base, &sites)?)
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
        let mut adapter = Adapter::open(dir.as_ref(), STEM, &PREFIXES)?;
        let device = self.words.weight.val().device();
        // Everything of the base is frozen; factors come in trainable.
        let mut encoder = self.no_grad();
        for (i, block) in encoder.blocks.iter_mut().enumerate() {
            for (name, map) in block.adapted_mut() {
                let path = format!("{STEM}{i}.{name}");
                *map = adapter.adapt(&path, map.clone(), &device)?;
            }
        }
        adapter.finish()?;
        Ok(encoder)
    }

    /// Adds the product of the factors of LoRA to the weights: one matrix product
    /// per map instead of three, for inference. The factors are kept for
    /// [`unmerge`](Self::unmerge).
    ///
    /// # Errors
    /// [`instructue_nn::Error::Merge`] if there are none or they are merged.
    pub fn merge(mut self) -> Result<Self, Error> {
        merge_all(self.adapted_mut(), true)?;
        Ok(self)
    }

    /// Takes the product out of the weights again; they are restored up to
    /// rounding.
    ///
    /// # Errors
    /// [`instructue_nn::Error::Merge`] if there are no factors or they are not
    /// merged.
    pub fn unmerge(mut self) -> Result<Self, Error> {
        merge_all(self.adapted_mut(), false)?;
        Ok(self)
    }

    /// Whether there are factors of LoRA.
    pub fn has_lora(&self) -> bool {
        self.factors().next().is_some()
    }

    /// Whether factors of LoRA are part of the weights.
    pub fn is_merged(&self) -> bool {
        self.factors().any(|lora| lora.merged)
    }

    fn factors(&self) -> impl Iterator<Item = &instructue_nn::lora::Lora> {
        let maps = self.blocks.iter().flat_map(|block| block.adapted());
        maps.filter_map(|(_, map)| map.lora.as_ref())
    }

    fn adapted_mut(&mut self) -> impl Iterator<Item = &mut LoraLinear> {
        let blocks = self.blocks.iter_mut();
        blocks.flat_map(|block| block.adapted_mut().map(|(_, map)| map))
    }
}
