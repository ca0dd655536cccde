//! The one place where a backend is chosen.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use instructue_pipeline::Compute;

/// The environment variable that names the default device.
pub const DEVICE_VARIABLE: &str = "INSTRUCTUE_DEVICE";

/// A backend by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceName {
    /// Burn's portable CPU backend.
    Cpu,
    /// A GPU through WGPU.
    Wgpu,
    /// An NVIDIA GPU.
    Cuda,
    /// Burn's older CPU backend.
    NdArray,
}

/// Why no device could be chosen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// No such backend.
    #[error("device: expected cpu, wgpu, cuda or ndarray, found {0:?}")]
    Unknown(String),
    /// The backend exists but was not compiled in.
    #[error("device `{0}`: this build is without it; build with `--features {0}`")]
    NotBuilt(DeviceName),
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
            Self::NdArray => "ndarray",
        })
    }
}

impl FromStr for DeviceName {
    type Err = DeviceError;
    fn from_str(name: &str) -> Result<Self, DeviceError> {
        match name.to_ascii_lowercase().as_str() {
            "cpu" => Ok(Self::Cpu),
            "wgpu" => Ok(Self::Wgpu),
            "cuda" => Ok(Self::Cuda),
            "ndarray" => Ok(Self::NdArray),
            _ => Err(DeviceError::Unknown(name.into())),
        }
    }
}

impl DeviceName {
    /// Whether this build has the backend.
    pub fn is_built(self) -> bool {
        match self {
            Self::Cpu => cfg!(feature = "cpu"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::NdArray => cfg!(feature = "ndarray"),
        }
    }

    /// The name in `INSTRUCTUE_DEVICE`, or the CPU.
    ///
    /// # Errors
    /// When the variable names no backend.
    pub fn from_env() -> Result<Self, DeviceError> {
        std::env::var(DEVICE_VARIABLE).map_or(Ok(Self::Cpu), |name| name.parse())
    }

    /// How many passes to run at a time when `asked` for 0: one per core on a CPU,
    /// whose operators leave cores idle when they share a small model, else one.
    pub fn replicas(self, asked: usize) -> usize {
        const MOST: usize = 8;
        match (asked, self) {
            (0, Self::Cpu) => std::thread::available_parallelism()
                .map_or(1, |cores| cores.get())
                .min(MOST),
            (0, _) => 1,
            (asked, _) => asked,
        }
    }

    /// The backend's first device with `replicas` passes at a time, 0 for as many as suit it.
    ///
    /// # Errors
    /// When the backend was not compiled in.
    pub fn compute(self, replicas: usize) -> Result<Compute, DeviceError> {
        Ok(Compute {
            device: self.open()?,
            replicas: self.replicas(replicas),
        })
    }

    /// The backend's first device.
    ///
    /// # Errors
    /// When the backend was not compiled in.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "offered for comparison until Burn drops it")]
            Self::NdArray => Ok(Device::ndarray()),
            #[allow(unreachable_patterns, reason = "reachable unless every feature is on")]
            missing => Err(DeviceError::NotBuilt(missing)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_device_is_refused_with_the_choices() {
        let message = "tpu".parse::<DeviceName>().unwrap_err().to_string();
        assert!(message.contains("cpu, wgpu, cuda or ndarray") && message.contains("tpu"));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_backend_that_is_not_built_says_how_to_get_it() {
        let message = DeviceName::Cuda.open().unwrap_err().to_string();
        assert!(message.contains("--features cuda"), "{message}");
    }
}
