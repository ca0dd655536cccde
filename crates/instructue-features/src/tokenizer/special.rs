//! Special tokens of a tokenizer: their names and the bound of ids.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Error;

/// The padding token of trained tokenizers, with id 0.
pub const PAD: &str = "<|pad|>";
/// The end mark of trained tokenizers, with id 1.
pub const END: &str = "<|end|>";

/// The names that are tried when no `tokenizer_config.json` names the tokens.
pub(super) const PAD_NAMES: [&str; 5] = [PAD, "[PAD]", "<pad>", "<|endoftext|>", "</s>"];
pub(super) const END_NAMES: [&str; 8] = [
    END,
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "</s>",
    "<eos>",
    "[SEP]",
];
/// The second name of each list is that of RoBERTa's family. It belongs to an encoder only in
/// that family: Llama's files have the same names.
pub(super) const CLS_NAMES: [&str; 2] = ["[CLS]", "<s>"];
pub(super) const SEP_NAMES: [&str; 2] = ["[SEP]", "</s>"];

/// The bound of ids. Published vocabularies have up to 262,144 entries, and a table is as long as
/// the largest id.
pub(super) const MOST_IDS: u32 = 1 << 24;

/// The names of the special tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct SpecialNames {
    pub(super) pad: Option<String>,
    pub(super) end: Option<String>,
    pub(super) cls: Option<String>,
    pub(super) sep: Option<String>,
    /// Whether BERT's tokenizer lower-cases, if the configuration says so.
    lower_case: Option<bool>,
}

impl SpecialNames {
    /// Reads a `tokenizer_config.json`.
    pub(super) fn from_config(file: &str, json: &str) -> Result<Self, Error> {
        let config: Value =
            serde_json::from_str(json).map_err(|error| Error::tokenizer(file, "JSON", error))?;
        // A token is given as its text, or as an object that describes it.
        let name = |key: &str| {
            let token = &config[key];
            let text = token.as_str().or_else(|| token["content"].as_str());
            text.map(String::from)
        };
        // Other classes use the normaliser unchanged.
        let class = config["tokenizer_class"]
            .as_str()
            .unwrap_or("BertTokenizer");
        let lower_case = match class {
            "BertTokenizer" | "BertTokenizerFast" => config["do_lower_case"].as_bool(),
            _ => None,
        };
        Ok(Self {
            lower_case,
            pad: name("pad_token"),
            end: name("eos_token"),
            cls: name("cls_token"),
            sep: name("sep_token"),
        })
    }

    /// The value of `do_lower_case` for BERT's tokenizer.
    pub(super) fn lower_case(&self) -> Option<bool> {
        self.lower_case
    }

    /// The names as a `tokenizer_config.json`; `None` when there are none.
    pub(super) fn to_config(&self) -> Option<String> {
        let names = [
            ("pad_token", &self.pad),
            ("eos_token", &self.end),
            ("cls_token", &self.cls),
            ("sep_token", &self.sep),
        ];
        let named = names
            .into_iter()
            .filter_map(|(key, name)| Some((key, name.as_deref()?)));
        let named: BTreeMap<&str, &str> = named.collect();
        (!named.is_empty()).then(|| serde_json::json!(named).to_string())
    }
}
