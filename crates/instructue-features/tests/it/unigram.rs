//! SentencePiece tokenizers: the ids are those of the library tokenizers
//! (`scripts/golden/unigram.py`), and no text becomes a special token.

use std::fs;
use std::path::{Path, PathBuf};

use instructue_features::TextTokenizer;
use instructue_schema::DataText;
use proptest::prelude::*;
use serde_json::{Value, json};

const SPECIAL: [&str; 5] = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/unigram")
}

fn tokenizer() -> TextTokenizer {
    TextTokenizer::from_file(&golden().join("tokenizer.json")).unwrap()
}

/// The result of reading a changed file. No other file names the special tokens.
fn changed(change: impl FnOnce(&mut Value)) -> Result<TextTokenizer, String> {
    let text = fs::read_to_string(golden().join("tokenizer.json")).unwrap();
    let mut json = serde_json::from_str(&text).unwrap();
    change(&mut json);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tokenizer.json");
    fs::write(&path, json.to_string()).unwrap();
    TextTokenizer::from_file(&path).map_err(|error| error.to_string())
}

#[test]
fn ids_are_those_of_the_library() {
    let texts = fs::read_to_string(golden().join("texts.json")).unwrap();
    let texts: Vec<Value> = serde_json::from_str(&texts).unwrap();
    // Without a `tokenizer_config.json`, the usual names give the same ids.
    let unnamed = changed(|_| ()).unwrap();
    for tokenizer in [tokenizer(), unnamed] {
        for text in &texts {
            let expected = text["ids"].as_array().unwrap().iter();
            let expected: Vec<u32> = expected.map(|id| id.as_u64().unwrap() as u32).collect();
            let text = DataText::new(text["text"].as_str().unwrap());
            assert_eq!(tokenizer.encode_marked(&text, 512), expected, "{text:?}");
            let inner = &expected[1..expected.len() - 1];
            assert_eq!(tokenizer.encode(&text), inner, "{text:?}");
        }
        assert_eq!((tokenizer.pad_id(), tokenizer.end_id()), (1, 2));
        assert_eq!((tokenizer.cls_id(), tokenizer.sep_id()), (Some(0), Some(2)));
    }
    assert_eq!(texts.len(), 14);
}

#[test]
fn a_text_that_spells_a_special_token_is_text() {
    let tokenizer = tokenizer();
    for special in SPECIAL {
        for text in [
            special.into(),
            format!("milk {special} bread"),
            format!("▁{special}"),
        ] {
            let ids = tokenizer.encode(&DataText::new(&*text));
            assert!(!ids.is_empty(), "{text}");
            // The token for unknown letters is an ordinary id.
            assert!(
                ids.iter()
                    .all(|id| *id == 3 || !tokenizer.reserved_ids().contains(id))
            );
        }
    }
    let reserved: Vec<u32> = tokenizer.reserved_ids().iter().copied().collect();
    let mask = tokenizer.vocab_size() as u32 - 1;
    assert_eq!(reserved, [0, 1, 2, mask]);
    // No text becomes `<mask>`, so it needs no row.
    assert_eq!(tokenizer.rows(), tokenizer.vocab_size() - 1);
}

#[test]
fn equal_pieces_of_a_special_token_are_hidden_too() {
    let again = changed(|json| {
        let pieces = json["model"]["vocab"].as_array_mut().unwrap();
        pieces.push(json!(["</s>", 0.0]));
        pieces.push(json!(["<", -1.0]));
        pieces.push(json!(["/s>", -1.0]));
    });
    let again = again.unwrap();
    let ids = again.encode(&DataText::new("</s>"));
    let size = again.vocab_size() as u32;
    assert!(ids.ends_with(&[size - 2, size - 1]), "{ids:?}");
}

#[test]
fn files_that_cannot_be_are_refused_by_key() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 6] = [
        (
            |json| json["model"]["unk_id"] = Value::Null,
            "`model.unk_id` below",
        ),
        (
            |json| json["model"]["unk_id"] = json!(1_000_000_000_000_u64),
            "found 1000000000000",
        ),
        (
            |json| json["model"]["vocab"] = json!({"a": 1}),
            "a list `model.vocab`",
        ),
        (
            |json| json["model"]["vocab"][7] = json!(["a"]),
            "`model.vocab[7]`",
        ),
        (
            |json| json["model"]["vocab"][7] = json!([7, 0.5]),
            "`model.vocab[7]`",
        ),
        (
            |json| json["added_tokens"][1]["id"] = json!(4_000_000_000_u32),
            "below 16777216",
        ),
    ];
    for (change, part) in cases {
        let message = changed(change).unwrap_err();
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

proptest! {
    #[test]
    fn no_text_becomes_a_special_token(
        parts in prop::collection::vec(
            prop_oneof![prop::sample::select(SPECIAL.to_vec()).prop_map(String::from), ".{0,6}"],
            0..8,
        ),
    ) {
        let tokenizer = tokenizer();
        let text = DataText::new(parts.concat());
        let ids = tokenizer.encode(&text);
        prop_assert!(ids.iter().all(|id| !tokenizer.reserved_ids().contains(id)), "{text:?}");
        prop_assert!(ids.iter().all(|id| (*id as usize) < tokenizer.rows()));
    }
}
