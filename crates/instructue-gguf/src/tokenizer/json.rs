//! The JSON of a Hugging Face tokenizer, made of the metadata.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::pre::{Pre, byte_level};
use super::vocabulary::Vocabulary;

/// The keys of `tokenizer.json`, in the usual order.
#[derive(serde::Serialize)]
struct File<'a> {
    version: &'static str,
    truncation: Value,
    padding: Value,
    added_tokens: Vec<Value>,
    normalizer: Value,
    pre_tokenizer: Value,
    post_processor: Value,
    decoder: Value,
    model: Model<'a>,
}

#[derive(serde::Serialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    dropout: Value,
    unk_token: Value,
    continuing_subword_prefix: Value,
    end_of_word_suffix: Value,
    fuse_unk: bool,
    byte_fallback: bool,
    ignore_merges: bool,
    vocab: Vocab<'a>,
    merges: &'a [(&'a str, &'a str)],
}

/// Token to id, without a map in between: there are a few hundred thousand.
struct Vocab<'a>(&'a [(u32, &'a str)]);

impl Serialize for Vocab<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, text) in self.0 {
            map.serialize_entry(text, id)?;
        }
        map.end()
    }
}

pub(super) fn tokenizer(
    pre: Pre,
    vocabulary: &Vocabulary<'_>,
    opens: bool,
    ends: bool,
) -> serde_json::Result<String> {
    let added = vocabulary.added.iter().map(|(id, (text, special))| {
        json!({
            "id": id,
            "content": text,
            "single_word": false,
            "lstrip": false,
            "rstrip": false,
            "normalized": false,
            "special": special,
        })
    });
    let bos = vocabulary.bos.filter(|_| opens);
    let eos = vocabulary.eos.filter(|_| ends);
    serde_json::to_string(&File {
        version: "1.0",
        truncation: Value::Null,
        padding: Value::Null,
        added_tokens: added.collect(),
        normalizer: pre.normalizer(),
        pre_tokenizer: pre.pre_tokenizer(),
        post_processor: post_processor(bos, eos),
        decoder: byte_level(true),
        model: Model {
            kind: "BPE",
            dropout: Value::Null,
            unk_token: Value::Null,
            continuing_subword_prefix: Value::Null,
            end_of_word_suffix: Value::Null,
            fuse_unk: false,
            byte_fallback: false,
            ignore_merges: pre.ignores_merges(),
            vocab: Vocab(&vocabulary.tokens),
            merges: &vocabulary.merges,
        },
    })
}

/// Places the tokens that open and end a text.
fn post_processor(bos: Option<(u32, &str)>, eos: Option<(u32, &str)>) -> Value {
    if bos.is_none() && eos.is_none() {
        return byte_level(true);
    }
    let around = |sequences: &[&str]| {
        let mut pieces = Vec::new();
        for (number, sequence) in sequences.iter().enumerate() {
            let token =
                |(_, text): (u32, &str)| json!({"SpecialToken": {"id": text, "type_id": number}});
            pieces.extend(bos.map(token));
            pieces.push(json!({"Sequence": {"id": sequence, "type_id": number}}));
            pieces.extend(eos.map(token));
        }
        Value::Array(pieces)
    };
    let special = [bos, eos].into_iter().flatten().map(|(id, text)| {
        let value = json!({"id": text, "ids": [id], "tokens": [text]});
        (text.to_owned(), value)
    });
    json!({
        "type": "TemplateProcessing",
        "single": around(&["A"]),
        "pair": around(&["A", "B"]),
        "special_tokens": special.collect::<Map<_, _>>(),
    })
}

/// `tokenizer_config.json`.
pub(super) fn config(
    vocabulary: &Vocabulary<'_>,
    template: Option<&str>,
) -> serde_json::Result<String> {
    let entries = [
        ("bos_token", vocabulary.bos.map(|(_, text)| text)),
        ("eos_token", vocabulary.eos.map(|(_, text)| text)),
        ("pad_token", vocabulary.pad.map(|(_, text)| text)),
        ("unk_token", vocabulary.unknown.map(|(_, text)| text)),
        ("chat_template", template),
        ("tokenizer_class", Some("PreTrainedTokenizerFast")),
    ];
    let entries = entries
        .into_iter()
        .filter_map(|(key, text)| Some((key.to_owned(), text?.into())));
    serde_json::to_string_pretty(&entries.collect::<Map<String, Value>>())
}
