//! Instruction-aware user embeddings: profile + instruction → vector.
//!
//! This crate re-exports the others and is the one place where a backend is
//! chosen (features `cpu`, `wgpu`, `cuda`, `ndarray`; [`DeviceName`]).

mod device;
pub mod pipeline;

pub use device::{DEVICE_VARIABLE, DeviceError, DeviceName};

pub use burn::tensor::Device;
pub use instructue_adapter as adapter;
pub use instructue_backbone as backbone;
pub use instructue_data as data;
pub use instructue_encoders as encoders;
pub use instructue_eval as eval;
pub use instructue_generate as generate;
pub use instructue_losses as losses;
pub use instructue_model as model;
pub use instructue_nn as nn;
pub use instructue_schema as schema;
pub use instructue_trainer as trainer;
pub use instructue_userqa as userqa;
