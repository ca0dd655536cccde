//! Directories of sentence-transformers: the vectors are those it computed, and bad
//! directories are refused by file and key.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use instructue_encoders::Pooling;
use instructue_encoders::cache::CacheConfig;
use instructue_features::TextTokenizer;
use instructue_model::SentenceEncoder;
use instructue_schema::DataText;
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;

const QUERY: &str = "encoder.layer.1.attention.self.query.weight";
const VARIANTS: [&str; 4] = ["mean", "mean_normalized", "cls", "cls_lower"];

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A whole directory of one of the variants, to be spoilt.
fn variant(name: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&golden().join("sentences/model"), dir.path());
    copy(&golden().join("sentences").join(name), dir.path());
    dir
}

fn open(dir: &Path) -> SentenceEncoder {
    SentenceEncoder::open(dir, None, &CacheConfig::default(), &Device::default()).unwrap()
}

fn error(dir: &Path) -> String {
    SentenceEncoder::open(dir, None, &CacheConfig::default(), &Device::default())
        .unwrap_err()
        .to_string()
}

fn texts() -> Vec<DataText> {
    let json = fs::read_to_string(golden().join("sentences/texts.json")).unwrap();
    let texts: Vec<String> = serde_json::from_str(&json).unwrap();
    texts.into_iter().map(DataText::from).collect()
}

/// A golden tensor's values, four bytes each.
fn values<T>(name: &str, value: fn([u8; 4]) -> T) -> Vec<T> {
    let bytes = fs::read(golden().join("sentences.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let data = file.tensor(name).unwrap().data().to_vec();
    data.chunks_exact(4)
        .map(|bytes| value(bytes.try_into().unwrap()))
        .collect()
}

/// Changes a JSON file in place.
fn edit(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

#[test]
fn ids_and_vectors_are_those_of_sentence_transformers() {
    let texts = texts();
    let mut lengths = Vec::new();
    for name in VARIANTS {
        let dir = variant(name);
        let encoder = open(dir.path());
        for (at, text) in texts.iter().enumerate() {
            let expected = values(&format!("ids.{name}.{at}"), u32::from_le_bytes);
            assert_eq!(encoder.tokens(text), expected, "{name}: {text:?}");
        }
        let expected = values(&format!("vectors.{name}"), f32::from_le_bytes);
        let found = encoder.encode(&texts).unwrap();
        assert_eq!(found.values.len(), expected.len());
        let far = found.values.iter().zip(&expected);
        let far = far.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-5, "{name}: {far}");
        lengths.push(encoder.checkpoint().max_length());
    }
    // Each was cut somewhere else, and the longest text everywhere.
    assert_eq!(lengths, [16, 9, 14, 12]);
}

#[test]
fn a_text_that_spells_a_special_token_is_text() {
    let dir = variant("mean");
    let encoder = open(dir.path());
    let ids = encoder.tokens(&DataText::new("coffee [SEP] [CLS][PAD]"));
    let inner = &ids[1..ids.len() - 1];
    assert!(inner.iter().all(|id| *id == 1 || *id > 4), "{ids:?}");
    assert_eq!((ids[0], ids[ids.len() - 1]), (2, 3));
}

#[test]
fn each_distinct_text_is_encoded_once() {
    let dir = variant("mean");
    let mut encoder = open(dir.path());
    let texts = ["coffee", "train", "coffee", "COFFEE"].map(DataText::from);
    let vectors = encoder.encode(&texts).unwrap();
    assert_eq!(vectors.row(0), vectors.row(2));
    // Lower-cased they have the same ids.
    assert_eq!(vectors.row(0), vectors.row(3));
    assert_ne!(vectors.row(0), vectors.row(1));
    assert_eq!(encoder.cache().metrics().misses, 2);
    assert!(encoder.encode(&[]).unwrap().values.is_empty());
    encoder.forget().unwrap();
    assert_eq!(encoder.encode(&texts).unwrap(), vectors);
    assert_eq!(encoder.cache().metrics().misses, 2);
}

#[test]
fn a_plain_bert_takes_the_pooling_that_is_given() {
    let dir = variant("mean");
    fs::remove_file(dir.path().join("modules.json")).unwrap();
    fs::remove_dir_all(dir.path().join("1_Pooling")).unwrap();
    // The mean, where nothing is said.
    assert_eq!(open(dir.path()).checkpoint().pooling(), Pooling::Mean);
    let device = Device::default();
    let given = |pooling| {
        let cache = CacheConfig::default();
        let encoder = SentenceEncoder::open(dir.path(), Some(pooling), &cache, &device).unwrap();
        encoder.encode(&texts()[..1]).unwrap().values
    };
    for (pooling, name) in [(Pooling::Mean, "mean"), (Pooling::Cls, "cls")] {
        let expected = values(&format!("vectors.{name}"), f32::from_le_bytes);
        let far = given(pooling)
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(far < 1e-5, "{name}: {far}");
    }
}

#[test]
fn an_encoder_in_a_folder_of_its_own_is_found() {
    let dir = variant("mean");
    let inner = dir.path().join("0_Transformer");
    fs::create_dir(&inner).unwrap();
    let names = [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "sentence_bert_config.json",
    ];
    for name in names {
        fs::rename(dir.path().join(name), inner.join(name)).unwrap();
    }
    // As the first versions named their modules.
    let modules = json!([
        {"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]);
    fs::write(dir.path().join("modules.json"), modules.to_string()).unwrap();
    assert_eq!(open(dir.path()).checkpoint().dir(), inner);
}

#[test]
fn case_is_what_tokenizer_config_says_for_berts_class() {
    let dir = variant("mean");
    let config = dir.path().join("tokenizer_config.json");
    let file = dir.path().join("tokenizer.json");
    let ids = |text: &str| {
        let tokenizer = TextTokenizer::from_file(&file).unwrap();
        // What is saved needs no such word any more.
        let kept = tempfile::tempdir().unwrap();
        let path = kept.path().join("tokenizer.json");
        tokenizer.save(&path).unwrap();
        let again = TextTokenizer::from_file(&path).unwrap();
        let text = DataText::new(text);
        assert_eq!(again.encode(&text), tokenizer.encode(&text));
        tokenizer.encode(&text)
    };
    let lower = ids("coffee");
    assert_eq!(ids("COFFEE"), lower);
    edit(&config, |config| config["do_lower_case"] = false.into());
    assert_eq!(ids("COFFEE"), [1]);
    // Another class takes the file as it is.
    edit(&config, |config| {
        config["tokenizer_class"] = "PreTrainedTokenizerFast".into();
    });
    assert_eq!(ids("COFFEE"), lower);
}

#[test]
fn bad_directories_are_refused_by_file_and_key() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &[&str]); 9] = [
        (
            "modules.json",
            |json| {
                let dense = json!({"idx": 2, "path": "2_Dense", "type": "sentence_transformers.models.Dense"});
                json.as_array_mut().unwrap().push(dense);
            },
            &[
                "`type`",
                "sentence_transformers.models.Dense",
                "no other module",
            ],
        ),
        (
            "modules.json",
            |json| json.as_array_mut().unwrap().truncate(1),
            &["`type`", "`Transformer`", "in this order"],
        ),
        (
            "modules.json",
            |json| json[1]["path"] = "../elsewhere".into(),
            &["`path`", "../elsewhere"],
        ),
        (
            "1_Pooling/config.json",
            |json| drop(json.as_object_mut().unwrap().remove("pooling_mode")),
            &["`pooling_mode`", "exactly one of `cls` and `mean`"],
        ),
        (
            "1_Pooling/config.json",
            |json| json["pooling_mode"] = json!(["cls", "mean"]),
            &["`pooling_mode`", "[cls, mean]"],
        ),
        (
            "1_Pooling/config.json",
            |json| json["embedding_dimension"] = 768.into(),
            &["`embedding_dimension` is 768", "`hidden_size` = 16"],
        ),
        (
            "sentence_bert_config.json",
            |json| json["max_seq_length"] = 17.into(),
            &[
                "`max_seq_length` is 17",
                "`max_position_embeddings`",
                "3 to 16",
            ],
        ),
        (
            "tokenizer_config.json",
            |json| json["model_max_length"] = 2.into(),
            &["`model_max_length` is 2", "at least 3"],
        ),
        (
            "config_sentence_transformers.json",
            |json| {
                json["default_prompt_name"] = "query".into();
                json["prompts"]["query"] = "query: ".into();
            },
            &["`default_prompt_name`", "`query`"],
        ),
    ];
    for (file, change, expected) in cases {
        let dir = variant("mean");
        edit(&dir.path().join(file), change);
        let error = error(dir.path());
        for part in expected.iter().chain([&file]) {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }
}

#[test]
fn a_tokenizer_that_does_not_fit_is_refused() {
    let dir = variant("mean");
    let file = dir.path().join("tokenizer.json");
    edit(&file, |json| json["model"]["vocab"]["more"] = 999.into());
    let refused = error(dir.path());
    for part in ["config.json", "`vocab_size`", "1000"] {
        assert!(refused.contains(part), "{refused}");
    }
    let dir = variant("mean");
    let file = dir.path().join("tokenizer.json");
    edit(&file, |json| {
        json["post_processor"]["special_tokens"]["[SEP]"]["ids"] = json!([5000]);
    });
    let refused = error(dir.path());
    assert!(refused.contains("tokenizer.json"), "{refused}");
    assert!(refused.contains("post_processor"), "{refused}");
    fs::remove_file(&file).unwrap();
    assert!(error(dir.path()).contains("tokenizer.json"));
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    type Change = fn(&mut Value, &mut Vec<u8>);
    let cases: [(Change, &str); 4] = [
        (
            |head, _| {
                head["elsewhere.weight"] = head.as_object_mut().unwrap().remove(QUERY).unwrap()
            },
            "is missing",
        ),
        (
            |head, _| head[QUERY]["shape"] = json!([8, 32]),
            "[16, 16], found [8, 32]",
        ),
        (
            |head, bytes| {
                let at = head[QUERY]["data_offsets"][0].as_u64().unwrap() as usize;
                bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
            },
            "NaN at element 0",
        ),
        (
            |head, bytes| {
                let at = bytes.len();
                bytes.extend([0; 4]);
                head["another.weight"] =
                    json!({"dtype": "F32", "shape": [1], "data_offsets": [at, at + 4]});
            },
            "another.weight",
        ),
    ];
    for (change, expected) in cases {
        let dir = variant("mean");
        let path = dir.path().join("model.safetensors");
        let file = fs::read(&path).unwrap();
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        let mut head: Value = serde_json::from_slice(&file[8..8 + length]).unwrap();
        let mut bytes = file[8 + length..].to_vec();
        change(&mut head, &mut bytes);
        let head = head.to_string().into_bytes();
        let file = [&(head.len() as u64).to_le_bytes()[..], &head, &bytes].concat();
        fs::write(&path, file).unwrap();
        let error = error(dir.path());
        assert!(
            error.contains("model.safetensors") || error.contains(QUERY),
            "{error}"
        );
        assert!(error.contains(expected), "{error}");
    }
}
