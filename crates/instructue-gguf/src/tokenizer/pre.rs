//! How a text is split into words before merges apply, by the name in the file.

use serde_json::{Value, json};

/// A way to split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pre {
    /// The words of GPT-2.
    Gpt2,
    /// As GPT-2, each digit by itself.
    SmolLm,
    /// Each digit by itself, letters with what precedes them; text in NFC.
    Qwen2,
    /// As Qwen2 without NFC, up to three digits together; a word that is an
    /// entry of the vocabulary is not merged.
    Llama3,
}

const QWEN2: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|\
    \x20?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const LLAMA3: &str = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|\
    \x20?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

impl Pre {
    pub(super) const NAMES: &str = "gpt-2, default, smollm, qwen2 or llama-bpe";

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "gpt-2" | "default" => Self::Gpt2,
            "smollm" => Self::SmolLm,
            "qwen2" => Self::Qwen2,
            "llama-bpe" => Self::Llama3,
            _ => return None,
        })
    }

    /// Whether texts begin with a token of their own if the file does not say.
    pub(super) fn opens_texts(self) -> bool {
        self == Self::Llama3
    }

    /// Whether a whole word is looked up before merges apply.
    pub(super) fn ignores_merges(self) -> bool {
        self == Self::Llama3
    }

    pub(super) fn normalizer(self) -> Value {
        match self {
            Self::Qwen2 => json!({"type": "NFC"}),
            _ => Value::Null,
        }
    }

    pub(super) fn pre_tokenizer(self) -> Value {
        let split = |pattern: &str| {
            json!({
                "type": "Split",
                "pattern": {"Regex": pattern},
                "behavior": "Isolated",
                "invert": false,
            })
        };
        let first = match self {
            Self::Gpt2 => return byte_level(true),
            Self::SmolLm => json!({"type": "Digits", "individual_digits": true}),
            Self::Qwen2 => split(QWEN2),
            Self::Llama3 => split(LLAMA3),
        };
        let second = byte_level(self == Self::SmolLm);
        json!({"type": "Sequence", "pretokenizers": [first, second]})
    }
}

/// Bytes as characters of their own; with the splits of GPT-2 or without any.
pub(super) fn byte_level(split: bool) -> Value {
    json!({
        "type": "ByteLevel",
        "add_prefix_space": false,
        "trim_offsets": split,
        "use_regex": split,
    })
}
