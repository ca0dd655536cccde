//! Measuring one fold: vectors, probes, searches, and what is kept of them.
//!
//! [`measure_fold`] asks the model for vectors once per reference time and hands them to
//! everything that reads them. What needs more than an [`Embedder`](crate::Embedder) (changed events,
//! gradients, tuning) is measured by the caller, who gets the same vectors and probes.

mod awareness;
mod embed;
mod group;
mod input;
mod measure;
mod probes;
mod result;
mod retrieval;
mod search;

pub use embed::{Asked, Embedded, embed};
pub use group::{Group, Part};
pub use input::{Answer, CountsFn, FoldInput, Instructions, RetrievalInput, SEEN, UNSEEN};
pub use measure::{Further, Measured, measure_fold};
pub use probes::{Probes, mean_cosine};
pub use result::{FoldResult, ProbeFit, RankedItems, Scored, SearchSize, Valued};

pub(crate) use awareness::NEIGHBOURS;
pub(crate) use retrieval::recall_at;
