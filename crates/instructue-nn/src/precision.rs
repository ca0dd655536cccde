//! The element type that a model computes in.

use std::fmt;
use std::str::FromStr;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The element type of a model's matrices, and of the products with them.
///
/// In `bf16` and `f16` matrices, keys and values take half the memory. What
/// rounding would hurt stays `f32` in every precision: the residual stream, the
/// statistics of norms, softmax, rotation, the factors of LoRA, and all that
/// comes out of a model (states, logits, vectors).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits of precision.
    #[default]
    F32,
    /// 8 bits of precision over the range of `f32`.
    Bf16,
    /// 11 bits of precision up to 65504. Decoders with large activations
    /// overflow it; then states are not finite.
    F16,
}

impl Precision {
    /// Every precision, the widest first.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// As Burn calls it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
            Self::F16 => DType::F16,
        }
    }

    /// That of a tensor; `None` if it is of another type.
    pub fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Self> {
        let dtype = tensor.dtype();
        Self::ALL.into_iter().find(|p| p.dtype() == dtype)
    }

    /// Refuses a device that cannot compute in it.
    ///
    /// Storing is not enough: a Vulkan device usually stores `bf16` and cannot
    /// add two of them.
    ///
    /// # Errors
    ///
    /// [`Error::Precision`] names the device and what it can compute in.
    pub fn check(self, device: &Device) -> Result<()> {
        let device = device.clone().inner();
        self.check_by(
            |precision| device.supports_dtype(precision.dtype()),
            || format!("{device:?}"),
        )
    }

    fn check_by(
        self,
        supports: impl Fn(Self) -> bool,
        device: impl FnOnce() -> String,
    ) -> Result<()> {
        if supports(self) {
            return Ok(());
        }
        let supported: Vec<String> = Self::ALL
            .into_iter()
            .filter(|precision| supports(*precision))
            .map(|precision| precision.to_string())
            .collect();
        Err(Error::Precision {
            found: self,
            device: device(),
            expected: supported.join(" or "),
        })
    }

    /// The parameter in this precision, trainable if it was.
    pub fn cast<const D: usize>(self, parameter: Param<Tensor<D>>) -> Param<Tensor<D>> {
        parameter.map(|tensor| {
            if tensor.dtype() == self.dtype() {
                return tensor;
            }
            let trained = tensor.is_require_grad();
            let tensor = tensor.detach().cast(self.dtype()).detach();
            match trained {
                true => tensor.require_grad(),
                false => tensor,
            }
        })
    }

    /// Weight and bias in this precision.
    pub fn cast_linear(self, linear: Linear) -> Linear {
        Linear {
            weight: self.cast(linear.weight),
            bias: linear.bias.map(|bias| self.cast(bias)),
        }
    }

    /// A linear map of zeros, to be filled in later.
    pub fn blank_linear(self, input: usize, output: usize, bias: bool, device: &Device) -> Linear {
        let on = (device, self.dtype());
        Linear {
            weight: Param::from_tensor(Tensor::zeros([input, output], on)),
            bias: bias.then(|| Param::from_tensor(Tensor::zeros([output], on))),
        }
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|p| p.to_string() == text);
        found.ok_or_else(|| Error::UnknownPrecision(text.into()))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for precision in Precision::ALL {
            assert_eq!(
                precision.to_string().parse::<Precision>().unwrap(),
                precision
            );
            let json = serde_json::to_string(&precision).unwrap();
            assert_eq!(json, format!("\"{precision}\""));
            assert_eq!(serde_json::from_str::<Precision>(&json).unwrap(), precision);
        }
        let error = "fp8".parse::<Precision>().unwrap_err().to_string();
        assert!(
            error.contains("bf16") && error.contains("\"fp8\""),
            "{error}"
        );
    }

    #[test]
    fn a_device_without_it_is_refused_by_name() {
        let vulkan = |precision| precision != Precision::Bf16;
        let name = || "a device".to_string();
        Precision::F16.check_by(vulkan, name).unwrap();
        let error = Precision::Bf16.check_by(vulkan, name).unwrap_err();
        let text = error.to_string();
        assert_eq!(
            text,
            "a device cannot compute in bf16; it can in f32 or f16"
        );
    }

    #[test]
    fn what_a_device_has_is_what_burn_says() {
        let device = Device::default();
        Precision::F32.check(&device).unwrap();
        for precision in Precision::ALL {
            let supported = device.supports_dtype(precision.dtype());
            assert_eq!(precision.check(&device).is_ok(), supported, "{precision}");
        }
    }

    #[test]
    fn a_cast_parameter_trains_if_it_did() {
        let device = Device::default().autodiff();
        let x = Tensor::<2>::from_floats([[1.0, 2.5], [1.00390625, 3.0]], &device);
        if Precision::Bf16.check(&device).is_err() {
            return;
        }
        for trained in [true, false] {
            let parameter = Param::from_tensor(x.clone()).set_require_grad(trained);
            let cast = Precision::Bf16.cast(parameter);
            assert_eq!(Precision::of(&cast.val()), Some(Precision::Bf16));
            assert_eq!(cast.val().is_require_grad(), trained);
            let back = Precision::F32.cast(cast).val().into_data();
            // 1 + 2⁻⁸ has one bit too many.
            let values: Vec<f32> = back.try_to_vec().unwrap();
            assert_eq!(values, [1.0, 2.5, 1.0, 3.0]);
        }
    }
}
