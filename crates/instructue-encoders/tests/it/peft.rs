//! Adapters of peft (`scripts/golden/adapters.py`), adapters for peft, and LoRA in
//! and out of the weights.

use crate::common;
use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{distance, float, golden, int, read, tiny};
use burn::module::{Module, ModuleMapper, Param};
use burn::prelude::*;
use burn::tensor::Distribution;
use instructue_encoders::{BertConfig, LoraConfig, Pooling, TextBatch, TextEncoder};
use instructue_nn::checkpoint::write_safetensors;
use instructue_nn::lora::set_dropout;
use instructue_nn::peft::{CONFIG, WEIGHTS};
use serde_json::{Value, json};

fn adapter() -> PathBuf {
    golden().join("peft/bert")
}

fn encoder(lora: Option<&LoraConfig>, device: &Device) -> TextEncoder {
    let dir = golden().join("bert");
    tiny()
        .load_weights(dir, Pooling::Mean, lora, device)
        .unwrap()
}

/// Draws every `B`: the only matrices that are zero.
struct Train;

impl ModuleMapper for Train {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let zero = D == 2 && param.val().abs().max().into_scalar::<f32>() == 0.0;
        match zero {
            true => param.map(|b| {
                let normal = Distribution::Normal(0.0, 0.3);
                Tensor::random(b.dims(), normal, &b.device())
            }),
            false => param,
        }
    }
}

fn trained(rank: usize, device: &Device) -> TextEncoder {
    let lora = LoraConfig::new().with_rank(rank).with_alpha(2.0);
    encoder(Some(&lora), device).map(&mut Train)
}

fn texts(encoder: &TextEncoder, device: &Device) -> TextBatch {
    let texts = [vec![5, 9, 33, 2], vec![7], vec![1, 2, 3, 4, 5, 6, 7]];
    encoder.batch(&texts, device).unwrap()
}

#[test]
fn adapters_of_peft_give_its_states() {
    let file = read(&adapter().join("golden.safetensors"));
    for device in [Device::default(), Device::default().autodiff()] {
        let batch = TextBatch {
            ids: int(&file["ids"], &device),
            mask: int(&file["mask"], &device).bool(),
        };
        let expected = float::<3>(&file["hidden"], &device);
        let plain = encoder(None, &device);
        assert!(distance(plain.states(batch.clone()), expected.clone()) > 0.5);
        let adapted = set_dropout(plain.load_adapter(adapter()).unwrap(), false);
        assert!(adapted.has_lora());
        let found = adapted.states(batch.clone());
        assert!(distance(found, expected.clone()) <= 1e-4);
        let found = adapted.merge().unwrap().states(batch);
        assert!(distance(found, expected) <= 1e-4);
    }
}

#[test]
fn written_and_read_is_bit_for_bit_the_same() {
    let device = Device::default();
    let encoder = trained(3, &device);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("adapter");
    encoder.save_adapter(&path, Some("tiny")).unwrap();
    let again = self::encoder(None, &device).load_adapter(&path).unwrap();
    let (a, b) = (encoder.save_tensors(), again.save_tensors());
    assert_eq!(a, b);
    assert_eq!(
        a.iter().filter(|t| t.0.contains("lora_")).count(),
        2 * 4 * 2
    );
    let batch = texts(&encoder, &device);
    let (a, b) = (encoder.forward(batch.clone()), again.forward(batch));
    assert_eq!(a.into_data(), b.into_data());

    let config: Value = serde_json::from_slice(&fs::read(path.join(CONFIG)).unwrap()).unwrap();
    assert_eq!(config["task_type"], "FEATURE_EXTRACTION");
    let targets = ["attention.output.dense", "key", "query", "value"];
    assert_eq!(config["target_modules"], json!(targets));

    // As a model with a head writes them.
    let tensors: std::collections::BTreeMap<_, _> = read(&path.join(WEIGHTS))
        .into_iter()
        .map(|(name, raw)| (name.replace("model.encoder", "model.bert.encoder"), raw))
        .collect();
    common::write(&path.join(WEIGHTS), &tensors);
    let under = self::encoder(None, &device).load_adapter(&path).unwrap();
    assert_eq!(encoder.save_tensors(), under.save_tensors());
}

#[test]
fn adapters_that_do_not_fit_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for name in [CONFIG, WEIGHTS] {
        fs::copy(adapter().join(name), dir.path().join(name)).unwrap();
    }
    let device = Device::default();
    let refusal = || {
        let result = encoder(None, &device).load_adapter(dir.path());
        result.unwrap_err().to_string()
    };
    let path = dir.path().join(WEIGHTS);
    let whole = read(&path);
    let key = "base_model.model.encoder.layer.1.attention.output.dense.lora_B.weight";

    let mut tensors = whole.clone();
    let lost = tensors.remove(key).unwrap();
    common::write(&path, &tensors);
    let error = refusal();
    assert!(error.contains(&format!("`{key}` is missing")), "{error}");
    tensors.insert(key.into(), (lost.0, vec![4, 32], lost.2.clone()));
    common::write(&path, &tensors);
    let error = refusal();
    assert!(error.contains("[32, 4], found [4, 32]"), "{error}");
    let mut bytes = lost.2.clone();
    bytes[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    tensors.insert(key.into(), (lost.0, lost.1.clone(), bytes));
    common::write(&path, &tensors);
    assert!(refusal().contains("NaN at element 1"));
    // What peft adapts under the plain name `dense` includes feed-forward maps.
    let mut tensors = whole;
    let other = "base_model.model.encoder.layer.1.output.dense.lora_B.weight";
    tensors.insert(other.into(), lost);
    common::write(&path, &tensors);
    let error = refusal();
    assert!(
        error.contains(other) && error.contains("without a place"),
        "{error}"
    );
}

#[test]
fn an_adapter_for_another_base_is_named() {
    let device = Device::default();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("adapter");
    trained(2, &device).save_adapter(&path, None).unwrap();
    let refusal = |change: fn(&mut BertConfig)| {
        let mut config = tiny();
        change(&mut config);
        let encoder = config.init(Pooling::Mean, None, &device).unwrap();
        encoder.load_adapter(&path).unwrap_err().to_string()
    };
    let wider = refusal(|config| config.hidden_size = 64);
    assert!(
        wider.contains("query.lora_A.weight` should have shape [2, 64], found [2, 32]"),
        "{wider}"
    );
    let shallower = refusal(|config| config.num_hidden_layers = 1);
    assert!(shallower.contains("encoder.layer.1."), "{shallower}");
    assert!(
        shallower.contains("without a place") && shallower.contains("8 in all"),
        "{shallower}"
    );
    let deeper = refusal(|config| config.num_hidden_layers = 3);
    assert!(
        deeper.contains("encoder.layer.2.") && deeper.contains("is missing"),
        "{deeper}"
    );
}

#[test]
fn merging_changes_no_vector_and_is_undone() {
    let device = Device::default();
    for rank in [1, 4, 16] {
        let encoder = trained(rank, &device);
        let batch = texts(&encoder, &device);
        let expected = encoder.forward(batch.clone());
        let plain = self::encoder(None, &device).forward(batch.clone());
        assert!(distance(expected.clone(), plain) > 1e-2);
        let merged = encoder.clone().merge().unwrap();
        assert!(merged.is_merged() && !encoder.is_merged());
        let found = merged.forward(batch.clone());
        assert!(distance(expected.clone(), found.clone()) <= 1e-5);
        // Saved, it is a plain checkpoint.
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.safetensors");
        write_safetensors(&path, merged.save_tensors(), None).unwrap();
        let plain = tiny().load_weights(dir.path(), Pooling::Mean, None, &device);
        let plain = plain.unwrap().forward(batch.clone());
        assert_eq!(plain.into_data(), found.into_data());

        let error = merged.clone().merge().unwrap_err().to_string();
        assert!(
            error.contains("expected unmerged ones, found merged"),
            "{error}"
        );
        let back = merged.unmerge().unwrap();
        let pairs = encoder.save_tensors().into_iter().zip(back.save_tensors());
        for ((name, before), (_, after)) in pairs {
            let before = before.try_to_vec::<f32>().unwrap();
            let after = after.try_to_vec::<f32>().unwrap();
            for (x, y) in before.iter().zip(&after) {
                assert!((x - y).abs() <= 1e-6, "{name}: {x} became {y}");
            }
        }
        assert!(distance(expected, back.forward(batch)) <= 1e-5);
        let error = back.unmerge().unwrap_err().to_string();
        assert!(
            error.contains("expected merged ones, found unmerged"),
            "{error}"
        );
    }
    let error = encoder(None, &device).merge().unwrap_err().to_string();
    assert!(error.contains("found none"), "{error}");
}

#[test]
#[ignore = "writes what scripts/parity/adapters.py reads"]
fn exports_for_peft() {
    let out = std::env::var_os("INSTRUCTUE_PEFT_OUT").expect("INSTRUCTUE_PEFT_OUT names a folder");
    let device = Device::default();
    device.seed(1);
    let encoder = trained(4, &device);
    let dir = Path::new(&out).join("bert");
    encoder.save_adapter(dir.join("adapter"), None).unwrap();
    let texts = [[5u32, 9, 33, 2], [7, 1, 2, 3]];
    let hidden = encoder.states(encoder.batch(&texts, &device).unwrap());
    let ids: Vec<i64> = texts.concat().into_iter().map(i64::from).collect();
    let tensors = vec![
        ("ids".into(), TensorData::new(ids, [2, 4])),
        ("hidden".into(), hidden.into_data()),
    ];
    write_safetensors(&dir.join("states.safetensors"), tensors, None).unwrap();
}
