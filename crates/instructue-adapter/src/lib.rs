//! Adapters from event vectors to backbone tokens, with source and user summary tokens. One needs
//! them to feed events to a language model.
//!
//! An encoder gives one vector per event. An [`Adapter`], one per source, maps
//! it and the event's numeric features to the backbone's width, so that one
//! event is one token. A [`Summary`] condenses the tokens of each source, and
//! then the sources, into tokens that stand before the events.
//!
//! ```
//! use burn::prelude::*;
//! use instructue_adapter::{AdapterConfig, SummaryConfig};
//!
//! # fn main() -> Result<(), instructue_adapter::Error> {
//! let device = Device::default();
//! // The encoder's vectors are 8 wide, the backbone's 16. Each event has 2 numeric features.
//! let adapter = AdapterConfig::new(8, 2, 16).init(&device)?;
//! let vectors = Tensor::random([3, 8], burn::tensor::Distribution::Default, &device);
//! let features = Tensor::ones([3, 2], &device);
//! let tokens = adapter.forward(vectors, Some(features));
//! assert_eq!(tokens.dims(), [3, 16]);
//!
//! // There are two users and two sources. In source 0, events 0 and 2 are the first user's.
//! let summary = SummaryConfig::new(16, 2).init(&device)?;
//! let bill = summary.source_tokens(0, tokens, &[0, 1, 0], 2)?;
//! // Nobody has events of source 1, so both rows are its learned empty token.
//! let search = summary.source_tokens(1, Tensor::zeros([0, 16], &device), &[], 2)?;
//! assert_eq!(search.present, [false, false]);
//!
//! let users = summary.user_tokens(&[bill, search])?;
//! assert_eq!(users.dims(), [2, 16]);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod adapter;
mod error;
mod group;
mod mlp;
mod summary;

pub use adapter::{Adapter, AdapterConfig, AdapterKind, Projection};
pub use error::Error;
pub use mlp::{Mlp, MlpConfig};
pub use summary::{SourceTokens, Summary, SummaryConfig};
