//! The tokenizer of the metadata, as the files of a Hugging Face directory.
//!
//! Byte-level BPE only (`tokenizer.ggml.model` = `gpt2`): that is what Qwen,
//! Llama 3 and SmolLM models have.

mod json;
mod pre;
mod vocabulary;

use std::path::Path;

use crate::{Gguf, Result};
use pre::Pre;
use vocabulary::Vocabulary;

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TEMPLATE: &str = "tokenizer.chat_template";

/// A tokenizer, as the text of two files.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokenizer {
    /// `tokenizer.json`, as the `tokenizers` crate reads it.
    pub json: String,
    /// `tokenizer_config.json`: which tokens open, end and pad a text, and the
    /// chat template.
    pub config: String,
}

impl Tokenizer {
    /// Writes `tokenizer.json` and `tokenizer_config.json` to a directory.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) when they cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        for (name, text) in [
            // Whoever sees the first file finds the second.
            ("tokenizer_config.json", &self.config),
            ("tokenizer.json", &self.json),
        ] {
            instructue_fs::write(&dir.join(name), text.as_bytes())?;
        }
        Ok(())
    }
}

impl Gguf {
    /// Rebuilds the tokenizer from the metadata.
    ///
    /// Control tokens and those with a task become special tokens, user-defined
    /// ones ordinary added tokens; unused ones (they fill up the embedding
    /// table) are left out. Ids are positions in the vocabulary.
    ///
    /// # Errors
    /// [`Error::Key`](crate::Error::Key) when a key is missing or of another type, the model is not
    /// `gpt2`, the way to split words is not known, a token stands twice, or a
    /// merge or an id names a token that is not there.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        let model = self.text(MODEL)?;
        if model != Some("gpt2") {
            let found = model.unwrap_or("nothing");
            return Err(self.refuse_key(MODEL, "gpt2 (byte-level BPE)", found));
        }
        let name = self.required(PRE, Pre::NAMES, self.text(PRE)?)?;
        let pre = Pre::from_name(name).ok_or_else(|| self.refuse_key(PRE, Pre::NAMES, name))?;
        let vocabulary = Vocabulary::read(self)?;
        let opens = self.flag("tokenizer.ggml.add_bos_token")?;
        let ends = self.flag("tokenizer.ggml.add_eos_token")?;
        let opens = opens.unwrap_or(pre.opens_texts()) && vocabulary.bos.is_some();
        let ends = ends.unwrap_or(false) && vocabulary.eos.is_some();
        let json = json::tokenizer(pre, &vocabulary, opens, ends);
        let config = json::config(&vocabulary, self.text(TEMPLATE)?);
        // Strings and numbers always become JSON.
        let (Ok(json), Ok(config)) = (json, config) else {
            return Err(self.refuse_key(MODEL, "a tokenizer that becomes JSON", "another"));
        };
        Ok(Tokenizer { json, config })
    }
}
