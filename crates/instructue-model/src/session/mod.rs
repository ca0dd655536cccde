//! Using a model: embedding, answering, scoring, and what is kept for it.
//!
//! [`InstructUe`] stands around a [`Model`](crate::Model). Behind it are the caches of
//! event vectors, the [`ProfileCache`] of profiles that were read, and the
//! [`Replicas`] that run passes side by side.

mod answer;
mod embed;
mod event_cache;
mod event_caching;
mod instruct_ue;
mod likelihood;
mod profile_cache;
mod replicas;
mod source_gradients;

pub use answer::{Answer, AnswerOptions, AnswerText};
pub use instruct_ue::InstructUe;
pub use profile_cache::ProfileCache;
pub use replicas::Replicas;
