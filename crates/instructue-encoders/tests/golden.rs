//! The text encoder against transformers (`scripts/golden/bert.py`).

mod common;

use burn::prelude::*;
use common::{distance, float, golden, int, read, tiny};
use instructue_encoders::{Pooling, TextBatch, TextEncoder};
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
