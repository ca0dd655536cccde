//! LoRA of a decoder as a whole: to and from PEFT's directories, in and out of
//! the weights (method §3.9).

use std::path::Path;

use burn::module::Module;
use instructue_nn::lora::{LoraLinear, merge_all};
use instructue_nn::peft::{self, Adapter, Site, TaskType};

use crate::{Decoder, Result};

/// How the paths of a decoder's maps begin, and what may come before: a decoder
/// stands under `model` beside its output matrix, or alone.
const STEM: &str = "layers.";
const PREFIXES: [&str; 2] = ["model.", ""];

impl Decoder {
    /// Writes the factors of LoRA as a directory that `peft` loads onto this
    /// decoder's checkpoint in transformers (`AutoModelForCausalLM`).
    ///
    /// `base` is a note for the reader, `base_model_name_or_path`.
    ///
    /// # Errors
    ///
    /// As [`peft::write`].
    pub fn save_adapter(&self, dir: &Path, base: Option<&str>) -> Result<()> {
        let sites: Vec<Site<'_>> = self
            .layers
            .iter()
            .enumerate()
            .flat_map(|(i, layer)| layer.linears().map(move |(name, map)| (i, name, map)))
            .map(|(i, name, map)| Site {
                path: format!("model.{STEM}{i}.{name}"),
                target: name.rsplit_once('.').map_or(name, |(_, last)| last),
                map,
            })
            .collect();
        Ok(peft::write(dir, TaskType::CausalLm, base, &sites)?)
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
        let mut adapter = Adapter::open(dir, STEM, &PREFIXES)?;
        let device = self.embed_tokens.val().device();
        // Everything of the base is frozen; factors come in trainable.
        let mut decoder = self.no_grad();
        for (i, layer) in decoder.layers.iter_mut().enumerate() {
            for (name, map) in layer.linears_mut() {
                let path = format!("{STEM}{i}.{name}");
                *map = adapter.adapt(&path, map.clone(), &device)?;
            }
        }
        adapter.finish()?;
        Ok(decoder)
    }

    /// Adds the product of the factors of LoRA to the weights: one matrix product
    /// per map instead of three, for inference. The factors are kept for
    /// [`unmerge`](Self::unmerge).
    ///
    /// # Errors
    ///
    /// [`instructue_nn::Error::Merge`] if there are none or they are merged.
    pub fn merge(mut self) -> Result<Self> {
        merge_all(self.linears_mut(), true)?;
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
        merge_all(self.linears_mut(), false)?;
        Ok(self)
    }

    /// Whether factors of LoRA are part of the weights.
    pub fn is_merged(&self) -> bool {
        self.loras()
            .any(|(_, _, map)| map.lora.as_ref().is_some_and(|lora| lora.merged))
    }

    fn linears_mut(&mut self) -> impl Iterator<Item = &mut LoraLinear> {
        let layers = self.layers.iter_mut();
        layers.flat_map(|layer| layer.linears_mut().map(|(_, map)| map))
    }
}
