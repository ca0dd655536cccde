//! Which precisions a device can compute in, and weights from one to another.

use std::str::FromStr;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};

use crate::keys::KeyPath;
use crate::{Error, Precision, Result};

impl Precision {
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

    /// A module with its matrices, their biases and its tables in this precision;
    /// norms and factors of LoRA stay `f32`.
    pub fn cast_weights<M: Module>(self, module: M) -> M {
        struct Cast(KeyPath, Precision);
        impl ModuleMapper for Cast {
            fn enter_module(&mut self, name: &str, container: &str) {
                self.0.enter(name, container);
            }

            fn exit_module(&mut self, _: &str, _: &str) {
                self.0.exit();
            }

            fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
                match self.0.key().1.has_precision() {
                    true => self.1.cast(param),
                    false => param,
                }
            }
        }
        module.map(&mut Cast(KeyPath::default(), self))
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|p| p.to_string() == text);
        found.ok_or_else(|| Error::UnknownPrecision(text.into()))
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
