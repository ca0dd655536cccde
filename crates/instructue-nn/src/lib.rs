//! Layers and checkpoint reading shared by encoders and backbone: LoRA on
//! activations, masked attention, rotary positions, RMS norm, Hugging Face
//! directories and PEFT's adapters.
//!
//! Nothing here knows a particular model. Every function is written so that
//! the differentiable path makes few passes over large tensors; where the
//! formulation differs from the textbook one, a comment says why.
//!
//! # A linear map with LoRA
//!
//! ```
//! use burn::nn::LinearConfig;
//! use burn::tensor::{Device, Distribution, Tensor};
//! use instructue_nn::lora::{LoraConfig, LoraLinear};
//!
//! let device = Device::default();
//! let base = LinearConfig::new(8, 4).init(&device);
//! let x = Tensor::<3>::random([2, 5, 8], Distribution::Default, &device);
//! let plain = base.forward(x.clone());
//!
//! // B starts at zero, so LoRA changes nothing until it is trained.
//! let layer = LoraLinear::new(base, Some(&LoraConfig::new().with_rank(2)), &device);
//! let y = layer.forward(x);
//! assert_eq!(y.dims(), [2, 5, 4]);
//! plain.into_data().assert_approx_eq::<f32>(&y.into_data(), Default::default());
//! ```
//!
//! # Attention with a mask
//!
//! ```
//! use burn::tensor::{Bool, Device, Distribution, Tensor};
//! use instructue_nn::attention::{AttentionBias, attend};
//!
//! let device = Device::default();
//! let normal = Distribution::Normal(0.0, 1.0);
//! // Four query heads share two key and value heads.
//! let q = Tensor::<4>::random([1, 4, 3, 8], normal, &device);
//! let k = Tensor::<4>::random([1, 2, 3, 8], normal, &device);
//! let v = Tensor::<4>::random([1, 2, 3, 8], normal, &device);
//! let tokens = Tensor::<2, Bool>::from_data([[true, true, false]], &device);
//! let bias = AttentionBias::causal(tokens);
//! assert_eq!(attend(q, k, v, bias.tensor()).dims(), [1, 4, 3, 8]);
//! ```
#![forbid(unsafe_code)]

pub mod attention;
mod casting;
pub mod checkpoint;
mod error;
pub mod initial;
pub mod kernels;
mod keys;
pub mod limits;
pub mod linear;
pub mod lora;
mod mask;
pub mod norm;
pub mod peft;
mod precision;
pub mod rope;
pub mod source;

pub use error::{Error, Result};
pub use precision::Precision;
