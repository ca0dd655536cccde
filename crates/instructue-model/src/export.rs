//! The decoder of a model as a checkpoint of its own.

use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::error::{Error, Result};
use crate::instruct_ue::InstructUe;

impl InstructUe {
    /// Writes the decoder to `dir` as a directory that transformers loads: LoRA
    /// merged, and the delimiters, `<USER>` and padding as special tokens of its
    /// tokenizer (`<bill>`, `</bill>`, …, `<USER>`, `<PAD>`). Their embeddings take
    /// free rows of the table, and only where these do not suffice does it grow.
    ///
    /// # Errors
    /// When a file cannot be written, or the tokenizer has a token of such a name.
    pub fn export_backbone(&self, dir: &Path) -> Result<()> {
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::Io { path, source }
        };
        fs::create_dir_all(dir).map_err(io(dir))?;
        let tokenizer = self.preparation().tokenizer();
        let names = self.special_names();
        tokenizer.save_with(&dir.join("tokenizer.json"), &names)?;
        let network = self.network().valid();
        let mut decoder = network.backbone().clone();
        if decoder.has_lora() && !decoder.is_merged() {
            decoder = decoder.merge()?;
        }
        let rows: Tensor<2> = network.reserved_rows();
        let (decoder, _) = decoder.with_special_rows(tokenizer.vocab_size(), rows);
        decoder.save_weights(&dir.join("model.safetensors"))?;
        // Last: without it the directory is no checkpoint.
        let path = dir.join("config.json");
        let config = serde_json::to_vec_pretty(decoder.config()).map_err(|e| Error::Format {
            path: path.clone(),
            message: e.to_string(),
        })?;
        fs::write(&path, config).map_err(io(&path))
    }

    /// The reserved rows by name, in their order.
    fn special_names(&self) -> Vec<String> {
        let sources = self.preparation().schema().sources.iter();
        let delimiters = sources.flat_map(|s| [format!("<{}>", s.name), format!("</{}>", s.name)]);
        let rest = ["<USER>", "<PAD>"].map(String::from);
        delimiters.chain(rest).collect()
    }
}
