//! Texts that try to become special tokens, and tokenizer files of other programs.

use std::str::FromStr;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::*;

const TEXTS: [&str; 8] = [
    "Milk and bread | Corner Shop | 12.5",
    "Milk and tea | Corner Shop | 3",
    "the user's bill: payments, purchases and searches",
    "What will this user buy next month? Most likely milk, then bread.",
    "search engines and news | pad and end, user and bill",
    "Größe: 42 — été, naïve café",
    "数码产品 | 手机 | 手机壳",
    "end end end pad pad pad USER USER bill bill",
];

fn trained() -> TextTokenizer {
    // Each text occurs twice, because a merge needs two occurrences.
    let texts = TEXTS.iter().chain(&TEXTS).map(|text| text.to_string());
    TextTokenizer::train(texts, 600).unwrap()
}

fn added(id: u32, content: &str, special: bool) -> Value {
    json!({
        "id": id, "content": content, "special": special, "normalized": false,
        "single_word": false, "lstrip": true, "rstrip": true,
    })
}

/// A BERT file. If `split` is false, white space alone splits words, so that a text can hold
/// `[SEP]` as a word, which is an entry of the vocabulary.
fn word_piece(split: bool) -> TextTokenizer {
    let entries = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[", "]", "<", ">", "/", "|", "sep", "cls",
        "bill", "milk", "##s", "pad", "user", "##bill",
    ];
    let vocab: serde_json::Map<String, Value> = entries
        .iter()
        .enumerate()
        .map(|(id, token)| (token.to_string(), json!(id)))
        .collect();
    let pre_tokenizer = if split {
        "BertPreTokenizer"
    } else {
        "WhitespaceSplit"
    };
    let json = json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [
            added(0, "[PAD]", true), added(1, "[UNK]", true), added(2, "[CLS]", true),
            added(3, "[SEP]", true), added(4, "[MASK]", true), added(30, "</bill>", false),
        ],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": split},
        "pre_tokenizer": {"type": pre_tokenizer},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab},
    });
    TextTokenizer::from_json("bert", json.to_string(), SpecialNames::default()).unwrap()
}

/// The trained tokenizer with additional added tokens, as in a chat model. Some of them are in
/// the vocabulary, and merges lead to one.
fn chat() -> TextTokenizer {
    let mut json: Value = serde_json::from_str(&trained().0.json).unwrap();
    json["normalizer"] = Value::Null;
    json["decoder"] = json["decoder"]["decoders"][0].take();
    let size = trained().vocab_size() as u64;
    let tokens = [
        ("<|im_end|>", true),
        ("<|endoftext|>", true),
        ("</bill>", false),
        ("<USER>", false),
        ("[SEP]", false),
        ("[CLS]", true),
    ];
    let list = json["added_tokens"].as_array_mut().unwrap();
    for (id, (content, special)) in (size as u32..).zip(tokens) {
        list.push(added(id, content, special));
    }
    json["model"]["vocab"]["<USER>"] = json!(size + 3);
    let no_splits = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    json["pre_tokenizer"] = no_splits;
    // "<" + "USER>" is reached by merges, and by a vocabulary lookup of the whole word.
    let spelled = ["<U", "<US", "<USE", "<USER", "<USER>"];
    for (at, token) in spelled.iter().enumerate() {
        if at < 4 {
            json["model"]["vocab"][token] = json!(size + 10 + at as u64);
        }
        let (left, right) = token.split_at(token.len() - 1);
        json["model"]["merges"]
            .as_array_mut()
            .unwrap()
            .insert(at, json!([left, right]));
    }
    json["model"]["ignore_merges"] = json!(true);
    TextTokenizer::from_json("chat", json.to_string(), SpecialNames::default()).unwrap()
}

fn spliced() -> impl Strategy<Value = String> {
    let specials = [
        "[SEP]",
        "[CLS]",
        "[PAD]",
        "[MASK]",
        "</bill>",
        "<bill>",
        "<USER>",
        "<|pad|>",
        "<|end|>",
        "<|im_end|>",
        "<|endoftext|>",
        " ",
        "|",
        "\n",
        "milks",
    ];
    let part = prop_oneof![
        prop::sample::select(specials.to_vec()).prop_map(String::from),
        any::<String>()
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_text_becomes_a_reserved_id(text in spliced()) {
        let all = [trained(), chat(), word_piece(true), word_piece(false)];
        for (at, tokenizer) in all.iter().enumerate() {
            let ids = tokenizer.encode(&DataText::new(text.as_str()));
            let reserved = tokenizer.reserved_ids();
            prop_assert!(ids.iter().all(|id| !reserved.contains(id)), "{}: {:?}", at, ids);
            prop_assert!(ids.iter().all(|id| (*id as usize) < tokenizer.vocab_size()));
            // Byte-level tokenizers lose nothing, except that the trained one loses upper case
            // and adds a space in front.
            let lower: String = text.chars().flat_map(char::to_lowercase).collect();
            match at {
                0 => prop_assert_eq!(tokenizer.decode(&ids), lower.strip_prefix(' ').unwrap_or(&lower)),
                1 => prop_assert_eq!(tokenizer.decode(&ids), text.as_str()),
                _ => {}
            }
        }
    }

    #[test]
    fn limited_encoding_is_a_prefix(text in spliced(), limit in 0_usize..12) {
        let tokenizer = trained();
        let text = DataText::new(text);
        let whole = tokenizer.encode(&text);
        let start = &whole[..limit.min(whole.len())];
        prop_assert_eq!(tokenizer.encode_limited(&text, limit), start);
    }

    /// Without special tokens the text is encoded as the original file says.
    #[test]
    fn ordinary_text_is_encoded_as_the_file_says(text in "[a-zA-Z0-9 éß手机.,'\n]{0,40}") {
        let ours = trained();
        let original = tokenizers::Tokenizer::from_str(&ours.0.json).unwrap();
        let expected = original.encode(text.as_str(), false).unwrap();
        prop_assert_eq!(ours.encode(&DataText::new(text)), expected.get_ids());
    }
}

#[test]
fn the_file_itself_would_find_special_tokens() {
    // The property above protects from this.
    let chat = chat();
    let original = tokenizers::Tokenizer::from_str(&chat.0.json).unwrap();
    let ids = original.encode("a<|im_end|>", false).unwrap();
    assert!(
        ids.get_ids()
            .iter()
            .any(|id| chat.reserved_ids().contains(id))
    );
    // Even without added tokens, merges would lead to one of them.
    let mut json: Value = serde_json::from_str(&chat.0.json).unwrap();
    json["added_tokens"] = json!([]);
    let merged = tokenizers::Tokenizer::from_str(&json.to_string()).unwrap();
    let ids = merged.encode("a<USER>", false).unwrap();
    assert!(
        ids.get_ids()
            .iter()
            .any(|id| chat.reserved_ids().contains(id))
    );
}

#[test]
fn trained_ids_are_laid_out_as_promised() {
    let tokenizer = trained();
    assert_eq!((tokenizer.pad_id(), tokenizer.end_id()), (0, 1));
    assert_eq!((tokenizer.cls_id(), tokenizer.sep_id()), (None, None));
    assert_eq!(
        tokenizer.reserved_ids().iter().copied().collect::<Vec<_>>(),
        [0, 1]
    );
    assert!((258..=600).contains(&tokenizer.vocab_size()));
    // The text has all bytes. Nothing is lost but upper case.
    let all: String = (0..128_u8).map(char::from).collect();
    let ids = tokenizer.encode(&DataText::new(all.as_str()));
    assert_eq!(tokenizer.decode(&ids), all.to_lowercase());
    let of = |text: &str| tokenizer.encode(&DataText::new(text));
    assert_eq!(of("DOG FOODS"), of("dog foods"));
    assert_eq!(of("x dog")[of("x").len()..], of("Dog"));
    // The tokenizer has learned merges.
    let text = DataText::new(TEXTS[0]);
    assert!(tokenizer.encode(&text).len() < text.as_str().len() / 2);
    assert_eq!(tokenizer.decode(&[0, 1]), "");
}

#[test]
fn training_depends_on_the_texts_and_not_on_their_order() {
    let train = |texts: Vec<&str>| {
        TextTokenizer::train(texts.into_iter().map(String::from), 400)
            .unwrap()
            .0
            .json
            .clone()
    };
    let forth: Vec<_> = TEXTS.iter().chain(&TEXTS).copied().collect();
    let back: Vec<_> = forth.iter().rev().copied().collect();
    assert_eq!(train(forth.clone()), train(back));
    assert_ne!(train(forth), train(TEXTS[..4].repeat(2)));
}

#[test]
fn training_agrees_with_the_trainer_of_tokenizers() {
    let texts: Vec<_> = TEXTS
        .iter()
        .chain(&TEXTS)
        .map(|text| text.to_string())
        .collect();
    let special = |text: &str| tokenizers::AddedToken::from(text, true);
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .vocab_size(600)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(vec![special(PAD), special(END)])
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build()
        .into();
    let mut theirs = tokenizers::Tokenizer::new(BPE::default());
    theirs
        .with_normalizer(Some(tokenizers::normalizers::utils::Lowercase))
        .unwrap();
    theirs.with_pre_tokenizer(Some(ByteLevel::new(true, true, true)));
    theirs.train(&mut trainer, texts.iter()).unwrap();
    let theirs: Value = serde_json::from_str(&theirs.to_string(false).unwrap()).unwrap();
    let ours: Value = serde_json::from_str(&trained().0.json).unwrap();
    assert!(ours["model"]["merges"].as_array().unwrap().len() > 100);
    assert_eq!(ours["model"]["merges"], theirs["model"]["merges"]);
    assert_eq!(ours["model"]["vocab"], theirs["model"]["vocab"]);
}

#[test]
fn a_vocabulary_without_room_for_the_bytes_is_refused() {
    let error = TextTokenizer::train(std::iter::empty(), 257)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "trained tokenizer: expected a vocabulary of at least 258, found 257"
    );
    let smallest = TextTokenizer::train(std::iter::empty(), 258).unwrap();
    // There is a space before the first word, then the bytes.
    assert_eq!(smallest.encode(&DataText::new("né")).len(), 4);
}

#[test]
fn marks_stand_around_a_text_that_is_cut() {
    let tokenizer = word_piece(true);
    let text = DataText::new("milk [CLS] milk [SEP]");
    let whole = tokenizer.encode(&text);
    for limit in 0..14 {
        let ids = tokenizer.encode_marked(&text, limit);
        let kept = limit.saturating_sub(2).clamp(1, whole.len());
        assert_eq!(ids[0], 2);
        assert_eq!(ids[1..=kept], whole[..kept]);
        assert_eq!(ids[kept + 1..], [3]);
    }
    assert_eq!(tokenizer.encode_marked(&DataText::new(""), 9), [2, 3]);
    // A tokenizer that belongs to no encoder adds no special tokens.
    let plain = trained();
    assert_eq!(plain.encode_marked(&text, 99), plain.encode(&text));
}

#[test]
fn post_processors_say_what_the_marks_are() {
    let marks = |processor: Value| {
        let mut json: Value = serde_json::from_str(&word_piece(true).0.json).unwrap();
        json["post_processor"] = processor;
        let made = TextTokenizer::from_json("bert", json.to_string(), SpecialNames::default());
        made.map(|made| made.encode_marked(&DataText::new("milk"), 9))
            .map_err(|error| error.to_string())
    };
    assert_eq!(marks(Value::Null).unwrap(), [2, 14, 3]);
    let roberta = json!({"type": "RobertaProcessing", "cls": ["[MASK]", 4], "sep": ["[SEP]", 3]});
    assert_eq!(marks(roberta.clone()).unwrap(), [4, 14, 3]);
    let several = json!({"type": "Sequence", "processors": [{"type": "ByteLevel"}, roberta]});
    assert_eq!(marks(several).unwrap(), [4, 14, 3]);
    let special = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    let template = |single: Value| {
        json!({"type": "TemplateProcessing", "single": single, "special_tokens": {
            "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
            "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
        }})
    };
    let [cls, sep] = ["[CLS]", "[SEP]"].map(special);
    let twice = template(json!([cls, cls, text, sep]));
    assert_eq!(marks(twice).unwrap(), [2, 2, 14, 3]);
    let before = template(json!([cls, text]));
    assert_eq!(marks(before).unwrap(), [2, 14]);
    let bad = [
        template(json!([cls, sep])),
        template(json!([special("[NONE]"), text])),
        json!({"type": "BertProcessing", "cls": ["[CLS]"], "sep": ["[SEP]", 3]}),
        json!({"type": "BertProcessing", "cls": ["[CLS]", 77], "sep": ["[SEP]", 3]}),
    ];
    for processor in bad {
        let error = marks(processor).unwrap_err();
        assert!(error.contains("post_processor"), "{error}");
    }
}

#[test]
fn bert_files_give_their_own_ids() {
    let tokenizer = word_piece(true);
    assert_eq!((tokenizer.cls_id(), tokenizer.sep_id()), (Some(2), Some(3)));
    assert_eq!((tokenizer.pad_id(), tokenizer.end_id()), (0, 3));
    // An added token may lie beyond the table, because no text becomes it.
    assert_eq!((tokenizer.vocab_size(), tokenizer.rows()), (31, 19));
    assert!(
        !tokenizer.reserved_ids().contains(&1),
        "unknown words are ordinary"
    );
    // There are no [CLS] and [SEP] around it, no padding and no truncation.
    let ids = tokenizer.encode(&DataText::new("Milks [SEP] strange </bill>"));
    assert_eq!(ids, [14, 15, 5, 11, 6, 1, 7, 9, 13, 8]);
    assert_eq!(tokenizer.encode_template("milk"), [14]);
    assert_eq!(
        word_piece(false).encode(&DataText::new("milk [SEP] [MASK]")),
        [14, 1, 1]
    );
}

#[test]
fn very_long_texts_are_cut_first() {
    let tokenizer = trained();
    for part in ["a", " ", "手", "</bill>", "\u{301}", "milk and "] {
        let text = DataText::new(part.repeat(1_000_000 / part.len()));
        let ids = tokenizer.encode_limited(&text, 24);
        assert!(
            !ids.is_empty() && ids.len() <= 24,
            "{part:?}: {}",
            ids.len()
        );
    }
    assert!(
        tokenizer
            .encode_limited(&DataText::new("milk"), 0)
            .is_empty()
    );
}

#[test]
fn files_are_saved_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    let tokenizer = trained();
    tokenizer.save(&path).unwrap();
    let restored = TextTokenizer::from_file(&path).unwrap();
    assert_eq!(restored.0.json, tokenizer.0.json);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    // The special tokens of a chat model are named in a second file.
    let config = folder.path().join("tokenizer_config.json");
    let names = r#"{"pad_token": {"content": "<|endoftext|>"}, "eos_token": "<|im_end|>"}"#;
    std::fs::write(&config, names).unwrap();
    std::fs::write(&path, &chat().0.json).unwrap();
    let named = TextTokenizer::from_file(&path).unwrap();
    let size = trained().vocab_size() as u32;
    assert_eq!((named.pad_id(), named.end_id()), (size + 1, size));
    let elsewhere = folder.path().join("copy");
    std::fs::create_dir(&elsewhere).unwrap();
    named.save(&elsewhere.join("tokenizer.json")).unwrap();
    let copy = TextTokenizer::from_file(&elsewhere.join("tokenizer.json")).unwrap();
    assert_eq!((copy.pad_id(), copy.end_id()), (size + 1, size));
    assert_eq!(copy.reserved_ids(), named.reserved_ids());
}

#[test]
fn what_is_no_tokenizer_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let missing = TextTokenizer::from_file(&folder.path().join("none.json")).unwrap_err();
    assert!(matches!(missing, Error::File(_)), "{missing}");

    let model = |model: Value| json!({"added_tokens": [], "model": model}).to_string();
    let word_piece =
        |vocab: Value| json!({"type": "WordPiece", "unk_token": "[UNK]", "vocab": vocab});
    let cases = [
        ("not json".into(), "file: expected a JSON object, found"),
        ("[]".into(), "file: expected a JSON object, found"),
        ("{}".into(), "file: expected an object `model`, found none"),
        (
            model(json!({"type": "Unigram"})),
            "expected a list `model.vocab`, found none",
        ),
        (
            model(json!({"type": "BPE"})),
            "expected an object `model.vocab`, found none",
        ),
        (
            model(word_piece(json!({"a": -1}))),
            "expected an id below 16777216 for `model.vocab.a`, found -1",
        ),
        (
            model(word_piece(json!({"[UNK]": 0}))),
            "expected a token that pads texts, such as",
        ),
        (
            model(word_piece(json!({"[PAD]": 0}))),
            "expected a token that ends texts, such as",
        ),
        (
            model(word_piece(json!({"[PAD]": 0, "[SEP]": 1}))),
            "expected `model.unk_token` in the vocabulary, found [UNK]",
        ),
        (
            model(json!({"type": "BPE", "vocab": {"<pad>": 0, "</s>": 1}, "merges": ["a b"]})),
            "expected a Hugging Face tokenizer, found",
        ),
        (
            json!({"added_tokens": [{"content": "x"}], "model": {}}).to_string(),
            "expected `content` and an `id` below 16777216 in each of `added_tokens`, found",
        ),
    ];
    for (json, expected) in cases {
        let error = TextTokenizer::from_json("file", json, SpecialNames::default()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_file_that_is_no_object_is_refused_where_its_config_says_lower_case_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokenizer.json");
    let config = r#"{"tokenizer_class": "BertTokenizer", "do_lower_case": true}"#;
    std::fs::write(folder.path().join("tokenizer_config.json"), config).unwrap();
    for text in ["[]", "3", "\"text\"", "{}", "null"] {
        std::fs::write(&file, text).unwrap();
        let error = TextTokenizer::from_file(&file).unwrap_err().to_string();
        assert!(
            error.contains("tokenizer.json: expected"),
            "{text}: {error}"
        );
    }
}

/// Texts of 20 users: all have shops, nine a number and a name, ten a street.
fn texts_of_users() -> Vec<(u64, String)> {
    let mut texts = Vec::new();
    for user in 0..20 {
        texts.push((user, format!("groceries from the corner shop {}", user % 3)));
        if user < 9 {
            // The text is frequent, but only one user has it.
            let secret = "Quillfeather 5550198765".to_string();
            texts.extend(std::iter::repeat_n((user, secret), 50));
        }
        if user >= 10 {
            texts.push((user, "Elmgrove".to_string()));
        }
    }
    texts
}

fn has(tokenizer: &TextTokenizer, piece: &str) -> bool {
    tokenizer.json().contains(piece)
}

#[test]
fn words_of_few_users_make_no_entries() {
    let train =
        |min_users| TextTokenizer::train_on_users(texts_of_users().into_iter(), 4096, min_users);
    let tokenizer = train(10).unwrap();
    assert!(has(&tokenizer, "groceries") && has(&tokenizer, "elmgrove"));
    for piece in ["quill", "feather", "llf", "5550", "8765", "0198", "555"] {
        assert!(!has(&tokenizer, piece), "{piece}");
    }
    let all = train(1).unwrap();
    assert!(has(&all, "quillfeather") && has(&all, "5550198765"));
    let nine = train(9).unwrap();
    assert!(has(&nine, "quillfeather"), "nine users are enough for nine");
    // A word without an entry of its own is spelled, and decoded without loss.
    let text = DataText::new("quillfeather 5550198765");
    assert_eq!(tokenizer.decode(&tokenizer.encode(&text)), text.as_str());
    // An order of texts that mixes users changes nothing.
    let mut mixed = texts_of_users();
    mixed.rotate_left(333);
    mixed.reverse();
    let mixed = TextTokenizer::train_on_users(mixed.into_iter(), 4096, 10).unwrap();
    assert_eq!(mixed, tokenizer);
}
