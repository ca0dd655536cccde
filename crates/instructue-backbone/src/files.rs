//! Decoders in and out of files, under the names of Hugging Face and PEFT.

use std::collections::HashMap;
use std::path::Path;

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use instructue_nn::checkpoint::{Checkpoint, write_safetensors};
use instructue_nn::lora::LoraConfig;

use crate::weights::Source;
use crate::{Decoder, DecoderConfig, Error, Result};

/// What PEFT puts before the key of an adapted module.
const PEFT: &str = "base_model.model.";

impl DecoderConfig {
    /// A decoder with fresh weights: normal with standard deviation
    /// `initializer_range`, norms
    /// one, biases zero. The same after the same `device.seed(…)`.
    pub fn init(&self, lora: Option<&LoraConfig>, device: &Device) -> Result<Decoder> {
        Decoder::build(
            self,
            &mut Source::Fresh(self.initializer_range),
            "",
            lora,
            device,
        )
    }

    /// A decoder with the weights of a checkpoint directory.
    ///
    /// Fails if a tensor is missing, left over, of another shape or type, or
    /// not finite. An output matrix beside tied embeddings is ignored, as are
    /// stored rotary frequencies.
    pub fn load_weights(
        &self,
        dir: &Path,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Decoder> {
        let mut checkpoint = Checkpoint::open(dir)?;
        // A model saved without its head has no prefix.
        let bare = checkpoint.contains("embed_tokens.weight");
        let prefix = if bare { "" } else { "model." };
        let source = &mut Source::Checkpoint(&mut checkpoint);
        let decoder = Decoder::build(self, source, prefix, lora, device)?;
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
    /// The weights without LoRA, by their names in a Hugging Face checkpoint.
    pub fn save_tensors(&self) -> Vec<(String, TensorData)> {
        let mut out = vec![(
            "model.embed_tokens.weight".to_owned(),
            self.embed_tokens.val().into_data(),
        )];
        for (i, layer) in self.layers.iter().enumerate() {
            let prefix = format!("model.layers.{i}");
            for (name, map) in layer.linears() {
                let weight = map.linear.weight.val().transpose();
                out.push((format!("{prefix}.{name}.weight"), weight.into_data()));
                if let Some(bias) = &map.linear.bias {
                    out.push((format!("{prefix}.{name}.bias"), bias.val().into_data()));
                }
            }
            for (name, norm) in layer.norms() {
                let gamma = norm.gamma.val().into_data();
                out.push((format!("{prefix}.{name}.weight"), gamma));
            }
        }
        out.push((
            "model.norm.weight".into(),
            self.norm.gamma.val().into_data(),
        ));
        if let Some(head) = &self.lm_head {
            let weight = head.weight.val().transpose().into_data();
            out.push(("lm_head.weight".into(), weight));
        }
        out
    }

    /// The factors of LoRA by their names in a PEFT adapter; empty without LoRA.
    pub fn lora_tensors(&self) -> Vec<(String, TensorData)> {
        self.loras()
            .filter_map(|(i, name, map)| Some((i, name, map.lora.as_ref()?)))
            .flat_map(|(i, name, lora)| {
                [("lora_A", &lora.a), ("lora_B", &lora.b)].map(|(factor, value)| {
                    (peft(i, name, factor), value.val().transpose().into_data())
                })
            })
            .collect()
    }

    /// Writes [`save_tensors`](Self::save_tensors) to a file that transformers
    /// reads.
    pub fn save_weights(&self, path: &Path) -> Result<()> {
        Ok(write_safetensors(path, self.save_tensors(), format())?)
    }

    /// Writes [`lora_tensors`](Self::lora_tensors) to a file that PEFT reads.
    pub fn save_lora(&self, path: &Path) -> Result<()> {
        Ok(write_safetensors(path, self.lora_tensors(), format())?)
    }

    /// Takes the factors of LoRA from a file. The decoder must have LoRA of the
    /// same rank; its scale stays.
    pub fn load_lora(mut self, path: &Path) -> Result<Self> {
        if !self.has_lora() {
            return Err(Error::NoLora { path: path.into() });
        }
        let mut checkpoint = Checkpoint::open_file(path)?;
        for (i, layer) in self.layers.iter_mut().enumerate() {
            for (name, map) in layer.linears_mut() {
                let Some(lora) = &mut map.lora else { continue };
                for (factor, value) in [("lora_A", &mut lora.a), ("lora_B", &mut lora.b)] {
                    let [columns, rows] = value.dims();
                    let name = peft(i, name, factor);
                    let shape = [rows, columns];
                    let loaded = checkpoint.take_transposed(&name, shape, &value.device())?;
                    *value = replaced(value, loaded);
                }
            }
        }
        checkpoint.finish()?;
        Ok(self)
    }
}

/// The same parameter (for an optimiser's state) with another value.
fn replaced(old: &Param<Tensor<2>>, value: Tensor<2>) -> Param<Tensor<2>> {
    old.clone().transform_for_load(value, old.id)
}

fn peft(layer: usize, name: &str, factor: &str) -> String {
    format!("{PEFT}model.layers.{layer}.{name}.{factor}.weight")
}

fn format() -> Option<HashMap<String, String>> {
    Some(HashMap::from([("format".into(), "pt".into())]))
}
