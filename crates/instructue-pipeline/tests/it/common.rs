//! Where the tests' runs compute.

use burn::tensor::Device;
use instructue_pipeline::Compute;

/// The device that the tests run on, with two passes at a time.
pub fn compute() -> Compute {
    Compute {
        device: Device::default(),
        replicas: 2,
    }
}
