//! Removal of a `tokenizer.json`'s special tokens, so that no text can become one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::post_processor::PostProcessor;
use super::special::{CLS_NAMES, END_NAMES, MOST_IDS, PAD_NAMES, SEP_NAMES, SpecialNames};
use super::unigram::{self, UNIGRAM};
use crate::error::Error;

/// The results of [`strip`].
pub(super) struct Parts {
    /// The tokenizer without reserved tokens, post-processor, truncation and padding.
    pub(super) plain: tokenizers::Tokenizer,
    pub(super) reserved: BTreeSet<u32>,
    pub(super) vocab_size: usize,
    pub(super) rows: usize,
    pub(super) pad: u32,
    pub(super) end: u32,
    pub(super) cls: Option<u32>,
    pub(super) sep: Option<u32>,
    pub(super) post_processor: PostProcessor,
}

/// Removes the reserved tokens from a `tokenizer.json`.
pub(super) fn strip(file: &str, json: &str, names: &SpecialNames) -> Result<Parts, Error> {
    let mut tokenizer: Map<String, Value> = serde_json::from_str(json)
        .map_err(|error| Error::tokenizer(file, "a JSON object", error))?;
    let added = added_tokens(file, &tokenizer)?;
    let processor = tokenizer.remove("post_processor").unwrap_or_default();
    let model = tokenizer.get_mut("model").and_then(Value::as_object_mut);
    let model = model.ok_or_else(|| Error::tokenizer(file, "an object `model`", "none"))?;
    let kind = model
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("none")
        .to_string();
    if !["BPE", "WordPiece", "WordLevel", UNIGRAM].contains(&kind.as_str()) {
        let expected = "`model.type` BPE, WordPiece, WordLevel or Unigram";
        return Err(Error::tokenizer(file, expected, kind));
    }
    let vocab = match kind.as_str() {
        UNIGRAM => unigram::vocabulary(file, model)?,
        _ => vocabulary(file, model)?,
    };

    let find = |name: &str| added.get(name).or_else(|| vocab.get(name)).copied();
    let find_any = |name: &Option<String>, usual: &[&str]| {
        let given = name.as_deref().and_then(find);
        given.or_else(|| usual.iter().find_map(|name| find(name)))
    };
    let need = |id: Option<u32>, what: &str, usual: &[&str]| {
        let expected = || format!("a token that {what}, such as {}", usual.join(" or "));
        id.ok_or_else(|| Error::tokenizer(file, expected(), "none"))
    };
    let pad = need(find_any(&names.pad, &PAD_NAMES), "pads texts", &PAD_NAMES)?;
    let end = need(find_any(&names.end, &END_NAMES), "ends texts", &END_NAMES)?;
    let family = match kind == UNIGRAM || processor["type"] == "RobertaProcessing" {
        true => 2,
        false => 1,
    };
    let cls = find_any(&names.cls, &CLS_NAMES[..family]);
    let sep = find_any(&names.sep, &SEP_NAMES[..family]);
    let post_processor = PostProcessor::read(file, &processor, cls, sep)?;
    let named = [Some(pad), Some(end), cls, sep].into_iter().flatten();
    let with_task: BTreeSet<u32> = named.chain(post_processor.ids()).collect();
    let mut reserved: BTreeSet<u32> = added
        .values()
        .copied()
        .chain(with_task.iter().copied())
        .collect();

    // The token for unknown words is an ordinary id of text, unless it is a special token too.
    let unknown_name = model
        .get("unk_token")
        .and_then(Value::as_str)
        .map(String::from);
    let unknown = match kind.as_str() {
        UNIGRAM => Some(unigram::unknown(file, model)?),
        _ => unknown_name.as_deref().and_then(find),
    };
    if kind == "BPE" {
        if unknown.is_some_and(|id| with_task.contains(&id)) {
            model.insert("unk_token".into(), Value::Null);
        }
        // Random merges are meant for the training of a language model.
        model.insert("dropout".into(), Value::Null);
    } else if kind != UNIGRAM
        && !unknown_name
            .as_ref()
            .is_some_and(|name| vocab.contains_key(name))
    {
        let found = unknown_name.unwrap_or_else(|| "none".into());
        return Err(Error::tokenizer(
            file,
            "`model.unk_token` in the vocabulary",
            found,
        ));
    }
    if let Some(id) = unknown.filter(|id| !with_task.contains(id)) {
        reserved.remove(&id);
    }

    let largest = vocab
        .values()
        .chain(added.values())
        .max()
        .copied()
        .unwrap_or(0);
    if let Some(id) = post_processor.ids().find(|id| *id > largest) {
        return Err(Error::tokenizer(file, "known ids in `post_processor`", id));
    }
    let hidden: BTreeSet<&str> = vocab
        .iter()
        .chain(&added)
        .filter(|(_, id)| reserved.contains(id) && Some(**id) != unknown)
        .map(|(token, _)| token.as_str())
        .collect();
    match kind.as_str() {
        UNIGRAM => unigram::hide(model, &hidden),
        _ => hide(model, &hidden),
    }
    // The ids that a text can become, or that are put at its ends.
    let given = vocab.values().copied().filter(|id| !reserved.contains(id));
    let rows = given
        .chain([Some(end), cls, sep].into_iter().flatten())
        .chain(post_processor.ids())
        .max()
        .map_or(0, |id| id as usize + 1);

    tokenizer.insert("added_tokens".into(), Value::Array(Vec::new()));
    for ignored in ["truncation", "padding"] {
        tokenizer.insert(ignored.into(), Value::Null);
    }
    let plain =
        serde_json::to_vec(&tokenizer).map_err(|error| Error::tokenizer(file, "JSON", error))?;
    let plain = tokenizers::Tokenizer::from_bytes(plain)
        .map_err(|error| Error::tokenizer(file, "a Hugging Face tokenizer", error))?;
    Ok(Parts {
        plain,
        reserved,
        vocab_size: largest as usize + 1,
        rows,
        pad,
        end,
        cls,
        sep,
        post_processor,
    })
}

/// The added tokens with their ids.
fn added_tokens(
    file: &str,
    tokenizer: &Map<String, Value>,
) -> Result<BTreeMap<String, u32>, Error> {
    let tokens = tokenizer.get("added_tokens").and_then(Value::as_array);
    let tokens = tokens.into_iter().flatten().map(|token| {
        let content = token["content"].as_str();
        let id = token["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        let expected =
            || format!("`content` and an `id` below {MOST_IDS} in each of `added_tokens`");
        content
            .zip(id.filter(|id| *id < MOST_IDS))
            .map(|(content, id)| (content.to_string(), id))
            .ok_or_else(|| Error::tokenizer(file, expected(), token))
    });
    tokens.collect()
}

/// The model's entries with their ids.
fn vocabulary(file: &str, model: &Map<String, Value>) -> Result<BTreeMap<String, u32>, Error> {
    let vocab = model.get("vocab").and_then(Value::as_object);
    let vocab = vocab.ok_or_else(|| Error::tokenizer(file, "an object `model.vocab`", "none"))?;
    let entries = vocab.iter().map(|(token, id)| {
        let number = id.as_u64().and_then(|id| u32::try_from(id).ok());
        let number = number.filter(|id| *id < MOST_IDS);
        number.map(|number| (token.clone(), number)).ok_or_else(|| {
            Error::tokenizer(
                file,
                format!("an id below {MOST_IDS} for `model.vocab.{token}`"),
                id,
            )
        })
    });
    entries.collect()
}

/// Removes entries from the model's vocabulary, and the merges that make or use them.
fn hide(model: &mut Map<String, Value>, hidden: &BTreeSet<&str>) {
    if let Some(vocab) = model.get_mut("vocab").and_then(Value::as_object_mut) {
        vocab.retain(|token, _| !hidden.contains(token.as_str()));
    }
    if let Some(merges) = model.get_mut("merges").and_then(Value::as_array_mut) {
        merges.retain(|merge| {
            // A merge is "left right" or ["left", "right"].
            let (left, right) = match merge.as_str() {
                Some(line) => line.split_once(' ').unwrap_or((line, "")),
                None => (
                    merge[0].as_str().unwrap_or_default(),
                    merge[1].as_str().unwrap_or_default(),
                ),
            };
            ![left, right, &format!("{left}{right}")]
                .iter()
                .any(|token| hidden.contains(token))
        });
    }
}
