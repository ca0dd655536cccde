//! Linear maps as one matrix product over all rows. Layers call these functions rather
//! than Burn's `Linear::forward`, which splits the work by batch entry.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Distribution, Tensor};

use crate::kernels::{product, product_dtype, product_weight};

/// `x·W + b`, the leading axes of `x` taken together as rows.
///
/// One product of two matrices is split over the cores by blocks; a batched
/// product would be split by batch entry, which is worse for few long rows.
///
/// # Shapes
///
/// - `x`: `[..., input]`, of any element type
/// - result: `[..., output]`, of the weight's element type or, from a device that
///   multiplies in `f32` anyway, `f32`
///
/// # Panics
///
/// If the last axis of `x` is not the map's input width.
pub fn linear<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    let mut dims = x.dims();
    let rows = flatten(x);
    let y = linear_rows(layer, rows);
    dims[D - 1] = y.dims()[1];
    y.reshape(dims)
}

/// `x·tableᵀ`: how well each row of `x` fits each row of a table.
///
/// # Shapes
///
/// - `table`: `[entries, width]`
/// - `x`: `[rows, width]`, of any element type
/// - result: `[rows, entries]`, of the type that [`linear`] gives
pub fn scores(table: &Tensor<2>, x: Tensor<2>) -> Tensor<2> {
    /// Entries of a table that are widened at a time: a copy of all of a
    /// vocabulary would be as large as a small model.
    const ENTRIES: usize = 8192;
    let dtype = product_dtype(table);
    let x = x.cast(dtype);
    if dtype == table.dtype() {
        return product(x, table.clone().transpose());
    }
    let entries = table.dims()[0];
    let parts = (0..entries).step_by(ENTRIES).map(|from| {
        let part = table.clone().narrow(0, from, ENTRIES.min(entries - from));
        product(x.clone(), product_weight(part).transpose())
    });
    Tensor::cat(parts.collect(), 1)
}

/// `[..., width]` → `[rows, width]`.
pub(crate) fn flatten<const D: usize>(x: Tensor<D>) -> Tensor<2> {
    let dims = x.dims();
    let rows = dims[..D - 1].iter().product::<usize>();
    x.reshape([rows, dims[D - 1]])
}

pub(crate) fn linear_rows(layer: &Linear, rows: Tensor<2>) -> Tensor<2> {
    let weight = product_weight(layer.weight.val());
    let dtype = weight.dtype();
    add_bias(layer, product(rows.cast(dtype), weight))
}

/// `y + b`, where the map has a bias.
pub(crate) fn add_bias(layer: &Linear, y: Tensor<2>) -> Tensor<2> {
    match &layer.bias {
        Some(bias) => {
            let bias = bias.val().cast(y.dtype());
            y + bias.unsqueeze()
        }
        None => y,
    }
}

/// A fresh linear map: weights normal with standard deviation `std`, bias zero.
///
/// Unlike Burn's own initialiser it draws at once, so that the order of draws
/// is the order of the calls and a seeded device gives the same model.
pub fn normal_linear(input: usize, output: usize, bias: bool, std: f64, device: &Device) -> Linear {
    let weight = Tensor::random([input, output], Distribution::Normal(0.0, std), device);
    Linear {
        weight: Param::from_tensor(weight),
        bias: bias.then(|| Param::from_tensor(Tensor::zeros([output], device))),
    }
}
