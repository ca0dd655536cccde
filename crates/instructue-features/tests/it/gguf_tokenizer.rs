//! The tokenizer of a GGUF file works like any other.

use std::path::Path;

use instructue_features::TextTokenizer;
use instructue_gguf::Gguf;
use instructue_schema::DataText;

#[test]
fn a_rebuilt_tokenizer_keeps_its_special_tokens_from_texts() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../instructue-gguf/tests/golden");
    let file = Gguf::open(&golden.join("small.gguf")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    file.tokenizer().unwrap().save(dir.path()).unwrap();
    let tokenizer = TextTokenizer::from_file(&dir.path().join("tokenizer.json")).unwrap();

    // The metadata name these ids.
    assert_eq!((tokenizer.end_id(), tokenizer.pad_id()), (2, 0));
    assert!(tokenizer.reserved_ids().iter().eq(&[0, 1, 2, 270]));
    assert_eq!(tokenizer.vocab_size(), 271);
    for text in ["hello world", "<|im_end|> 12é", "[user]\n漢字 🦀"] {
        let ids = tokenizer.encode(&DataText::new(text));
        assert!(ids.iter().all(|id| !tokenizer.reserved_ids().contains(id)));
        assert_eq!(tokenizer.decode(&ids), text);
    }
}
