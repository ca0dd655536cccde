//! Reading of golden files, and comparison of slices.
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::SafeTensors;

/// A golden file.
pub struct Golden<'a> {
    bytes: &'a [u8],
    tensors: SafeTensors<'a>,
}

impl<'a> Golden<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let tensors = SafeTensors::deserialize(bytes).unwrap();
        Self { bytes, tensors }
    }

    pub fn metadata(&self, key: &str) -> String {
        let (_, header) = SafeTensors::read_metadata(self.bytes).unwrap();
        header.metadata().as_ref().unwrap()[key].clone()
    }

    pub fn floats(&self, name: &str) -> Vec<f32> {
        let bytes = self.tensors.tensor(name).unwrap().data();
        bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }

    pub fn integers(&self, name: &str) -> Vec<i64> {
        let bytes = self.tensors.tensor(name).unwrap().data();
        bytes
            .chunks_exact(8)
            .map(|b| i64::from_le_bytes(b.try_into().unwrap()))
            .collect()
    }

    pub fn matrix(&self, name: &str, device: &Device) -> Tensor<2> {
        let shape = self.tensors.tensor(name).unwrap().shape().to_vec();
        Tensor::from_data(TensorData::new(self.floats(name), shape), device)
    }
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Asserts equality up to `tolerance`, which is relative for values above 1.
pub fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: length");
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        let scale = e.abs().max(1.0);
        assert!(
            (f - e).abs() <= tolerance * scale,
            "{what}[{i}]: expected {e}, found {f}"
        );
    }
}
