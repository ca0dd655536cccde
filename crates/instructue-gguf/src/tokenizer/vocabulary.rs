//! Tokens, their kinds and merges, checked against each other.

use std::collections::{BTreeMap, HashMap};

use crate::{Gguf, Result, Strings};

const TOKENS: &str = "tokenizer.ggml.tokens";
const KINDS: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";

/// The numbers of `tokenizer.ggml.token_type`.
const UNKNOWN: i64 = 2;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const UNUSED: i64 = 5;

pub(super) struct Vocabulary<'a> {
    /// By id; unused ones are left out.
    pub tokens: Vec<(u32, &'a str)>,
    pub merges: Vec<(&'a str, &'a str)>,
    /// Added tokens by id: the text, and whether it is special.
    pub added: BTreeMap<u32, (&'a str, bool)>,
    pub bos: Option<(u32, &'a str)>,
    pub eos: Option<(u32, &'a str)>,
    pub pad: Option<(u32, &'a str)>,
    pub unknown: Option<(u32, &'a str)>,
}

impl<'a> Vocabulary<'a> {
    pub(super) fn read(file: &'a Gguf) -> Result<Self> {
        let expected = "an array of strings";
        let texts = file.required(TOKENS, expected, file.strings(TOKENS)?)?;
        let lines = file.required(MERGES, expected, file.strings(MERGES)?)?;
        let kinds = file.integers(KINDS)?;
        if let Some(kinds) = &kinds
            && kinds.len() != texts.len()
        {
            let expected = format!("{} entries, as many as {TOKENS}", texts.len());
            return Err(file.refuse_key(KINDS, expected, kinds.len()));
        }
        if u32::try_from(texts.len()).is_err() {
            return Err(file.refuse_key(TOKENS, "fewer than 2³² tokens", texts.len()));
        }

        let mut tokens = Vec::new();
        let mut added = BTreeMap::new();
        let mut ids = HashMap::new();
        for (id, text) in (0..).zip(texts.iter()) {
            let kind = kinds.as_ref().map_or(1, |kinds| kinds[id as usize]);
            match kind {
                UNKNOWN | CONTROL => added.insert(id, (text, true)),
                USER_DEFINED => added.insert(id, (text, false)),
                UNUSED => continue,
                _ => None,
            };
            if let Some(first) = ids.insert(text, id) {
                let found = format!("{text:?} at {first} and at {id}");
                return Err(file.refuse_key(TOKENS, "each token once", found));
            }
            tokens.push((id, text));
        }
        for (id, (text, _)) in &added {
            // An empty one would be found everywhere.
            if text.is_empty() {
                return Err(file.refuse_key(TOKENS, "a text", format!("\"\" at {id}")));
            }
        }
        let merges = merges(file, lines, &ids)?;
        let special = |name: &str| special(file, name, texts);
        let (bos, eos, pad) = (special("bos")?, special("eos")?, special("padding")?);
        let unknown = special("unknown")?;
        // What has a task is never made of text, whatever its kind says.
        for (id, text) in [bos, eos, pad].into_iter().flatten() {
            added.insert(id, (text, true));
        }
        Ok(Self {
            tokens,
            merges,
            added,
            bos,
            eos,
            pad,
            unknown,
        })
    }
}

fn merges<'a>(
    file: &Gguf,
    lines: &'a Strings,
    ids: &HashMap<&str, u32>,
) -> Result<Vec<(&'a str, &'a str)>> {
    let mut whole = String::new();
    let mut merges = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let Some((left, right)) = line.split_once(' ') else {
            let found = format!("{line:?} at {index}");
            return Err(file.refuse_key(MERGES, "two tokens with a space between", found));
        };
        whole.clear();
        whole.extend([left, right]);
        for token in [left, right, &whole] {
            if !ids.contains_key(token) {
                let found = format!("{token:?} in merge {index}");
                return Err(file.refuse_key(MERGES, "tokens of the vocabulary", found));
            }
        }
        merges.push((left, right));
    }
    Ok(merges)
}

/// The token that `tokenizer.ggml.NAME_token_id` names.
fn special<'a>(file: &Gguf, name: &str, texts: &'a Strings) -> Result<Option<(u32, &'a str)>> {
    let key = format!("tokenizer.ggml.{name}_token_id");
    let Some(id) = file.size(&key)? else {
        return Ok(None);
    };
    let token = texts.get(id).zip(u32::try_from(id).ok());
    match token {
        Some((text, id)) if !text.is_empty() => Ok(Some((id, text))),
        _ => {
            let expected = format!("the id of one of {} tokens", texts.len());
            Err(file.refuse_key(&key, expected, id))
        }
    }
}
