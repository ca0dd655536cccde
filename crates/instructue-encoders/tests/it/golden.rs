//! The text encoder against transformers (`scripts/golden/bert.py`).

use crate::common;
use std::collections::BTreeMap;

use crate::common::{Raw, distance, float, golden, int, read, tiny};
use burn::prelude::*;
use instructue_encoders::{BertConfig, EncoderCheckpoint, Pooling, TextBatch, TextEncoder};
use safetensors::Dtype;

fn load(dir: &std::path::Path, pooling: Pooling, device: &Device) -> TextEncoder {
    tiny().load_weights(dir, pooling, None, device).unwrap()
}

fn inputs(device: &Device) -> TextBatch {
    let file = read(&golden().join("bert.safetensors"));
    TextBatch {
        ids: int(&file["ids"], device),
        mask: int(&file["mask"], device).bool(),
    }
}

#[test]
fn states_and_poolings_match_transformers() {
    let file = read(&golden().join("bert.safetensors"));
    // The two devices take different paths through attention and norms.
    for device in [Device::default(), Device::default().autodiff()] {
        let batch = inputs(&device);
        let cls = load(&golden().join("bert"), Pooling::Cls, &device);
        let mean = load(&golden().join("bert"), Pooling::Mean, &device);

        let states = cls.states(batch.clone());
        let real = batch.mask.clone().float().unsqueeze_dim::<3>(2);
        assert!(distance(states * real, float(&file["hidden"], &device)) <= 1e-4);
        let found = cls.forward(batch.clone());
        assert!(distance(found, float(&file["cls"], &device)) <= 1e-4);
        let found = mean.forward(batch);
        assert!(distance(found, float(&file["mean"], &device)) <= 1e-4);
    }
}

#[test]
fn keys_under_bert_with_heads_and_buffers_load_the_same() {
    let device = Device::default();
    let dir = common::copy();
    let path = dir.path().join("model.safetensors");
    let mut tensors: std::collections::BTreeMap<_, _> = read(&path)
        .into_iter()
        .map(|(name, raw)| (format!("bert.{name}"), raw))
        .collect();
    let ids: Vec<u8> = (0..16i64).flat_map(i64::to_le_bytes).collect();
    let position_ids = (Dtype::I64, vec![1, 16], ids);
    tensors.insert("bert.embeddings.position_ids".into(), position_ids);
    let head = (Dtype::F32, vec![1], vec![0; 4]);
    tensors.insert("cls.predictions.bias".into(), head);
    common::write(&path, &tensors);

    let plain = load(&golden().join("bert"), Pooling::Cls, &device);
    let under = load(dir.path(), Pooling::Cls, &device);
    let batch = inputs(&device);
    let (plain, under) = (plain.forward(batch.clone()), under.forward(batch));
    assert_eq!(plain.into_data(), under.into_data());
}

/// The golden weights under the names that they have in files made of TensorFlow's.
fn older(prefix: &str) -> BTreeMap<String, Raw> {
    let tensors = read(&golden().join("bert").join("model.safetensors"));
    let renamed = tensors.into_iter().map(|(name, raw)| {
        let name = name.replace("LayerNorm.weight", "LayerNorm.gamma");
        let name = name.replace("LayerNorm.bias", "LayerNorm.beta");
        (format!("{prefix}{name}"), raw)
    });
    renamed.collect()
}

#[test]
fn norms_called_gamma_and_beta_load_the_same() {
    let device = Device::default();
    let plain = load(&golden().join("bert"), Pooling::Mean, &device);
    let expected = plain.forward(inputs(&device)).into_data();
    for prefix in ["", "bert."] {
        let dir = common::copy();
        let mut tensors = older(prefix);
        let head = "cls.predictions.transform.LayerNorm.gamma";
        tensors.insert(head.into(), (Dtype::F32, vec![1], vec![0; 4]));
        let path = dir.path().join("model.safetensors");
        common::write(&path, &tensors);
        let found = load(dir.path(), Pooling::Mean, &device);
        assert_eq!(
            found.forward(inputs(&device)).into_data(),
            expected,
            "{prefix}"
        );

        // One of the two names is missing, or both are there.
        let norm = format!("{prefix}encoder.layer.1.output.LayerNorm");
        let beta = tensors.remove(&format!("{norm}.beta")).unwrap();
        common::write(&path, &tensors);
        let refusal = || {
            let read = tiny().load_weights(dir.path(), Pooling::Mean, None, &device);
            read.unwrap_err().to_string()
        };
        assert!(
            refusal().contains(&format!("`{norm}.bias` is missing")),
            "{}",
            refusal()
        );
        for name in ["bias", "beta"] {
            tensors.insert(format!("{norm}.{name}"), beta.clone());
        }
        common::write(&path, &tensors);
        assert!(refusal().contains(&format!("{norm}.bias")), "{}", refusal());
    }
}

#[test]
fn a_roberta_numbers_its_positions_from_behind_the_padding() {
    let file = read(&golden().join("roberta.safetensors"));
    let dir = golden().join("roberta");
    let config = BertConfig::load(&dir).unwrap();
    // Rows 0 and 1 of the table are nobody's.
    assert_eq!(
        (config.max_position_embeddings, config.max_length()),
        (14, 12)
    );
    let device = Device::default();
    let batch = TextBatch {
        ids: int(&file["ids"], &device),
        mask: int(&file["mask"], &device).bool(),
    };
    for (pooling, name) in [(Pooling::Cls, "cls"), (Pooling::Mean, "mean")] {
        let encoder = config.load_weights(&dir, pooling, None, &device).unwrap();
        assert_eq!(encoder.max_length(), 12);
        let found = encoder.forward(batch.clone());
        assert!(
            distance(found, float(&file[name], &device)) <= 1e-4,
            "{name}"
        );
    }
    let checkpoint = EncoderCheckpoint::open(&dir, None).unwrap();
    assert_eq!(checkpoint.max_length(), 12);
    let encoder = checkpoint.load(None, &device).unwrap();
    let error = encoder.batch(&[vec![5; 13]], &device).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("13 tokens, the encoder allows 12"),
        "{error}"
    );

    // The kind of numbering is part of what identifies an encoder.
    let bert = BertConfig {
        model_type: "bert".into(),
        ..config.clone()
    };
    let bert = bert
        .load_weights(&dir, Pooling::Mean, None, &device)
        .unwrap();
    assert_ne!(bert.digest(), encoder.digest());

    // Under the name of its family, with the head of its training beside it.
    let path = tempfile::tempdir().unwrap();
    let tensors = read(&dir.join("model.safetensors")).into_iter();
    let mut tensors: BTreeMap<_, _> = tensors
        .map(|(name, raw)| (format!("roberta.{name}"), raw))
        .collect();
    tensors.insert("lm_head.bias".into(), (Dtype::F32, vec![1], vec![0; 4]));
    common::write(&path.path().join("model.safetensors"), &tensors);
    let under = config
        .load_weights(path.path(), Pooling::Mean, None, &device)
        .unwrap();
    assert_eq!(under.digest(), encoder.digest());
}

#[test]
fn a_plain_directory_gets_the_mean_unless_another_pooling_is_given() {
    let dir = golden().join("bert");
    let pooling = |given| EncoderCheckpoint::open(&dir, given).unwrap().pooling();
    assert_eq!(pooling(None), Pooling::Mean);
    assert_eq!(pooling(Some(Pooling::Cls)), Pooling::Cls);

    // What a file declares is neither left out nor overruled.
    let declared = common::copy();
    std::fs::create_dir(declared.path().join("1_Pooling")).unwrap();
    let file = declared.path().join("1_Pooling/config.json");
    std::fs::write(file, r#"{"pooling_mode_cls_token": true}"#).unwrap();
    let open = |given| EncoderCheckpoint::open(declared.path(), given);
    for given in [None, Some(Pooling::Cls)] {
        assert_eq!(open(given).unwrap().pooling(), Pooling::Cls);
    }
    let error = open(Some(Pooling::Mean)).unwrap_err().to_string();
    for part in ["1_Pooling/config.json", "`pooling_mode` is cls", "`mean`"] {
        assert!(error.contains(part), "{error}");
    }
}
