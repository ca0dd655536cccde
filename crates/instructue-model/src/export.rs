//! Exporting the decoder of a model as a checkpoint that other programs load.

use std::path::Path;

use burn::module::Module;
use instructue_fs::{Files, NewDirectory, check_replaceable};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::model::Model;
use crate::save::to_json;

/// Says of an exported directory that it is one.
const EXPORT: &str = "instructue.json";
const FILES: [&str; 4] = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
];

#[derive(Serialize)]
struct Export {
    files: Files,
}

/// Rows that a table may grow by for added tokens beyond it.
const MOST_BEYOND: usize = 4_096;

impl Model {
    /// Writes the decoder to `dir` as a directory that transformers loads: LoRA
    /// merged, and the delimiters, `<USER>` and padding as special tokens of its
    /// tokenizer (`<bill>`, `</bill>`, …, `<USER>`, `<PAD>`). Their embeddings take
    /// free rows of the table, and only where these do not suffice does it grow.
    /// The directory appears whole or not at all, in the place of an earlier export.
    ///
    /// # Errors
    /// When a file cannot be written, `dir` holds something else than an export, the tokenizer
    /// has a token of such a name, or an added token far beyond the table.
    pub fn export_backbone(&self, dir: &Path) -> Result<()> {
        let belongs = |name: &str| FILES.contains(&name);
        check_replaceable(dir, "an exported decoder", EXPORT, belongs)?;
        let tokenizer = self.preprocessor().tokenizer();
        let network = self.network().valid();
        let mut decoder = network.backbone().clone();
        if decoder.has_lora() && !decoder.is_merged() {
            decoder = decoder.merge()?;
        }
        let used = tokenizer.vocab_size();
        // Some files have a few added tokens beyond the table; each gets a row.
        let most = decoder.config().vocab_size + MOST_BEYOND;
        if used > most {
            return Err(Error::Config {
                key: "tokenizer.json".into(),
                expected: format!("ids of added tokens below {most}, to be given rows"),
                found: (used - 1).to_string(),
            });
        }
        let (decoder, _) = decoder.with_special_rows(used, network.reserved_rows());
        let new = NewDirectory::create(dir)?;
        let at = |name: &str| new.path().join(name);
        tokenizer.save_with(&at("tokenizer.json"), &self.special_names())?;
        decoder.save_weights(&at("model.safetensors"))?;
        new.write("config.json", &to_json(decoder.config())?)?;
        // By this one a directory is known as one that may be replaced.
        let files = Files::of(new.path())?;
        new.write_sealed(EXPORT, &Export { files })?;
        Ok(new.commit()?)
    }

    /// The reserved rows by name, in their order.
    fn special_names(&self) -> Vec<String> {
        let sources = self.preprocessor().schema().sources.iter();
        let delimiters = sources.flat_map(|s| [format!("<{}>", s.name), format!("</{}>", s.name)]);
        let rest = ["<USER>", "<PAD>"].map(String::from);
        delimiters.chain(rest).collect()
    }
}
