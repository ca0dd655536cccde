//! Host arrays as tensors.

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Why a mask has the size that its shape says.
pub(super) const SIZED: &str = "one entry per row, query and key";

pub(crate) fn ints(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

pub(crate) fn ints2(values: Vec<i64>, shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
