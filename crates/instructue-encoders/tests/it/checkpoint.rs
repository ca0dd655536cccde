//! Bad configurations and checkpoints: each error names what is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::{Raw, copy, read, tiny, write};
use burn::prelude::*;
use instructue_encoders::{BertConfig, LoraConfig, Pooling};
use serde_json::{Value, json};

/// `config.json` with one key changed or, by null, removed.
fn config_with(key: &str, value: Value) -> String {
    let dir = copy();
    let path = dir.path().join("config.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    match value {
        Value::Null => config.as_object_mut().unwrap().remove(key),
        value => config.as_object_mut().unwrap().insert(key.into(), value),
    };
    fs::write(&path, config.to_string()).unwrap();
    let error = BertConfig::load(dir.path()).unwrap_err().to_string();
    assert!(error.contains("config.json"), "{error}");
    error
}

fn weights_error(dir: &Path) -> String {
    let device = Device::default();
    tiny()
        .load_weights(dir, Pooling::Cls, None, &device)
        .unwrap_err()
        .to_string()
}

#[test]
fn configurations_name_the_key() {
    let cases = [
        ("hidden_size", Value::Null, "missing field `hidden_size`"),
        (
            "vocab_size",
            json!(0),
            "`vocab_size` is 0, expected a number from 1 to 16777216",
        ),
        ("vocab_size", json!("many"), "expected usize"),
        (
            "num_attention_heads",
            json!(5),
            "`num_attention_heads` is 5, expected a divisor of `hidden_size` = 32",
        ),
        (
            "hidden_act",
            json!("relu"),
            "`hidden_act` is `relu`, expected `gelu`",
        ),
        (
            "model_type",
            json!("distilbert"),
            "`model_type` is `distilbert`, expected `bert`, `roberta`",
        ),
        (
            "position_embedding_type",
            json!("relative_key"),
            "`position_embedding_type` is `relative_key`",
        ),
        ("layer_norm_eps", json!(-1.0), "`layer_norm_eps` is -1"),
        (
            "hidden_size",
            json!(1_000_000_000),
            "`hidden_size` is 1000000000, expected a number from 1 to 131072",
        ),
        ("hidden_size", json!(-32), "usize"),
        ("intermediate_size", json!(1e30), "usize"),
        (
            "num_hidden_layers",
            json!(1_000_000_000_000_u64),
            "1 to 1024",
        ),
        (
            "pad_token_id",
            json!(64),
            "`pad_token_id` is 64, expected below `vocab_size` = 64",
        ),
    ];
    for (key, value, expected) in cases {
        let error = config_with(key, value);
        assert!(error.contains(expected), "{error}");
    }
    let error = BertConfig::load("no/such/place").unwrap_err().to_string();
    assert!(error.contains("config.json"), "{error}");
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let query = "encoder.layer.1.attention.self.query.weight";
    let dir = copy();
    let path = dir.path().join("model.safetensors");
    let whole = read(&path);

    let mut tensors = whole.clone();
    let lost = tensors.remove(query).unwrap();
    write(&path, &tensors);
    let error = weights_error(dir.path());
    assert!(error.contains(&format!("`{query}` is missing")), "{error}");

    tensors.insert(query.into(), (lost.0, vec![16, 64], lost.2.clone()));
    write(&path, &tensors);
    let error = weights_error(dir.path());
    assert!(error.contains("[32, 32], found [16, 64]"), "{error}");

    let mut bytes = lost.2.clone();
    bytes[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    tensors.insert(query.into(), (lost.0, lost.1.clone(), bytes));
    write(&path, &tensors);
    let error = weights_error(dir.path());
    assert!(error.contains("NaN at element 2"), "{error}");

    let mut tensors = whole.clone();
    let extra = "encoder.layer.2.output.dense.bias";
    tensors.insert(extra.into(), (lost.0, vec![1], vec![0; 4]));
    write(&path, &tensors);
    let error = weights_error(dir.path());
    assert!(error.contains(extra), "{error}");

    fs::write(&path, b"no tensors here").unwrap();
    assert!(weights_error(dir.path()).contains("model.safetensors"));
    fs::remove_file(&path).unwrap();
    assert!(weights_error(dir.path()).contains("model.safetensors"));
}

#[test]
fn lora_that_does_not_fit_is_named() {
    let device = Device::default();
    let dir = copy();
    let config = LoraConfig::new().with_rank(4);
    let encoder = tiny().init(Pooling::Cls, Some(&config), &device).unwrap();
    let path = dir.path().join("model.safetensors");
    instructue_nn::checkpoint::write_safetensors(&path, encoder.save_tensors(), None).unwrap();

    // Trained factors are not dropped in silence, nor cut to another rank.
    assert!(weights_error(dir.path()).contains("lora_A"));
    let other = LoraConfig::new().with_rank(8);
    let error = tiny().load_weights(dir.path(), Pooling::Cls, Some(&other), &device);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("[8, 32], found [4, 32]"), "{error}");
    let zero = LoraConfig::new().with_rank(0);
    let error = tiny().init(Pooling::Cls, Some(&zero), &device).unwrap_err();
    assert!(error.to_string().contains("lora.rank"), "{error}");
}

#[test]
fn pooling_is_read_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Pooling::load(dir.path()).unwrap(), None);
    fs::create_dir(dir.path().join("1_Pooling")).unwrap();
    let load = |text: Value| {
        fs::write(dir.path().join("1_Pooling/config.json"), text.to_string()).unwrap();
        Pooling::load(dir.path())
    };
    let flags = |cls, mean, max| {
        json!({
            "word_embedding_dimension": 32,
            "pooling_mode_cls_token": cls,
            "pooling_mode_mean_tokens": mean,
            "pooling_mode_max_tokens": max,
        })
    };
    let found = load(flags(true, false, false)).unwrap();
    assert_eq!(found, Some(Pooling::Cls));
    let found = load(flags(false, true, false)).unwrap();
    assert_eq!(found, Some(Pooling::Mean));
    let found = load(json!({"pooling_mode": "mean"})).unwrap();
    assert_eq!(found, Some(Pooling::Mean));
    for bad in [
        flags(false, false, true),
        flags(true, true, false),
        flags(false, false, false),
    ] {
        let error = load(bad).unwrap_err().to_string();
        assert!(
            error.contains("1_Pooling/config.json: `pooling_mode`"),
            "{error}"
        );
    }
}

#[test]
fn a_sharded_directory_is_read_and_refused_as_one_file_is() {
    let whole = read(&copy().path().join("model.safetensors"));
    let query = "encoder.layer.1.attention.self.query.weight";
    let load = |tensors: &BTreeMap<String, Raw>| {
        let dir = tempfile::tempdir().unwrap();
        let mut map = serde_json::Map::new();
        for (number, file) in ["a.safetensors", "b.safetensors"].into_iter().enumerate() {
            let part = tensors.iter().skip(number).step_by(2);
            let part: BTreeMap<_, _> = part.map(|(k, raw)| (k.clone(), raw.clone())).collect();
            map.extend(part.keys().map(|name| (name.clone(), json!(file))));
            write(&dir.path().join(file), &part);
        }
        let index = json!({"metadata": {}, "weight_map": map}).to_string();
        fs::write(dir.path().join("model.safetensors.index.json"), index).unwrap();
        tiny().load_weights(dir.path(), Pooling::Cls, None, &Device::default())
    };
    let one = tiny().load_weights(copy().path(), Pooling::Cls, None, &Device::default());
    let expected = one.unwrap().save_tensors();
    assert_eq!(load(&whole).unwrap().save_tensors(), expected);

    let refusal = |change: &dyn Fn(&mut BTreeMap<String, Raw>), part: &str| {
        let mut tensors = whole.clone();
        change(&mut tensors);
        let error = load(&tensors).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        error
    };
    let missing = format!("`{query}` is missing");
    refusal(&|tensors| drop(tensors.remove(query)), &missing);
    let shape = "[32, 32], found [16, 64]";
    let error = refusal(
        &|tensors| tensors.get_mut(query).unwrap().1 = vec![16, 64],
        shape,
    );
    assert!(
        error.contains("safetensors: ") && error.contains(query),
        "{error}"
    );
    let nan = |tensors: &mut BTreeMap<String, Raw>| {
        let bytes = &mut tensors.get_mut(query).unwrap().2;
        bytes[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    };
    refusal(&nan, "query.weight` holds NaN at element 2");
    let extra = "encoder.layer.2.output.dense.bias";
    let more = |tensors: &mut BTreeMap<String, Raw>| {
        let bias = tensors["encoder.layer.1.output.dense.bias"].clone();
        tensors.insert(extra.into(), bias);
    };
    refusal(&more, extra);
}
