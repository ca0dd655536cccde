//! Statistics of embedding tables, a block of rows at a time.

use burn::tensor::{DType, Tensor};

/// Root mean square of a table's entries.
pub(crate) fn table_rms(table: Tensor<2>) -> f64 {
    let [rows, width] = table.dims();
    let squares = blocks(&table).map(|block| block.square().sum());
    let sum = squares.reduce(|sum, block| sum + block);
    let sum = sum.map_or(0.0, |sum| f64::from(sum.into_scalar::<f32>()));
    (sum / (rows * width) as f64).sqrt()
}

/// The mean of a table's rows, `[width]`: what all its entries have in common.
pub(crate) fn table_mean(table: Tensor<2>) -> Tensor<1> {
    let [rows, width] = table.dims();
    let table = table.detach();
    let sums = blocks(&table).map(|block| block.sum_dim(0).reshape([width]));
    let sum = sums.reduce(|sum, block| sum + block);
    sum.unwrap_or_else(|| Tensor::zeros([width], &table.device())) / rows as f64
}

/// A table as `f32`, some rows at a time: half precision cannot sum it, and a
/// copy of all of it would be as large as a small model.
fn blocks(table: &Tensor<2>) -> impl Iterator<Item = Tensor<2>> {
    const ROWS: usize = 4096;
    let rows = table.dims()[0];
    (0..rows).step_by(ROWS).map(move |from| {
        let block = table.clone().narrow(0, from, ROWS.min(rows - from));
        block.cast(DType::F32)
    })
}
