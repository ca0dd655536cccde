//! One encoder per source: BERT-type text encoders and a tabular encoder.
//!
//! # Texts
//!
//! [`EncoderCheckpoint`] reads a directory of sentence-transformers or a plain BERT,
//! [`BertConfig`] describes fresh weights; [`TextEncoder`] turns token ids into one
//! vector per text.
//!
//! ```
//! use burn::prelude::*;
//! use instructue_encoders::{BertConfig, Pooling};
//!
//! # fn main() -> Result<(), instructue_encoders::Error> {
//! let device = Device::default();
//! let config = BertConfig {
//!     vocab_size: 100,
//!     hidden_size: 16,
//!     num_hidden_layers: 2,
//!     num_attention_heads: 2,
//!     intermediate_size: 32,
//!     max_position_embeddings: 20,
//!     ..BertConfig::default()
//! };
//! // `EncoderCheckpoint::open(dir, None)?.load(None, &device)` for trained ones.
//! let encoder = config.init(Pooling::Cls, None, &device)?;
//! let batch = encoder.batch(&[vec![5, 6, 7], vec![5]], &device)?;
//! assert_eq!(encoder.forward(batch).dims(), [2, 16]);
//!
//! let error = encoder.batch(&[vec![1; 21]], &device).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "text 0 has 21 tokens, the encoder allows 20"
//! );
//! # Ok(())
//! # }
//! ```
//!
//! A frozen encoder stands behind a [`cache`], by
//! [`TextEncoder::forward_cached`].
//!
//! # Tables
//!
//! [`TabularNormaliser`] standardises numbers on the host, [`TabularEncoder`]
//! maps them with their missing flags and categories to one vector per row.
//!
//! ```
//! use burn::prelude::*;
//! use instructue_encoders::{TabularConfig, TabularNormaliser};
//!
//! # fn main() -> Result<(), instructue_encoders::Error> {
//! let device = Device::default();
//! let rows = [([1.0, 20.0], [2]), ([3.0, f32::NAN], [0])];
//! let normaliser = TabularNormaliser::fit(2, rows.iter().map(|(numbers, _)| numbers))?;
//! // Two numbers, one category with codes 0 to 2, vectors 16 wide.
//! let encoder = TabularConfig::new(2, vec![3], 16).init(&device)?;
//! let rows = rows.iter().map(|(numbers, codes)| (&numbers[..], &codes[..]));
//! let batch = encoder.batch(&normaliser, rows, &device)?;
//! assert_eq!(encoder.forward_batch(batch).dims(), [2, 16]);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod adapter;
mod attention;
mod batch;
pub mod cache;
mod config;
mod directory;
mod embeddings;
mod error;
mod files;
mod layer;
mod normaliser;
mod pooling;
mod principal;
mod tabular;
mod text;

pub use batch::TextBatch;
pub use config::BertConfig;
pub use directory::EncoderCheckpoint;
pub use error::Error;
pub use instructue_nn::Precision;
pub use instructue_nn::lora::LoraConfig;
pub use normaliser::{CLIP, TabularNormaliser, TabularStatistics};
pub use pooling::Pooling;
pub use principal::PrincipalComponents;
pub use tabular::{TabularBatch, TabularConfig, TabularEncoder};
pub use text::TextEncoder;
