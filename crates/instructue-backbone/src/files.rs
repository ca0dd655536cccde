//! Decoders in and out of files, under the names of Hugging Face and PEFT.

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::{Device, TensorData};
use instructue_nn::checkpoint::{Checkpoint, write_safetensors};
use instructue_nn::lora::LoraConfig;

use crate::weights::Source;
use crate::{Decoder, DecoderConfig, Result};

/// What PEFT puts before the key of an adapted module.
const PEFT: &str = "base_model.model.";

impl DecoderConfig {
    /// A decoder with fresh weights: normal with standard deviation
    /// `initializer_range`, norms one, biases zero. The same after the same
    /// `device.seed(…)`.
    pub fn init(&self, lora: Option<&LoraConfig>, device: &Device) -> Result<Decoder> {
        Decoder::build(
            self,
            &mut Source::Fresh(self.initializer_range, self.precision),
            "",
            lora,
            device,
        )
    }

    /// A decoder whose matrices are zeros, for weights that come from elsewhere:
    /// drawing them first would take longer than reading them.
    pub fn init_blank(&self, lora: Option<&LoraConfig>, device: &Device) -> Result<Decoder> {
        Decoder::build(self, &mut Source::Blank(self.precision), "", lora, device)
    }

    /// A decoder with the weights of a checkpoint directory.
    ///
    /// Whatever their type in the file, they come in the
    /// [precision](Self::precision) asked for, and memory never holds more than
    /// that beside a few mebibytes.
    ///
    /// Fails if a tensor is missing, left over, of another shape or type, not
    /// finite or too large for the precision. An output matrix beside tied
    /// embeddings is ignored, as are stored rotary frequencies.
    pub fn load_weights(
        &self,
        dir: &Path,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<Decoder> {
        let mut checkpoint = Checkpoint::open(dir)?.with_precision(self.precision);
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
    /// The weights without LoRA, by their names in a Hugging Face checkpoint and
    /// in their own types: norms are `f32`. Of a merged decoder the merged ones.
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
}

fn peft(layer: usize, name: &str, factor: &str) -> String {
    format!("{PEFT}model.layers.{layer}.{name}.{factor}.weight")
}

fn format() -> Option<HashMap<String, String>> {
    Some(HashMap::from([("format".into(), "pt".into())]))
}
