//! Masked scaled dot-product attention with grouped key and value heads
//! (arXiv:2305.13245). Decoder, encoder and lookup attend by [`attend`]; an
//! [`AttentionBias`] says what may attend to what.

use burn::tensor::module::attention;
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Bool, DType, Device, Tensor, TensorData};

pub use crate::mask::MASKED;

use crate::kernels::{biased_softmax, blocked_attention, half, own_device, own_operators};
use crate::{Error, Result};

/// An additive mask, shared by all heads: 0 where a query may attend to a key,
/// [`MASKED`] where it may not.
#[derive(Debug, Clone)]
pub struct AttentionBias(Tensor<4>);

impl AttentionBias {
    /// Takes a bias as it is.
    ///
    /// # Shapes
    ///
    /// - `bias`: `[batch, 1, query, key]`; the query axis may be 1
    pub fn new(bias: Tensor<4>) -> Self {
        Self(bias.inner())
    }

    /// From a mask, true where a query may attend to a key.
    ///
    /// # Shapes
    ///
    /// - `allowed`: `[batch, query, key]`
    pub fn from_allowed(allowed: Tensor<3, Bool>) -> Self {
        let bias = allowed.inner().bool_not().float() * MASKED;
        Self(bias.unsqueeze_dim(1))
    }

    /// From a mask in host memory, row-major, true where a query may attend.
    pub fn from_host(allowed: Vec<bool>, shape: [usize; 3], device: &Device) -> Result<Self> {
        let expected = shape.iter().product();
        if allowed.len() != expected {
            return Err(Error::Mask {
                shape,
                expected,
                found: allowed.len(),
            });
        }
        let bias: Vec<f32> = allowed
            .into_iter()
            .map(|yes| if yes { 0.0 } else { MASKED })
            .collect();
        let [batch, query, key] = shape;
        let data = TensorData::new(bias, [batch, 1, query, key]);
        Ok(Self(Tensor::from_data(data, &device.clone().inner())))
    }

    /// Causal, and blind to padding on either side.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[batch, length]`, true where there is a token
    pub fn causal(tokens: Tensor<2, Bool>) -> Self {
        let tokens = tokens.inner();
        let [batch, length] = tokens.dims();
        let shape = [batch, length, length];
        // The mask of Burn is true where it masks: above the diagonal.
        let past = Tensor::<2, Bool>::tril_mask([length, length], 0, &tokens.device())
            .bool_not()
            .unsqueeze::<3>()
            .expand(shape);
        let keys = tokens.unsqueeze_dim::<3>(1).expand(shape);
        Self::from_allowed(past.bool_and(keys))
    }

    /// Every token sees every token, in both directions.
    ///
    /// # Shapes
    ///
    /// - `tokens`: `[batch, length]`, true where there is a token; the bias is
    ///   `[batch, 1, 1, length]`
    pub fn padding(tokens: Tensor<2, Bool>) -> Self {
        Self::from_allowed(tokens.unsqueeze_dim(1))
    }

    /// The bias, `[batch, 1, query or 1, key]`, without autodiff.
    pub fn tensor(&self) -> &Tensor<4> {
        &self.0
    }

    /// Batch, query (or 1) and key length.
    pub fn shape(&self) -> [usize; 3] {
        let [batch, _, query, key] = self.0.dims();
        [batch, query, key]
    }

    /// As [`attend`] wants it on this device when `group` query heads share a
    /// key head: where it would repeat the query rows for each of them, already
    /// repeated.
    ///
    /// [`attend`] does it itself when needed; a model of many layers does it
    /// once.
    pub fn grouped(&self, group: usize) -> Self {
        if group == 1 || self.0.dims()[2] == 1 || own_operators(&self.0) {
            return self.clone();
        }
        Self(self.0.clone().repeat_dim(2, group))
    }
}

/// Attention: `softmax(q·kᵀ/√width + bias)·v`.
///
/// Each key and value head serves `heads / kv` query heads; they are never
/// repeated in memory.
///
/// # Shapes
///
/// - `q`: `[batch, heads, query, width]`
/// - `k`, `v`: `[batch, kv, key, width]`, `kv` a divisor of `heads`
/// - `bias`: `[batch, 1, 1 or query or heads / kv · query, key]`
/// - result: `[batch, heads, query, width of v]`, of the queries' element type;
///   the others may have another one
///
/// # Panics
///
/// If the shapes do not fit together.
pub fn attend(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, bias: &Tensor<4>) -> Tensor<4> {
    let [batch, heads, query, width] = q.dims();
    let [_, kv, key, _] = v.dims();
    assert!(
        kv > 0 && heads.is_multiple_of(kv),
        "{heads} query heads cannot share {kv} key heads"
    );
    assert_eq!(k.dims(), [batch, kv, key, width], "keys fit the queries");
    assert_eq!(v.dims()[0], batch, "values fit the queries");
    let rows = bias.dims()[2];
    assert_eq!(bias.dims(), [batch, 1, rows, key], "the bias fits the keys");
    let stacked = heads / kv * query;
    assert!(
        [1, query, stacked].contains(&rows),
        "a bias of {rows} rows does not fit {query} queries"
    );
    let dtype = q.dtype();
    if own_device(&q) && [dtype, k.dtype(), v.dtype()].into_iter().any(half) {
        // That device's products of half precision are products of `f32`, too,
        // between conversions; and there is an operator for `f32`.
        let [q, k, v] = [q, k, v].map(|x| x.cast(DType::F32));
        return attend(q, k, v, &bias.clone().cast(DType::F32)).cast(dtype);
    }
    let (k, v) = (k.cast(dtype), v.cast(dtype));
    if rows <= query
        && let Some(y) = blocked_attention(&q, &k, &v, bias)
    {
        return y;
    }

    // One operation keeps no state for a backward pass.
    let graph = q.is_autodiff() || k.is_autodiff() || v.is_autodiff();
    let parts = graph || own_operators(&q);
    attend_by(parts, q, k, v, bias)
}

/// [`attend`] of Burn's operations: in parts, or all in one.
fn attend_by(parts: bool, q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, bias: &Tensor<4>) -> Tensor<4> {
    let [batch, heads, query, width] = q.dims();
    let [_, kv, _, width_v] = v.dims();
    let rows = bias.dims()[2];
    let stacked = heads / kv * query;
    // The queries of heads that share a key head are stacked.
    let q = q.reshape([batch, kv, stacked, width]);
    let scale = 1.0 / (width as f64).sqrt();
    let y = if parts {
        // Scaled before the product, which f16 might not hold otherwise.
        let scores = (q * scale).matmul(k.swap_dims(2, 3));
        biased_softmax(scores, bias).matmul(v)
    } else {
        let bias = match rows == 1 || rows == stacked {
            true => bias.clone(),
            false => bias.clone().repeat_dim(2, stacked / rows),
        };
        let bias = bias.inner().cast(q.dtype());
        let options = AttentionModuleOptions {
            scale: Some(scale),
            ..Default::default()
        };
        attention(q, k, v, None, Some(bias), options)
    };
    y.reshape([batch, heads, query, width_v])
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;
    use crate::Precision;

    #[test]
    fn every_way_agrees_in_every_precision() {
        let device = Device::default();
        device.seed(4);
        let normal = Distribution::Normal(0.0, 1.0);
        let random = |shape: [usize; 4]| Tensor::<4>::random(shape, normal, &device);
        let (q, k) = (random([2, 6, 9, 8]), random([2, 3, 9, 8]));
        let v = random([2, 3, 9, 8]);
        let tokens = Tensor::<2, Bool>::from_data([[true; 9], [true; 9]], &device);
        let bias = AttentionBias::causal(tokens);
        let values = |x: Tensor<4>| -> Vec<f32> { x.into_data_as::<f32>().try_to_vec().unwrap() };
        let exact = values(attend(q.clone(), k.clone(), v.clone(), bias.tensor()));
        for precision in Precision::ALL {
            if precision.check(&device).is_err() {
                continue;
            }
            let [q, k, v] = [&q, &k, &v].map(|x| x.clone().cast(precision.dtype()));
            for way in [None, Some(true), Some(false)] {
                let (q, k, v) = (q.clone(), k.clone(), v.clone());
                let y = match way {
                    None => attend(q, k, v, bias.tensor()),
                    Some(parts) => attend_by(parts, q, k, v, bias.tensor()),
                };
                assert_eq!(y.dtype(), precision.dtype());
                let bound = match precision {
                    Precision::F32 => 1e-5,
                    Precision::F16 => 0.01,
                    Precision::Bf16 => 0.06,
                };
                for (x, y) in exact.iter().zip(values(y)) {
                    let d = (x - y).abs();
                    assert!(d <= bound, "{precision} {way:?}: {y} is not {x}");
                }
            }
        }
    }
}
