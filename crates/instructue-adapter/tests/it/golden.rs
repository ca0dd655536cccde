//! The MLP compared with torch (`scripts/golden/bert.py`).

use std::fs;
use std::path::Path;

use burn::module::Param;
use burn::prelude::*;
use instructue_adapter::{AdapterConfig, AdapterKind, MlpConfig, Projection};
use safetensors::SafeTensors;

use crate::common::distance;

struct Golden(Vec<u8>);

impl Golden {
    fn open() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self(fs::read(root.join("tests/golden/mlp.safetensors")).unwrap())
    }

    fn get<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let view = tensors.tensor(name).unwrap();
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        Tensor::from_data(TensorData::new(values, view.shape().to_vec()), device)
    }
}

#[test]
fn mlp_and_features_match_torch() {
    let device = Device::default();
    let golden = Golden::open();
    let get = |name: &str| Param::from_tensor(golden.get::<1>(name, &device));
    let matrix = |name: &str| Param::from_tensor(golden.get::<2>(name, &device).transpose());

    let mut mlp = MlpConfig::new(12, 16)
        .with_hidden(Some(20))
        .init(&device)
        .unwrap();
    mlp.norm.gamma = get("norm.weight");
    mlp.norm.beta = Some(get("norm.bias"));
    mlp.up.weight = matrix("up.weight");
    mlp.up.bias = Some(get("up.bias"));
    mlp.down.weight = matrix("down.weight");
    mlp.down.bias = Some(get("down.bias"));

    let input = golden.get::<2>("input", &device);
    let found = mlp.forward(input.clone());
    assert!(distance(found, golden.get("output", &device)) <= 1e-4);

    let config = AdapterConfig::new(12, 3, 16).with_kind(AdapterKind::Mlp);
    let mut adapter = config.init(&device).unwrap();
    adapter.projection = Projection::Mlp(mlp);
    adapter.features.as_mut().unwrap().weight = matrix("features.weight");
    let features = golden.get("input_features", &device);
    let found = adapter.forward(input, Some(features));
    assert!(distance(found, golden.get("output_with_features", &device)) <= 1e-4);
}
