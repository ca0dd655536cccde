//! Decoder-only language models of Qwen2, Qwen3 and Llama type with LoRA, for
//! embeddings and next-token losses.
//!
//! A [`DecoderConfig`] is the `config.json` of a Hugging Face checkpoint. From
//! it comes a [`Decoder`], with fresh weights or with those of the checkpoint;
//! [`Decoder::from_gguf`] finds both in one file.
//! The decoder takes *embeddings*, not token ids: the caller looks token ids up
//! with [`Decoder::embed`] and may put vectors of its own between them (event
//! vectors, delimiters). What may attend to what is the caller's choice too,
//! by an [`AttentionBias`].
//!
//! ```
//! use burn::tensor::{Bool, Device, Int, Tensor};
//! use instructue_backbone::{DecoderConfig, DecoderInput, ModelType};
//!
//! # fn main() -> Result<(), instructue_backbone::Error> {
//! let config = DecoderConfig {
//!     vocab_size: 100,
//!     hidden_size: 16,
//!     intermediate_size: 32,
//!     num_hidden_layers: 2,
//!     num_attention_heads: 4,
//!     num_key_value_heads: 2,
//!     ..DecoderConfig::new(ModelType::Qwen2)
//! };
//! let device = Device::default();
//! let decoder = config.init(None, &device)?;
//!
//! // Two rows; the second is one token shorter and padded at its end.
//! let ids = Tensor::<2, Int>::from_data([[5, 6, 7], [8, 9, 0]], &device);
//! let tokens = Tensor::<2, Bool>::from_data([[true, true, true], [true, true, false]], &device);
//! let hidden = decoder.forward(DecoderInput::causal(decoder.embed(ids), tokens));
//! assert_eq!(hidden.dims(), [2, 3, 16]);
//!
//! // Scores over the vocabulary, for chosen positions only.
//! let last = hidden.narrow(1, 1, 1).reshape([2, 16]);
//! assert_eq!(decoder.logits(last).dims(), [2, 100]);
//! # Ok(())
//! # }
//! ```
//!
//! What several texts begin with is read once, into a [`KvCache`]:
//!
//! ```
//! # use burn::tensor::{Device, Int, Tensor};
//! # use instructue_backbone::{Chunk, DecoderConfig, ModelType};
//! # fn main() -> Result<(), instructue_backbone::Error> {
//! # let config = DecoderConfig {
//! #     vocab_size: 100,
//! #     hidden_size: 16,
//! #     intermediate_size: 32,
//! #     num_hidden_layers: 2,
//! #     num_attention_heads: 4,
//! #     num_key_value_heads: 2,
//! #     ..DecoderConfig::new(ModelType::Qwen2)
//! # };
//! # let device = Device::default();
//! # let decoder = config.init(None, &device)?;
//! let ids = |ids: &[i64]| decoder.embed(Tensor::<1, Int>::from_data(ids, &device).unsqueeze());
//! let (prefix, _) = decoder.prefill(Chunk::new(ids(&[5, 6, 7, 8])));
//!
//! // Two continuations in one pass; the second is one token shorter.
//! let mut cache = prefix.fork(2);
//! let both = Tensor::cat(vec![ids(&[1, 2]), ids(&[3, 0])], 0);
//! let chunk = Chunk::new(both).with_tokens(vec![true, true, true, false]);
//! assert_eq!(decoder.append(&mut cache, chunk).dims(), [2, 2, 16]);
//! assert_eq!(cache.lengths(), [6, 5]);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod adapter;
mod attention;
mod cache;
mod config;
mod config_file;
mod decoder;
mod error;
mod files;
mod gguf;
mod layer;
mod mlp;
mod precision;
mod rope;
mod special;

pub use attention::Attention;
pub use cache::{Chunk, KvCache, PackedChunk};
pub use config::{DecoderConfig, ModelType};
pub use decoder::{Decoder, DecoderInput};
pub use error::{Error, Result};
pub use instructue_gguf::Gguf;
pub use instructue_nn::Precision;
pub use instructue_nn::attention::AttentionBias;
pub use instructue_nn::lora::LoraConfig;
pub use instructue_nn::rope::{Llama3Scaling, RopeScaling, YarnScaling};
pub use layer::DecoderLayer;
pub use mlp::Mlp;
