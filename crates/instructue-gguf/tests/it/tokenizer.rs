//! The rebuilt tokenizer, used through the `tokenizers` crate.

use crate::common::{ARRAY, BOOL, STRING, U32, Writer, array, golden, said, says, string, strings};
use instructue_gguf::Gguf;
use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer, Tokenizer};

const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const USER: i32 = 4;
const UNUSED: i32 = 5;

fn kinds(kinds: &[i32]) -> Vec<u8> {
    let elements: Vec<_> = kinds.iter().map(|kind| kind.to_le_bytes().into()).collect();
    array(5, &elements)
}

/// A vocabulary of six letters and what they make, with a token to begin with.
fn small(pre: &str) -> Writer {
    let tokens = ["a", "b", "c", "ab", "abc", "<s>", "[u]", "[PAD7]", "Ġ", "1"];
    let types = [
        NORMAL, NORMAL, NORMAL, NORMAL, NORMAL, CONTROL, USER, UNUSED, NORMAL, NORMAL,
    ];
    Writer::default()
        .key("tokenizer.ggml.model", STRING, string("gpt2"))
        .key("tokenizer.ggml.pre", STRING, string(pre))
        .key("tokenizer.ggml.tokens", ARRAY, strings(&tokens))
        .key("tokenizer.ggml.token_type", ARRAY, kinds(&types))
        .key("tokenizer.ggml.merges", ARRAY, strings(&["a b", "ab c"]))
        .key("tokenizer.ggml.bos_token_id", U32, 5_u32.to_le_bytes())
}

fn build(writer: &Writer) -> Tokenizer {
    let rebuilt = writer.open().unwrap().tokenizer().unwrap();
    Tokenizer::from_bytes(rebuilt.json).unwrap()
}

fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
    tokenizer.encode(text, false).unwrap().get_ids().to_vec()
}

fn words(pre: &str, text: &str) -> Vec<String> {
    let tokenizer = build(&small(pre));
    let mut text = PreTokenizedString::from(text);
    let pre = tokenizer.get_pre_tokenizer().unwrap();
    pre.pre_tokenize(&mut text).unwrap();
    let splits = text.get_splits(OffsetReferential::Original, OffsetType::Byte);
    splits.into_iter().map(|(word, _, _)| word.into()).collect()
}

#[test]
fn texts_become_ids_and_back() {
    let rebuilt = Gguf::open(&golden("small.gguf"))
        .unwrap()
        .tokenizer()
        .unwrap();
    let tokenizer = Tokenizer::from_bytes(&rebuilt.json).unwrap();
    let encoding = tokenizer.encode("hello world 12é", false).unwrap();
    // Digits are apart, so the merge of `1 2` never applies.
    let tokens = ["hello", "Ġworld", "Ġ", "1", "2", "Ã©"];
    assert_eq!(encoding.get_tokens(), tokens);
    for text in ["hello world", "a\n\tb  c", "naïve 🦀 漢字 12", "don't", ""] {
        assert_eq!(
            tokenizer.decode(&ids(&tokenizer, text), false).unwrap(),
            text
        );
    }
    // Special ones are known by their text, and to the decoder.
    let ids = ids(&tokenizer, "<|im_start|>he[user]");
    assert_eq!(ids[0], 1);
    assert_eq!(ids.last(), Some(&270));
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "he[user]");
    assert_eq!(tokenizer.token_to_id("[PAD271]"), None);
    let config: serde_json::Value = serde_json::from_str(&rebuilt.config).unwrap();
    assert_eq!(config["eos_token"], "<|im_end|>");
    assert_eq!(config["pad_token"], "<|endoftext|>");
    assert_eq!(config["chat_template"], "{{ messages }}");
}

#[test]
fn words_are_split_as_the_file_says() {
    let text = "Don't pay 1234,\n 5 EUROS'S";
    for name in ["gpt-2", "default"] {
        assert_eq!(
            words(name, text),
            [
                "Don", "'t", "Ġpay", "Ġ1234", ",", "Ċ", "Ġ5", "ĠEUROS", "'", "S"
            ]
        );
    }
    assert_eq!(
        words("smollm", text),
        [
            "Don", "'t", "Ġpay", "Ġ", "1", "2", "3", "4", ",", "ĊĠ", "5", "ĠEUROS", "'", "S"
        ]
    );
    assert_eq!(
        words("qwen2", text),
        [
            "Don", "'t", "Ġpay", "Ġ", "1", "2", "3", "4", ",Ċ", "Ġ", "5", "ĠEUROS", "'S"
        ]
    );
    assert_eq!(
        words("llama-bpe", text),
        [
            "Don", "'t", "Ġpay", "Ġ", "123", "4", ",Ċ", "Ġ", "5", "ĠEUROS", "'S"
        ]
    );
}

#[test]
fn only_qwen2_composes_characters() {
    let tokenizer = build(&small("qwen2"));
    let normalizer = serde_json::to_value(tokenizer.get_normalizer().unwrap()).unwrap();
    assert_eq!(normalizer["type"], "NFC");
    for other in ["gpt-2", "smollm", "llama-bpe"] {
        assert!(build(&small(other)).get_normalizer().is_none());
    }
}

#[test]
fn whole_words_come_first_only_for_llama_3() {
    // Without its second merge, `abc` is reached as a whole word only.
    let mut writer = small("llama-bpe");
    writer.keys[4].2 = strings(&["a b"]);
    assert_eq!(ids(&build(&writer), "abc"), [4]);
    writer.keys[1].2 = string("qwen2");
    assert_eq!(ids(&build(&writer), "abc"), [3, 2]);
}

#[test]
fn texts_open_and_end_as_the_file_says() {
    let around = |writer: &Writer| {
        let encoding = build(writer).encode("a", true).unwrap();
        encoding.get_ids().to_vec()
    };
    assert_eq!(around(&small("smollm")), [0]);
    assert_eq!(around(&small("llama-bpe")), [5, 0]);
    let writer = small("llama-bpe").key("tokenizer.ggml.add_bos_token", BOOL, [0]);
    assert_eq!(around(&writer), [0]);
    let writer = small("smollm")
        .key("tokenizer.ggml.add_bos_token", BOOL, [1])
        .key("tokenizer.ggml.add_eos_token", BOOL, [1])
        .key("tokenizer.ggml.eos_token_id", U32, 5_u32.to_le_bytes());
    assert_eq!(around(&writer), [5, 0, 5]);
}

#[test]
fn a_token_with_a_task_is_special_whatever_its_kind() {
    let writer = small("smollm").key("tokenizer.ggml.eos_token_id", U32, 4_u32.to_le_bytes());
    let tokenizer = build(&writer);
    let added = tokenizer.get_added_tokens_decoder();
    let special: Vec<u32> = added.iter().filter(|x| x.1.special).map(|x| *x.0).collect();
    assert_eq!((special.len(), added.len()), (2, 3));
    assert!(special.contains(&4) && special.contains(&5));
}

#[test]
fn files_are_written_that_are_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let rebuilt = small("qwen2").open().unwrap().tokenizer().unwrap();
    rebuilt.save(dir.path()).unwrap();
    let tokenizer = Tokenizer::from_file(dir.path().join("tokenizer.json")).unwrap();
    assert_eq!(ids(&tokenizer, "abc[u]"), [4, 6]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn tokenizers_that_cannot_be_are_refused_by_key() {
    let with = |key: usize, kind: u32, bytes: Vec<u8>| {
        let mut writer = small("smollm");
        (writer.keys[key].1, writer.keys[key].2) = (kind, bytes);
        said(writer.open().unwrap().tokenizer().map(drop))
    };
    says(
        &with(0, STRING, string("llama")),
        &["ggml.model`", "gpt2", "llama"],
    );
    says(
        &with(1, STRING, string("poro")),
        &["ggml.pre`", "llama-bpe", "poro"],
    );
    says(&with(1, BOOL, vec![1]), &["ggml.pre`", "a string", "true"]);
    says(
        &with(2, BOOL, vec![1]),
        &["ggml.tokens`", "an array of strings"],
    );
    let twice = ["a", "b", "c", "ab", "abc", "<s>", "[u]", "x", "Ġ", "a"];
    says(
        &with(2, ARRAY, strings(&twice)),
        &["ggml.tokens`", "\"a\" at 0 and at 9"],
    );
    says(
        &with(3, ARRAY, kinds(&[1, 1])),
        &["token_type`", "10 entries", "found 2"],
    );
    says(
        &with(4, ARRAY, strings(&["ab"])),
        &["ggml.merges`", "\"ab\" at 0"],
    );
    says(
        &with(4, ARRAY, strings(&["a b", "b c"])),
        &["ggml.merges`", "\"bc\" in merge 1"],
    );
    let far = 10_u32.to_le_bytes().to_vec();
    says(
        &with(5, U32, far),
        &["bos_token_id`", "10 tokens", "found 10"],
    );
    for (key, name) in [(0, "model"), (1, "pre"), (2, "tokens"), (4, "merges")] {
        let mut writer = small("smollm");
        writer.keys.remove(key);
        let message = said(writer.open().unwrap().tokenizer().map(drop));
        says(&message, &[&format!("`tokenizer.ggml.{name}`"), "nothing"]);
    }
}
