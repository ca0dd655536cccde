//! Saving and loading, and every way in which a checkpoint can be bad.

use std::fs;
use std::path::Path;

use crate::common::{CASES, golden, load, small};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use instructue_backbone::{Decoder, DecoderConfig, DecoderInput, LoraConfig};
use instructue_nn::checkpoint::{CONFIG, INDEX, WEIGHTS, write_safetensors};
use serde_json::{Value, json};
use tempfile::TempDir;

type Tensors = Vec<(String, TensorData)>;

fn write(dir: &Path, tensors: Tensors) {
    write_safetensors(&dir.join(WEIGHTS), tensors, None).unwrap();
}

fn small_tensors() -> Tensors {
    let device = Device::default();
    small().init(None, &device).unwrap().save_tensors()
}

/// Two files and their index.
fn write_sharded(dir: &Path, mut tensors: Tensors) {
    let second = tensors.split_off(tensors.len() / 2);
    let mut map = serde_json::Map::new();
    for (file, part) in [("a.safetensors", tensors), ("b.safetensors", second)] {
        map.extend(part.iter().map(|(name, _)| (name.clone(), json!(file))));
        write_safetensors(&dir.join(file), part, None).unwrap();
    }
    write_index(dir, &map);
}

fn write_index(dir: &Path, map: &serde_json::Map<String, Value>) {
    let index = json!({"metadata": {}, "weight_map": map});
    fs::write(dir.join(INDEX), index.to_string()).unwrap();
}

/// What loading says about changed weights, in one file and in several.
fn refusals(change: impl FnOnce(&mut Tensors)) -> [String; 2] {
    let mut tensors = small_tensors();
    change(&mut tensors);
    [write, write_sharded].map(|write| {
        let dir = TempDir::new().unwrap();
        write(dir.path(), tensors.clone());
        let result = small().load_weights(dir.path(), None, &Device::default());
        result.unwrap_err().to_string()
    })
}

/// What reading says about a changed `config.json`.
fn config_refusal(change: impl FnOnce(&mut Value)) -> String {
    let dir = TempDir::new().unwrap();
    let text = fs::read_to_string(golden("llama_tied").join(CONFIG)).unwrap();
    let mut value = serde_json::from_str(&text).unwrap();
    change(&mut value);
    fs::write(dir.path().join(CONFIG), value.to_string()).unwrap();
    let message = DecoderConfig::load(dir.path()).unwrap_err().to_string();
    assert!(message.contains(CONFIG), "{message}");
    message
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[track_caller]
fn both_say(messages: &[String; 2], parts: &[&str]) {
    for message in messages {
        says(message, parts);
    }
}

#[test]
fn saved_and_loaded_is_bit_for_bit_the_same() {
    let device = Device::default();
    for case in CASES {
        let decoder = load(case, None, &device);
        let dir = TempDir::new().unwrap();
        decoder.save_weights(&dir.path().join(WEIGHTS)).unwrap();
        let config = serde_json::to_string_pretty(decoder.config()).unwrap();
        fs::write(dir.path().join(CONFIG), config).unwrap();

        let config = DecoderConfig::load(dir.path()).unwrap();
        assert_eq!(&config, decoder.config());
        let again = config.load_weights(dir.path(), None, &device).unwrap();
        let pairs = decoder.save_tensors().into_iter().zip(again.save_tensors());
        for ((a, x), (b, y)) in pairs {
            assert_eq!(a, b);
            assert_eq!(x.as_bytes(), y.as_bytes(), "{case}: {a}");
        }
        assert_eq!(decoder.save_tensors().len(), again.save_tensors().len());
    }
}

#[test]
fn mapped_weights_compute_the_same() {
    let device = Device::default();
    for case in CASES {
        let dir = golden(case);
        let config = DecoderConfig::load(&dir).unwrap();
        let states = |decoder: &Decoder| {
            let ids = Tensor::<2, Int>::from_ints([[3, 1, 4, 1, 5, 9, 2, 6]], &device);
            let tokens = Tensor::<2, Bool>::from_data([[true; 8]], &device);
            let input = DecoderInput::causal(decoder.embed(ids), tokens);
            decoder
                .forward(input)
                .into_data()
                .try_into_vec::<f32>()
                .unwrap()
        };
        let copied = config.load_weights(&dir, None, &device).unwrap();
        let expected = states(&copied);
        let mapped = config.map_weights(&dir, None, &device).unwrap();
        // A product adds up in another order where it reads a matrix the other way.
        for (found, expected) in states(&mapped).iter().zip(&expected) {
            assert!(
                (found - expected).abs() < 1e-5,
                "{case}: {found} {expected}"
            );
        }
        let saved = |decoder: &Decoder| decoder.save_tensors();
        assert_eq!(saved(&mapped), saved(&copied), "{case}");
        let contiguous = mapped.contiguous();
        assert_eq!(states(&contiguous), expected, "{case}");
        assert_eq!(saved(&contiguous), saved(&copied), "{case}");
    }
}

#[test]
fn the_names_are_those_of_the_checkpoint() {
    for case in CASES {
        let bytes = fs::read(golden(case).join(WEIGHTS)).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let mut expected: Vec<String> = file.names().into_iter().map(String::from).collect();
        let decoder = load(case, None, &Device::default());
        let mut found: Vec<String> = decoder.save_tensors().into_iter().map(|t| t.0).collect();
        expected.sort();
        found.sort();
        assert_eq!(expected, found, "{case}");
    }
}

#[test]
fn a_sharded_directory_loads_like_one_file() {
    let device = Device::default();
    let dir = TempDir::new().unwrap();
    let expected = small_tensors();
    write_sharded(dir.path(), expected.clone());
    let text = fs::read_to_string(dir.path().join(INDEX)).unwrap();
    let map: Value = serde_json::from_str(&text).unwrap();
    let map = map["weight_map"].as_object().unwrap().clone();
    let index = |map: &serde_json::Map<String, Value>| {
        write_index(dir.path(), map);
        small().load_weights(dir.path(), None, &device)
    };
    let found = index(&map).unwrap().save_tensors();
    for ((a, x), (b, y)) in found.iter().zip(&expected) {
        assert_eq!(a, b);
        assert_eq!(x.as_bytes(), y.as_bytes());
    }

    let mut wrong = map.clone();
    wrong.insert("model.norm.weight".into(), json!("a.safetensors"));
    says(
        &index(&wrong).unwrap_err().to_string(),
        &["a.safetensors", "model.norm.weight", "missing"],
    );
    let mut outside = map.clone();
    outside.insert("model.norm.weight".into(), json!("../b.safetensors"));
    says(
        &index(&outside).unwrap_err().to_string(),
        &["../b.safetensors", "plain file name"],
    );
}

#[test]
fn bad_tensors_are_named() {
    let missing =
        refusals(|tensors| tensors.retain(|t| t.0 != "model.layers.1.mlp.up_proj.weight"));
    both_say(&missing, &["model.layers.1.mlp.up_proj.weight", "missing"]);

    let extra = refusals(|tensors| {
        let data = TensorData::new(vec![0f32; 2], [2]);
        tensors.push(("model.layers.2.input_layernorm.weight".into(), data));
    });
    both_say(
        &extra,
        &["model.layers.2.input_layernorm.weight", "1 in all"],
    );

    let shape = refusals(|tensors| {
        let at = tensors
            .iter()
            .position(|t| t.0.ends_with("0.self_attn.k_proj.weight"));
        tensors[at.unwrap()].1 = TensorData::new(vec![0f32; 32 * 32], [32, 32]);
    });
    both_say(&shape, &["k_proj.weight", "[16, 32]", "[32, 32]"]);

    let dtype = refusals(|tensors| {
        let at = tensors
            .iter()
            .position(|t| t.0 == "model.norm.weight")
            .unwrap();
        tensors[at].1 = TensorData::new(vec![0f64; 32], [32]);
    });
    both_say(&dtype, &["model.norm.weight", "F64", "BF16"]);

    for (bad, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let message = refusals(|tensors| {
            let at = tensors
                .iter()
                .position(|t| t.0 == "model.norm.weight")
                .unwrap();
            let mut values = vec![1f32; 32];
            values[7] = bad;
            tensors[at].1 = TensorData::new(values, [32]);
        });
        both_say(&message, &["model.norm.weight", shown, "element 7"]);
    }
}

#[test]
fn a_tied_model_may_carry_its_head() {
    let dir = TempDir::new().unwrap();
    let mut tensors = small_tensors();
    let head = TensorData::new(vec![0f32; 40 * 32], [40, 32]);
    tensors.push(("lm_head.weight".into(), head));
    write(dir.path(), tensors);
    small()
        .load_weights(dir.path(), None, &Device::default())
        .unwrap();
}

#[test]
fn a_model_without_head_loads_without_prefix() {
    let dir = TempDir::new().unwrap();
    let bare = small_tensors()
        .into_iter()
        .map(|(name, data)| (name.trim_start_matches("model.").to_owned(), data))
        .collect();
    write(dir.path(), bare);
    small()
        .load_weights(dir.path(), None, &Device::default())
        .unwrap();
}

#[test]
fn an_empty_directory_is_named() {
    let dir = TempDir::new().unwrap();
    let result = small().load_weights(dir.path(), None, &Device::default());
    says(&result.unwrap_err().to_string(), &[WEIGHTS, INDEX]);
    let message = DecoderConfig::load(dir.path()).unwrap_err().to_string();
    says(&message, &[CONFIG]);
}

#[test]
fn unsupported_architectures_are_refused_by_key() {
    let cases: [(&str, Value, &[&str]); 10] = [
        ("model_type", json!("mistral"), &["qwen3", "mistral"]),
        ("hidden_act", json!("gelu"), &["silu", "gelu"]),
        (
            "rope_scaling",
            json!({"rope_type": "dynamic", "factor": 8.0}),
            &["llama3", "found \"dynamic\""],
        ),
        (
            "rope_parameters",
            json!({"rope_type": "proportional", "rope_theta": 1e4}),
            &["yarn", "found \"proportional\""],
        ),
        ("mlp_bias", json!(true), &["false"]),
        ("num_key_value_heads", json!(3), &["divisor", "4", "3"]),
        ("hidden_size", json!(0), &["1", "found 0"]),
        ("vocab_size", Value::Null, &["nothing"]),
        ("rms_norm_eps", json!(-1.0), &["positive", "-1"]),
        (
            "layer_types",
            json!(["sliding_attention"]),
            &["sliding_attention"],
        ),
    ];
    for (key, value, parts) in cases {
        let message = config_refusal(|config| config[key] = value);
        says(&message, &[key]);
        says(&message, parts);
    }
    let message = config_refusal(|config| config["hidden_size"] = json!("wide"));
    says(&message, &["wide", "line"]);
}

#[test]
fn settings_of_lora_are_checked() {
    let device = Device::default();
    for (lora, key) in [
        (LoraConfig::new().with_rank(0), "lora.rank"),
        (LoraConfig::new().with_dropout(1.0), "lora.dropout"),
        (LoraConfig::new().with_alpha(f64::NAN), "lora.alpha"),
    ] {
        let message = small().init(Some(&lora), &device).unwrap_err().to_string();
        says(&message, &[key]);
    }
}

#[test]
fn a_missing_shard_is_named_with_its_index() {
    let dir = TempDir::new().unwrap();
    write_safetensors(&dir.path().join("a.safetensors"), small_tensors(), None).unwrap();
    let names = small_tensors().into_iter().map(|(name, _)| name);
    let mut map: serde_json::Map<String, Value> =
        names.map(|name| (name, json!("a.safetensors"))).collect();
    map.insert("model.norm.weight".into(), json!("b.safetensors"));
    write_index(dir.path(), &map);
    let result = small().load_weights(dir.path(), None, &Device::default());
    says(
        &result.unwrap_err().to_string(),
        &[INDEX, "b.safetensors", "model.norm.weight", "no such file"],
    );
}

#[test]
fn the_width_of_a_qwen3_head_does_not_follow_from_the_others() {
    let text = fs::read_to_string(golden("qwen3_tied").join(CONFIG)).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    let read = |value: &Value| serde_json::from_value::<DecoderConfig>(value.clone()).unwrap();
    assert_eq!(read(&value).head_width(), 12);
    // As transformers has it.
    value.as_object_mut().unwrap().remove("head_dim");
    assert_eq!(read(&value).head_width(), 128);

    let mut config = read(&value);
    config.head_dim = None;
    let message = config.validate().unwrap_err().to_string();
    says(&message, &["head_dim", "qwen3", "nothing"]);
}

#[test]
fn a_qwen3_checkpoint_without_a_head_norm_is_refused() {
    let device = Device::default();
    let decoder = load("qwen3_tied", None, &device);
    let mut tensors = decoder.save_tensors();
    tensors.retain(|t| t.0 != "model.layers.1.self_attn.k_norm.weight");
    let dir = TempDir::new().unwrap();
    write(dir.path(), tensors);
    let result = decoder.config().load_weights(dir.path(), None, &device);
    says(
        &result.unwrap_err().to_string(),
        &["model.layers.1.self_attn.k_norm.weight", "missing"],
    );
}

/// A configuration may come from anybody. Its sizes would take petabytes.
#[test]
fn sizes_that_the_file_does_not_hold_take_no_memory() {
    let device = Device::default();
    let dir = tempfile::tempdir().unwrap();
    let decoder = small().init(None, &device).unwrap();
    decoder.save_weights(&dir.path().join(WEIGHTS)).unwrap();
    let config = DecoderConfig {
        vocab_size: 1 << 24,
        hidden_size: 1 << 17,
        intermediate_size: 1 << 17,
        num_hidden_layers: 1 << 10,
        ..small()
    };
    let lora = LoraConfig::new().with_rank(1 << 12);
    let result = config.load_weights(dir.path(), Some(&lora), &device);
    let message = result.unwrap_err().to_string();
    for part in ["embed_tokens", "[16777216, 131072]", "[40, 32]"] {
        assert!(message.contains(part), "{message}");
    }
}
