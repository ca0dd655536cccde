//! Adapters of peft (`scripts/golden/adapters.py`), adapters for peft, and LoRA in
//! and out of the weights.

use crate::common;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{distance, golden, load, mask, small, values};
use burn::module::{Module, Param};
use burn::tensor::{DType, Device, Distribution, Int, Tensor, TensorData};
use instructue_backbone::{Decoder, DecoderInput, LoraConfig, Precision};
use instructue_nn::checkpoint::write_safetensors;
use instructue_nn::lora::{Lora, LoraLinear};
use instructue_nn::peft::{CONFIG, WEIGHTS};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The base of each golden adapter.
const ADAPTERS: [(&str, &str, usize); 4] = [
    ("causal", "qwen2_tied", 14),
    ("bare_rslora", "llama_tied", 14),
    ("partial", "qwen2_untied", 4),
    ("patterns", "qwen3_bias_untied", 14),
];

fn adapter(name: &str) -> PathBuf {
    golden("peft").join(name)
}

/// Ids and hidden states that peft computed.
fn states(dir: &Path) -> (Vec<i64>, [usize; 2], Vec<f32>) {
    let bytes = fs::read(dir.join("golden.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let ids = file.tensor("ids").unwrap();
    let shape = ids.shape().try_into().unwrap();
    let (elements, _) = ids.data().as_chunks::<8>();
    let ids = elements.iter().map(|b| i64::from_le_bytes(*b)).collect();
    let hidden = file.tensor("hidden").unwrap();
    let (elements, _) = hidden.data().as_chunks::<4>();
    let hidden = elements.iter().map(|b| f32::from_le_bytes(*b)).collect();
    (ids, shape, hidden)
}

fn run(decoder: &Decoder, ids: &[i64], [rows, length]: [usize; 2], device: &Device) -> Vec<f32> {
    let data = TensorData::new(ids.to_vec(), [rows, length]);
    let inputs = decoder.embed(Tensor::<2, Int>::from_data(data, device));
    let row = vec![true; length];
    let tokens = mask(&vec![row.as_slice(); rows], device);
    values(decoder.forward(DecoderInput::causal(inputs, tokens)))
}

/// A decoder whose factors are far from their start.
fn trained(case: &str, lora: &LoraConfig, device: &Device) -> Decoder {
    let mut decoder = load(case, Some(lora), device);
    for layer in &mut decoder.layers {
        for map in [
            &mut layer.self_attn.q_proj,
            &mut layer.self_attn.k_proj,
            &mut layer.self_attn.v_proj,
            &mut layer.self_attn.o_proj,
            &mut layer.mlp.gate_proj,
            &mut layer.mlp.up_proj,
            &mut layer.mlp.down_proj,
        ] {
            let b = &mut map.lora.as_mut().unwrap().b;
            let shape = b.dims();
            let normal = Distribution::Normal(0.0, 0.3);
            *b = Param::from_tensor(Tensor::random(shape, normal, device));
        }
    }
    decoder
}

/// The same with other ranks and scales: in one layer, and in every layer.
fn mixed(case: &str, device: &Device) -> Decoder {
    let lora = LoraConfig::new().with_rank(3).with_alpha(7.0);
    let mut decoder = trained(case, &lora, device);
    let factors = |map: &mut LoraLinear, rank, alpha| {
        let [input, output] = map.linear.weight.dims();
        let normal = |shape| Tensor::random(shape, Distribution::Normal(0.0, 0.3), device);
        let lora = lora.with_rank(rank).with_alpha(alpha);
        let (a, b) = (normal([input, rank]), normal([rank, output]));
        map.lora = Some(Lora::new(a, b, &lora));
    };
    for layer in &mut decoder.layers {
        factors(&mut layer.mlp.down_proj, 5, 2.5);
    }
    factors(&mut decoder.layers[1].self_attn.q_proj, 1, 7.0);
    factors(&mut decoder.layers[0].mlp.up_proj, 3, 11.0);
    decoder
}

fn equal(a: &[(String, TensorData)], b: &[(String, TensorData)]) {
    assert_eq!(a.len(), b.len());
    for ((a, x), (b, y)) in a.iter().zip(b) {
        assert_eq!(a, b);
        assert_eq!(x.as_bytes(), y.as_bytes(), "{a}");
    }
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn adapters_of_peft_give_its_states() {
    for (name, base, maps) in ADAPTERS {
        let (ids, shape, expected) = states(&adapter(name));
        for device in [Device::default(), Device::default().autodiff()] {
            let plain = load(base, None, &device);
            let before = run(&plain, &ids, shape, &device);
            assert!(distance(&before, &expected) > 0.5, "{name} changes nothing");
            let decoder = plain.load_adapter(&adapter(name)).unwrap();
            assert_eq!(decoder.lora_tensors().len(), 2 * maps);
            let decoder = instructue_nn::lora::set_dropout(decoder, false);
            let d = distance(&run(&decoder, &ids, shape, &device), &expected);
            assert!(d <= 1e-4, "{name}: states differ by {d}");
            let merged = decoder.merge().unwrap();
            let d = distance(&run(&merged, &ids, shape, &device), &expected);
            assert!(d <= 1e-4, "{name}: merged states differ by {d}");
        }
    }
}

#[test]
fn factors_that_were_read_are_f32_beside_weights_of_half_precision() {
    let device = Device::default();
    for precision in [Precision::Bf16, Precision::F16] {
        if precision.check(&device).is_err() {
            println!("skipped: the device does not compute in {precision:?}");
            continue;
        }
        let decoder = load("qwen2_untied", None, &device);
        let decoder = decoder.with_precision(precision).unwrap();
        let decoder = decoder.load_adapter(&adapter("partial")).unwrap();
        let factors = decoder.lora_tensors();
        assert_eq!(factors.len(), 2 * 4);
        for (name, data) in factors {
            assert_eq!(data.dtype(), DType::F32, "{name}");
        }
    }
}

#[test]
fn an_adapter_that_was_read_trains_alone() {
    let device = Device::default().autodiff();
    let decoder = load("qwen2_untied", None, &device);
    let decoder = decoder.load_adapter(&adapter("partial")).unwrap();
    let tokens = mask(&[&[true; 3]], &device);
    let inputs = decoder.embed(common::ids(&[&[1, 2, 3]], &device));
    let hidden = decoder.forward(DecoderInput::causal(inputs, tokens));
    let loss = decoder.logits(hidden.reshape([3, 32])).square().sum();
    let gradients = burn::optim::GradientsParams::from_grads(loss.backward(), &decoder);
    assert_eq!(gradients.len(), 2 * 4);
}

#[test]
fn written_and_read_is_bit_for_bit_the_same() {
    let device = Device::default();
    let lora = LoraConfig::new().with_rank(3).with_alpha(7.0);
    let decoder = trained("llama_bias_untied", &lora, &device);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("new/adapter");
    // The second time it replaces what is there, and in between an empty one.
    decoder.save_adapter(&path, None).unwrap();
    fs::remove_dir_all(&path).unwrap();
    fs::create_dir(&path).unwrap();
    decoder.save_adapter(&path, None).unwrap();
    decoder.save_adapter(&path, Some("a/base")).unwrap();
    let beside: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");

    let plain = load("llama_bias_untied", None, &device);
    let again = plain.load_adapter(&path).unwrap();
    equal(&decoder.lora_tensors(), &again.lora_tensors());
    equal(&decoder.save_tensors(), &again.save_tensors());
    let (ids, shape) = ([1, 2, 3, 4], [1, 4]);
    let expected = run(&decoder, &ids, shape, &device);
    assert_eq!(expected, run(&again, &ids, shape, &device));
    // Factors that are there make place.
    let other = trained("llama_bias_untied", &LoraConfig::new(), &device);
    let other = other.load_adapter(&path).unwrap();
    equal(&decoder.lora_tensors(), &other.lora_tensors());

    let config: Value = serde_json::from_slice(&fs::read(path.join(CONFIG)).unwrap()).unwrap();
    for (key, expected) in [
        ("peft_type", json!("LORA")),
        ("task_type", json!("CAUSAL_LM")),
        ("base_model_name_or_path", json!("a/base")),
        ("r", json!(3)),
        ("lora_alpha", json!(7)),
        ("lora_dropout", json!(0.1)),
        ("bias", json!("none")),
    ] {
        assert_eq!(config[key], expected, "{key}");
    }
    let bytes = fs::read(path.join(WEIGHTS)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), 2 * 7 * 2);
    let key = "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight";
    assert_eq!(file.tensor(key).unwrap().shape(), [3, 48]);
}

#[test]
fn ranks_and_scales_of_single_maps_become_patterns() {
    let device = Device::default();
    let decoder = mixed("qwen3_tied", &device);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("adapter");
    decoder.save_adapter(&path, None).unwrap();
    let config: Value = serde_json::from_slice(&fs::read(path.join(CONFIG)).unwrap()).unwrap();
    assert_eq!(
        (&config["r"], &config["lora_alpha"]),
        (&json!(3), &json!(7))
    );
    let ranks = json!({"down_proj": 5, "model.layers.1.self_attn.q_proj": 1});
    assert_eq!(config["rank_pattern"], ranks);
    let alphas = json!({"down_proj": 2.5, "model.layers.0.mlp.up_proj": 11});
    assert_eq!(config["alpha_pattern"], alphas);

    let plain = load("qwen3_tied", None, &device);
    let again = plain.load_adapter(&path).unwrap();
    equal(&decoder.lora_tensors(), &again.lora_tensors());
    let (ids, shape) = ([1, 2, 3, 4], [1, 4]);
    let expected = run(&decoder, &ids, shape, &device);
    assert_eq!(expected, run(&again, &ids, shape, &device));
}

#[test]
fn what_cannot_be_an_adapter_is_not_written() {
    let device = Device::default();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("adapter");
    let plain = load("qwen2_tied", None, &device);
    let message = plain.save_adapter(&path, None).unwrap_err().to_string();
    says(&message, &["adapter", "factors of LoRA", "none"]);

    let lora = LoraConfig::new().with_rank(2);
    let mut decoder = trained("qwen2_tied", &lora, &device);
    decoder.layers[1].self_attn.q_proj.lora = None;
    let message = decoder.save_adapter(&path, None).unwrap_err().to_string();
    says(&message, &["every layer", "1 of 2 `q_proj`"]);
    // A kind of map that no layer adapts is no fault.
    decoder.layers[0].self_attn.q_proj.lora = None;
    decoder.save_adapter(&path, None).unwrap();
    let read = load("qwen2_tied", None, &device);
    let read = read.load_adapter(&path).unwrap();
    equal(&decoder.lora_tensors(), &read.lora_tensors());
    decoder.layers[1]
        .self_attn
        .k_proj
        .lora
        .as_mut()
        .unwrap()
        .dropout
        .prob = 0.5;
    let message = decoder.save_adapter(&path, None).unwrap_err().to_string();
    says(
        &message,
        &["dropout", "0.1", "0.5 at model.layers.1.self_attn.k_proj"],
    );

    // A directory of other things stays.
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter.txt"), "dear").unwrap();
    let decoder = trained("qwen2_tied", &lora, &device);
    let message = decoder.save_adapter(&other, None).unwrap_err().to_string();
    says(
        &message,
        &["other", "a directory without adapter_config.json"],
    );
    assert_eq!(fs::read(other.join("letter.txt")).unwrap(), b"dear");
}

/// What reading says of the golden adapter `causal` with something changed.
fn refusal(
    config: impl FnOnce(&mut Value),
    tensors: impl FnOnce(&mut Vec<(String, TensorData)>),
) -> String {
    let dir = TempDir::new().unwrap();
    let text = fs::read(adapter("causal").join(CONFIG)).unwrap();
    let mut settings: Value = serde_json::from_slice(&text).unwrap();
    config(&mut settings);
    fs::write(dir.path().join(CONFIG), settings.to_string()).unwrap();
    let device = Device::default();
    let read = load("qwen2_tied", None, &device).load_adapter(&adapter("causal"));
    let mut factors = read.unwrap().lora_tensors();
    tensors(&mut factors);
    write_safetensors(&dir.path().join(WEIGHTS), factors, None).unwrap();
    let result = load("qwen2_tied", None, &device).load_adapter(dir.path());
    result.unwrap_err().to_string()
}

#[test]
fn settings_that_are_not_supported_are_named() {
    let cases = [
        ("peft_type", json!("IA3"), "\"LORA\""),
        ("r", json!(0), "from 1"),
        ("r", Value::Null, "from 1"),
        ("r", json!(-4), "-4"),
        ("r", json!(1u64 << 40), "from 1"),
        ("lora_alpha", json!("much"), "much"),
        ("lora_dropout", json!(1.0), "[0, 1)"),
        ("use_rslora", json!("yes"), "true or false"),
        ("target_modules", json!(".*"), "a list"),
        ("target_modules", json!([]), "a list"),
        ("target_modules", json!(["c_attn"]), "c_attn"),
        ("rank_pattern", json!(["q_proj"]), "an object of patterns"),
        ("rank_pattern", json!({"q_proj": 0}), "\"q_proj\": 0"),
        ("rank_pattern", json!({"(q_proj": 8}), "regular expressions"),
        ("alpha_pattern", json!({"q_proj": "8"}), "numbers"),
        ("use_dora", json!(true), "not supported"),
        ("modules_to_save", json!(["lm_head"]), "lm_head"),
        ("fan_in_fan_out", json!(true), "not supported"),
        ("layers_to_transform", json!([0]), "[0]"),
        ("bias", json!("all"), "\"none\""),
        ("lora_bias", json!(true), "not supported"),
        ("init_lora_weights", json!("pissa"), "pissa"),
        ("something_new", json!(true), "not supported"),
    ];
    for (key, value, part) in cases {
        let message = refusal(|config| config[key] = value, |_| ());
        says(&message, &[CONFIG, key, "expected", "found", part]);
    }
    let message = refusal(|config| *config = json!([1]), |_| ());
    says(&message, &[CONFIG, "map"]);
}

#[test]
fn factors_that_do_not_fit_are_named() {
    let key = "base_model.model.model.layers.1.mlp.up_proj.lora_B.weight";
    let at = |tensors: &Vec<(String, TensorData)>| tensors.iter().position(|t| t.0 == key);

    let message = refusal(|_| (), |tensors| tensors.retain(|t| t.0 != key));
    says(&message, &[WEIGHTS, key, "missing"]);
    let message = refusal(
        |config| config["target_modules"] = json!(["q_proj", "k_proj"]),
        |_| (),
    );
    says(&message, &[WEIGHTS, "o_proj.lora_A", "without a place"]);
    let message = refusal(|config| config["r"] = json!(5), |_| ());
    says(&message, &["lora_A", "[5, 32]", "[4, 32]"]);
    let ranks = json!({"layers.1.mlp.up_proj": 5});
    let message = refusal(|config| config["rank_pattern"] = ranks, |_| ());
    says(&message, &["1.mlp.up_proj.lora_A", "[5, 32]", "[4, 32]"]);
    let shape = refusal(
        |_| (),
        |tensors| {
            let at = at(tensors).unwrap();
            tensors[at].1 = TensorData::new(vec![0f32; 4 * 40], [40, 4]);
        },
    );
    says(&shape, &[key, "[48, 4]", "[40, 4]"]);
    let message = refusal(
        |_| (),
        |tensors| {
            let at = at(tensors).unwrap();
            let mut values = vec![0f32; 4 * 48];
            values[9] = f32::NAN;
            tensors[at].1 = TensorData::new(values, [48, 4]);
        },
    );
    says(&message, &[key, "NaN", "element 9"]);
    let extra = "base_model.model.model.embed_tokens.weight";
    let message = refusal(
        |_| (),
        |tensors| tensors.push((extra.into(), TensorData::new(vec![0f32; 2], [2]))),
    );
    says(&message, &[WEIGHTS, extra]);
}

#[test]
fn an_adapter_for_another_base_is_one_short_error() {
    let device = Device::default();
    // Deeper than the decoder: the names left over are many, the message is not.
    let mut config = small();
    config.num_hidden_layers = 9;
    let lora = LoraConfig::new().with_rank(2);
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("adapter");
    let deep = config.init(Some(&lora), &device).unwrap();
    deep.save_adapter(&path, None).unwrap();
    let shallow = small().init(None, &device).unwrap();
    let message = shallow.load_adapter(&path).unwrap_err().to_string();
    says(&message, &["layers.2.", "98 in all"]);
    assert!(message.len() < 1200, "{message}");
    config.num_hidden_layers = 10;
    let deeper = config.init(None, &device).unwrap();
    let message = deeper.load_adapter(&path).unwrap_err().to_string();
    says(&message, &["layers.9.", "missing"]);
    // Wider.
    config.num_hidden_layers = 2;
    config.hidden_size = 64;
    let wide = config.init(None, &device).unwrap();
    let message = wide.load_adapter(&path).unwrap_err().to_string();
    says(&message, &["q_proj.lora_A", "[2, 64]", "[2, 32]"]);
    // Nothing there at all.
    let nowhere = dir.path().join("nowhere");
    let message = wide_error(&config, &nowhere);
    says(&message, &["nowhere", CONFIG]);
}

fn wide_error(config: &instructue_backbone::DecoderConfig, dir: &Path) -> String {
    let decoder = config.init(None, &Device::default()).unwrap();
    decoder.load_adapter(dir).unwrap_err().to_string()
}

#[test]
fn merging_changes_no_state_and_is_undone() {
    let device = Device::default();
    let (ids, shape) = ([7, 3, 3, 9, 1, 60], [2, 3]);
    for case in ["qwen2_tied", "llama_bias_untied"] {
        for rank in [1, 4, 16] {
            let lora = LoraConfig::new().with_rank(rank).with_alpha(2.0);
            let decoder = trained(case, &lora, &device);
            let expected = run(&decoder, &ids, shape, &device);
            let merged = decoder.clone().merge().unwrap();
            assert!(merged.is_merged() && merged.has_lora() && !decoder.is_merged());
            let d = distance(&expected, &run(&merged, &ids, shape, &device));
            assert!(d <= 1e-5, "{case}, rank {rank}: states differ by {d}");
            equal(&decoder.lora_tensors(), &merged.lora_tensors());
            // The merged weights are a plain checkpoint with the same states.
            let dir = TempDir::new().unwrap();
            let path = dir.path().join(instructue_nn::checkpoint::WEIGHTS);
            merged.save_weights(&path).unwrap();
            let plain = decoder.config().load_weights(dir.path(), None, &device);
            let plain = run(&plain.unwrap(), &ids, shape, &device);
            assert_eq!(plain, run(&merged, &ids, shape, &device));

            let message = merged.clone().merge().unwrap_err().to_string();
            says(&message, &["expected unmerged", "found merged"]);
            let refused = merged.clone().load_adapter(&adapter("causal"));
            says(&refused.unwrap_err().to_string(), &["found merged"]);

            let back = merged.unmerge().unwrap();
            let pairs = decoder.save_tensors().into_iter().zip(back.save_tensors());
            for ((name, before), (_, after)) in pairs {
                let before: Vec<f32> = before.try_to_vec().unwrap();
                let d = distance(&before, &after.try_to_vec::<f32>().unwrap());
                assert!(d <= 1e-6, "{name} is off by {d}");
            }
            let d = distance(&expected, &run(&back, &ids, shape, &device));
            assert!(d <= 1e-5, "{case}: states differ by {d} afterwards");
            let message = back.unmerge().unwrap_err().to_string();
            says(&message, &["expected merged", "found unmerged"]);
        }
    }
    let plain = load("qwen2_tied", None, &device);
    for result in [plain.clone().merge(), plain.unmerge()] {
        says(&result.unwrap_err().to_string(), &["found none"]);
    }
}

#[test]
fn a_decoder_that_is_merged_in_part_is_left_alone() {
    let device = Device::default();
    let lora = LoraConfig::new().with_rank(2);
    let mut decoder = trained("qwen2_tied", &lora, &device);
    let last = &mut decoder.layers[1].mlp.down_proj;
    *last = last.clone().merge().unwrap();
    assert!(decoder.is_merged());
    assert!(decoder.clone().merge().is_err());
    assert!(decoder.unmerge().is_err());
}

#[test]
#[ignore = "writes what scripts/parity/adapters.py reads"]
fn exports_for_peft() {
    let out = std::env::var_os("INSTRUCTUE_PEFT_OUT").expect("INSTRUCTUE_PEFT_OUT names a folder");
    let device = Device::default();
    let plain = |case, rank: usize, alpha| {
        let lora = LoraConfig::new().with_rank(rank).with_alpha(alpha);
        device.seed(rank as u64);
        (case, trained(case, &lora, &device))
    };
    for (case, decoder) in [
        plain("qwen2_tied", 4, 6.0),
        plain("llama_bias_untied", 3, 2.5),
        ("qwen3_tied", mixed("qwen3_tied", &device)),
    ] {
        let dir = Path::new(&out).join(case);
        decoder.save_adapter(&dir.join("adapter"), None).unwrap();
        let (ids, shape) = ([5i64, 9, 11, 60, 61, 2, 7, 8], [2, 4]);
        let hidden = run(&decoder.valid(), &ids, shape, &device);
        let tensors = vec![
            ("ids".into(), TensorData::new(ids.to_vec(), shape)),
            ("hidden".into(), TensorData::new(hidden, [2, 4, 32])),
        ];
        write_safetensors(&dir.join("states.safetensors"), tensors, None).unwrap();
    }
}
