//! What the tests share.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::prelude::*;
use instructue_encoders::{BertConfig, TextBatch};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

pub fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A tensor's dtype, shape and bytes.
pub type Raw = (Dtype, Vec<usize>, Vec<u8>);

pub fn read(path: &Path) -> BTreeMap<String, Raw> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let raw = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
            (name.to_string(), raw)
        })
        .collect()
}

pub fn write(path: &Path, tensors: &BTreeMap<String, Raw>) {
    let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
        (
            name.clone(),
            TensorView::new(*dtype, shape.clone(), bytes).unwrap(),
        )
    });
    safetensors::serialize_to_file(views, None, path).unwrap();
}

pub fn float<const D: usize>(raw: &Raw, device: &Device) -> Tensor<D> {
    let values: Vec<f32> = raw
        .2
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    Tensor::from_data(TensorData::new(values, raw.1.clone()), device)
}

pub fn int(raw: &Raw, device: &Device) -> Tensor<2, Int> {
    let values: Vec<i32> = raw
        .2
        .chunks_exact(4)
        .map(|b| i32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    Tensor::from_data(TensorData::new(values, raw.1.clone()), device)
}

pub fn distance<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).abs().max().into_scalar()
}

pub fn tiny() -> BertConfig {
    BertConfig::load(golden().join("bert")).unwrap()
}

/// The golden checkpoint in a directory of its own, to be spoilt.
pub fn copy() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(golden().join("bert").join(name), dir.path().join(name)).unwrap();
    }
    dir
}

/// The columns of a batch beyond its longest text, added.
pub fn pad(batch: TextBatch, columns: usize) -> TextBatch {
    let [texts, _] = batch.ids.dims();
    let device = batch.ids.device();
    let ids = Tensor::full([texts, columns], 3, &device);
    let mask = Tensor::<2, Int>::zeros([texts, columns], &device).bool();
    TextBatch {
        ids: Tensor::cat(vec![batch.ids, ids], 1),
        mask: Tensor::cat(vec![batch.mask, mask], 1),
    }
}
