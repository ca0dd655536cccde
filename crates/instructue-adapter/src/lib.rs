//! Event vectors to backbone tokens, with source and user summary tokens.
//!
//! An encoder gives one vector per event; an [`Adapter`], one per source, maps
//! it and the event's numeric features into the backbone's width, so that one
//! event is one token. A [`Summary`] condenses the tokens of each source, and
//! then the sources, into tokens that stand before the events.
//!
//! ```
//! use burn::prelude::*;
//! use instructue_adapter::{AdapterConfig, SummaryConfig};
//!
//! # fn main() -> Result<(), instructue_adapter::Error> {
//! let device = Device::default();
//! // Encoder vectors 8 wide, 2 numeric features per event, backbone 16 wide.
//! let adapter = AdapterConfig::new(8, 2, 16).init(&device)?;
//! let vectors = Tensor::random([3, 8], burn::tensor::Distribution::Default, &device);
//! let features = Tensor::ones([3, 2], &device);
//! let tokens = adapter.forward(vectors, Some(features));
//! assert_eq!(tokens.dims(), [3, 16]);
//!
//! // Two users, two sources. Source 0: events 0 and 2 are the first user's.
//! let summary = SummaryConfig::new(16, 2).init(&device)?;
//! let bill = summary.source_tokens(0, tokens, &[0, 1, 0], 2)?;
//! // Nobody has events of source 1: both rows are its learned empty token.
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
