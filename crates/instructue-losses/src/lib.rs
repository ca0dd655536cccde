//! Contrastive and next-token losses with false-negative masks and GradCache: tensors in, scalars out.

mod contrastive;
mod error;
pub mod grad_cache;
mod next_token;
mod normalize;
mod surrogate;

pub use contrastive::{
    Contrastive, ContrastiveConfig, ContrastiveInput, ContrastiveOutput, DroppedNegatives,
    TermCount,
};
pub use error::Error;
pub use next_token::{Weighting, next_token_loss, weighted_next_token_loss};
pub use normalize::l2_normalize;
