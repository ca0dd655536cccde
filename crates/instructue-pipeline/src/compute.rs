//! Where a run computes. The facade makes one of a device's name.

use burn::tensor::Device;

/// A device, and how many passes run on it at a time.
#[derive(Debug, Clone)]
pub struct Compute {
    /// The device.
    pub device: Device,
    /// Passes that run at a time, at least 1.
    pub replicas: usize,
}
