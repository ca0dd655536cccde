//! Unigram models (SentencePiece): pieces with scores, whose ids are their positions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::special::MOST_IDS;
use crate::error::Error;

/// The model's `type`.
pub(super) const UNIGRAM: &str = "Unigram";

/// The pieces with their ids. Of equal pieces the last counts, as in the model.
pub(super) fn vocabulary(
    file: &str,
    model: &Map<String, Value>,
) -> Result<BTreeMap<String, u32>, Error> {
    let vocab = model.get("vocab").and_then(Value::as_array);
    let vocab = vocab.ok_or_else(|| Error::tokenizer(file, "a list `model.vocab`", "none"))?;
    if vocab.len() >= MOST_IDS as usize {
        let expected = format!("fewer than {MOST_IDS} pieces in `model.vocab`");
        return Err(Error::tokenizer(file, expected, vocab.len()));
    }
    let entries = vocab.iter().zip(0..).map(|(entry, id)| {
        let piece = entry[0].as_str().filter(|_| entry[1].is_number());
        let expected = || format!("a piece and its score in `model.vocab[{id}]`");
        let piece = piece.ok_or_else(|| Error::tokenizer(file, expected(), entry));
        Ok((piece?.to_string(), id))
    });
    entries.collect()
}

/// The id of text that no piece spells. Without it such a text would have no ids at all.
pub(super) fn unknown(file: &str, model: &Map<String, Value>) -> Result<u32, Error> {
    let id = model.get("unk_id").and_then(Value::as_u64);
    let pieces = model.get("vocab").and_then(Value::as_array);
    let pieces = pieces.map_or(0, Vec::len) as u64;
    id.filter(|id| *id < pieces)
        .and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| {
            let found = model.get("unk_id").unwrap_or(&Value::Null);
            Error::tokenizer(file, format!("`model.unk_id` below {pieces}"), found)
        })
}

/// Replaces the spelling of pieces by empty texts, which no text spells. The entries stay,
/// because the position is the id and the lowest score is used for unknown texts.
pub(super) fn hide(model: &mut Map<String, Value>, hidden: &BTreeSet<&str>) {
    let pieces = model.get_mut("vocab").and_then(Value::as_array_mut);
    for entry in pieces.into_iter().flatten() {
        if entry[0]
            .as_str()
            .is_some_and(|piece| hidden.contains(piece))
        {
            entry[0] = "".into();
        }
    }
}
