//! Lower-casing in a `tokenizer.json`.

use serde_json::{Value, json};

use crate::error::Error;

/// The same `tokenizer.json` with a BERT normaliser that lower-cases, or does not.
///
/// In transformers, `do_lower_case` of `tokenizer_config.json` decides this for BERT's tokenizer
/// class. Nothing changes if the two agree, or if the normaliser is another one.
pub(super) fn with_bert_case(file: &str, json: String, lower: bool) -> Result<String, Error> {
    let mut tokenizer: Value =
        serde_json::from_str(&json).map_err(|error| Error::tokenizer(file, "JSON", error))?;
    // A file that is no object has no normaliser. The caller refuses it later.
    let Some(normalizer) = tokenizer.get_mut("normalizer") else {
        return Ok(json);
    };
    if normalizer["type"] != "BertNormalizer" || normalizer["lowercase"] == lower {
        return Ok(json);
    }
    normalizer["lowercase"] = lower.into();
    Ok(tokenizer.to_string())
}

/// The same `tokenizer.json` with lower-casing before its own normaliser.
pub(super) fn lower_cased(file: &str, json: &str) -> Result<String, Error> {
    let mut tokenizer: Value =
        serde_json::from_str(json).map_err(|error| Error::tokenizer(file, "JSON", error))?;
    let own = tokenizer["normalizer"].take();
    let mut steps = match own["normalizers"].as_array() {
        Some(steps) => steps.clone(),
        None if own.is_null() => Vec::new(),
        None => vec![own],
    };
    let lower = json!({"type": "Lowercase"});
    if !steps.contains(&lower) {
        steps.insert(0, lower);
    }
    tokenizer["normalizer"] = json!({"type": "Sequence", "normalizers": steps});
    Ok(tokenizer.to_string())
}
