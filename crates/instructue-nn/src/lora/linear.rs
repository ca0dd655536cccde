//! One linear map with LoRA: its factors, its forward pass, merging.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig, Linear};
use burn::tensor::{Device, Distribution, Tensor};

use crate::kernels::{low_rank, product_dtype, product_weight};
use crate::linear::{add_bias, flatten, linear_rows};
use crate::lora::config::LoraConfig;
use crate::{Error, Result};

/// The two low-rank factors of one linear map.
#[derive(Module, Debug)]
pub struct Lora {
    /// `[input, rank]`, uniform within ±1/√input at the start; `f32` beside a
    /// weight of any precision, as what is trained must be.
    pub a: Param<Tensor<2>>,
    /// `[rank, output]`, zero at the start.
    pub b: Param<Tensor<2>>,
    /// `alpha / rank`.
    pub scale: f64,
    /// Active only on an autodiff device and while its flag is on.
    pub dropout: Dropout,
    /// Whether the product is part of the weight already; then the factors are
    /// kept for [`LoraLinear::unmerge`] and take no part in the forward pass.
    pub merged: bool,
}

impl Lora {
    /// Factors with the scale and dropout of `config`, not merged.
    ///
    /// # Shapes
    ///
    /// - `a`: `[input, rank]`
    /// - `b`: `[rank, output]`
    pub fn new(a: Tensor<2>, b: Tensor<2>, config: &LoraConfig) -> Self {
        Self {
            a: Param::from_tensor(a),
            b: Param::from_tensor(b),
            scale: config.scale(),
            dropout: DropoutConfig::new(config.dropout).init(),
            merged: false,
        }
    }
}

/// A linear map, with or without LoRA. With it, the map itself is frozen.
#[derive(Module, Debug)]
pub struct LoraLinear {
    /// The base map, weight `[input, output]`.
    pub linear: Linear,
    /// The adaptation, if there is one.
    pub lora: Option<Lora>,
}

/// Rows that several maps read: flattened once, dropped out once.
///
/// Query, key and value share one dropout mask this way, and so do gate and
/// up; drawing a mask costs more than multiplying by it.
#[derive(Debug, Clone)]
pub struct LoraInput<const D: usize> {
    dims: [usize; D],
    rows: Tensor<2>,
    /// After dropout: `None` before the first map with factors has said, `Some(None)` where
    /// nothing is dropped.
    dropped: Option<Option<Tensor<2>>>,
}

impl LoraLinear {
    /// Wraps `linear`; with `lora`, freezes it and adds the factors.
    ///
    /// # Panics
    ///
    /// If `lora` does not pass [`LoraConfig::validate`].
    pub fn new(linear: Linear, lora: Option<&LoraConfig>, device: &Device) -> Self {
        let Some(config) = lora else {
            return Self { linear, lora: None };
        };
        assert!(config.rank > 0, "the rank of LoRA is at least 1");
        let [input, output] = linear.weight.dims();
        let bound = 1.0 / (input as f64).sqrt();
        let a = Tensor::random(
            [input, config.rank],
            Distribution::Uniform(-bound, bound),
            device,
        );
        let b = Tensor::zeros([config.rank, output], device);
        Self::with(linear, Lora::new(a, b, config))
    }

    /// Freezes `linear` and adds these factors.
    pub fn with(linear: Linear, lora: Lora) -> Self {
        Self {
            linear: linear.no_grad(),
            lora: Some(lora),
        }
    }

    /// Applies the map.
    ///
    /// # Shapes
    ///
    /// - `x`: `[..., input]`, of any element type
    /// - result: `[..., output]`, of the type that [`linear`](crate::linear::linear)
    ///   gives
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.forward_shared(&self.input(x))
    }

    /// Prepares an input that this map and others of the same input width and
    /// configuration will read.
    pub fn input<const D: usize>(&self, x: Tensor<D>) -> LoraInput<D> {
        let dims = x.dims();
        // Here and not in each map: maps that share an input share its copy.
        let rows = flatten(x).cast(product_dtype(&self.linear.weight.val()));
        let dropped = self.active().map(|lora| drop_out(&lora.dropout, &rows));
        LoraInput {
            dims,
            rows,
            dropped,
        }
    }

    /// Applies the map to a prepared input.
    ///
    /// # Panics
    ///
    /// If the input was prepared for another width.
    pub fn forward_shared<const D: usize>(&self, input: &LoraInput<D>) -> Tensor<D> {
        let y = match self.active() {
            None => linear_rows(&self.linear, input.rows.clone()),
            Some(lora) => {
                // The map that prepared the input may have no factors itself.
                let dropped = match &input.dropped {
                    Some(dropped) => dropped.clone(),
                    None => drop_out(&lora.dropout, &input.rows),
                };
                let weight = product_weight(self.linear.weight.val());
                let dtype = weight.dtype();
                let x = input.rows.clone().cast(dtype);
                let dropped = dropped.map(|x| x.cast(dtype));
                let factors = [&lora.a, &lora.b].map(|factor| factor.val().cast(dtype));
                let y = low_rank(x, weight, dropped, factors, lora.scale);
                add_bias(&self.linear, y)
            }
        };
        let mut dims = input.dims;
        dims[D - 1] = y.dims()[1];
        y.reshape(dims)
    }

    /// Input and output width.
    pub fn widths(&self) -> [usize; 2] {
        self.linear.weight.dims()
    }

    /// The factors, unless they are merged.
    fn active(&self) -> Option<&Lora> {
        self.lora.as_ref().filter(|lora| !lora.merged)
    }

    /// Adds `s·A·B` to the weight: one matrix product instead of three, for
    /// inference. The factors are kept, and get no gradient until
    /// [`unmerge`](Self::unmerge).
    ///
    /// # Errors
    ///
    /// [`Error::Merge`] if there are no factors, or if they are merged already.
    pub fn merge(self) -> Result<Self> {
        self.shift(true)
    }

    /// Takes `s·A·B` out of the weight again. The weight is restored up to
    /// rounding: two units in the last place of the larger of `W` and `s·A·B`.
    ///
    /// # Errors
    ///
    /// [`Error::Merge`] if there are no factors, or if they are not merged.
    pub fn unmerge(self) -> Result<Self> {
        self.shift(false)
    }

    fn shift(mut self, merge: bool) -> Result<Self> {
        let found = match &self.lora {
            None => Some("none"),
            Some(lora) if lora.merged == merge => Some(if merge { "merged" } else { "unmerged" }),
            Some(_) => None,
        };
        if let Some(found) = found {
            let expected = if merge { "unmerged" } else { "merged" };
            return Err(Error::Merge { expected, found });
        }
        if let Some(lora) = &mut self.lora {
            let sign = if merge { lora.scale } else { -lora.scale };
            let delta = (lora.a.val().matmul(lora.b.val()) * sign).detach();
            let weight = self.linear.weight.map(|w| {
                // The sum is rounded once, to the weight's type.
                let dtype = w.dtype();
                (w.detach().cast(delta.dtype()) + delta).cast(dtype)
            });
            let linear = Linear {
                weight,
                bias: self.linear.bias,
            };
            self.linear = linear.no_grad();
            lora.merged = merge;
        }
        Ok(self)
    }
}

/// What `layer` itself would do, by a cheaper mask: of a uniform draw, scaled
/// before it meets the graph. `None` where it does nothing.
fn drop_out(layer: &Dropout, x: &Tensor<2>) -> Option<Tensor<2>> {
    let device = x.device();
    if !layer.training.is_enabled() || !device.is_autodiff() || layer.prob == 0.0 {
        return None;
    }
    let uniform = Tensor::random(x.dims(), Distribution::Uniform(0.0, 1.0), &device.inner());
    // Above 0 becomes 1, the rest, which is above -1, becomes 0.
    let kept = (uniform - layer.prob).ceil();
    let dtype = x.dtype();
    Some(x.clone() * (kept / (1.0 - layer.prob)).cast(dtype))
}
