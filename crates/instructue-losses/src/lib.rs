//! Contrastive, next-token and prototype losses with false-negative masks and GradCache. One needs
//! them to train a model of one's own: they take tensors and return scalars.
//!
//! One pass of the model gives a user's vector *and* the logits of the answer's
//! tokens, so one step has two losses: the answer's vector should be nearer to
//! its user than to anybody else ([`Contrastive`]), and its text should be likely
//! ([`next_token_loss`]). Neither depends on the model.
//!
//! # A joint loss
//!
//! ```
//! use burn::tensor::{Device, Distribution, Int, Tensor};
//! use instructue_losses::{ContrastiveConfig, ContrastiveInput, l2_normalize, next_token_loss};
//!
//! let device = Device::default().autodiff();
//! // The head's vectors of two users under two instructions each.
//! let noise = || Tensor::<2>::random([4, 16], Distribution::Normal(0.0, 1.0), &device);
//! let users = noise().require_grad();
//! let answers = noise();
//!
//! let contrastive = ContrastiveConfig { temperature: 0.07, ..ContrastiveConfig::paper() }.init()?;
//! let output = contrastive.forward(ContrastiveInput {
//!     users: l2_normalize(users.clone()),
//!     answers: l2_normalize(answers),
//!     // Rows 0 and 1 are the same user: user–answer negatives, but no user–user negatives.
//!     user_keys: vec![7, 7, 9, 9],
//!     // Rows 1 and 3 have the same answer, so they are no negatives of each other.
//!     answer_keys: vec![100, 101, 102, 101],
//!     // These would be answers of other users to the same questions.
//!     extra_negatives: None,
//! })?;
//!
//! // Each row of logits predicts a token of an answer, which is its target.
//! let logits = Tensor::<2>::random([5, 32], Distribution::Normal(0.0, 1.0), &device);
//! let targets = Tensor::<1, Int>::from_ints([3, 1, 4, 1, 5], &device);
//! let next_token = next_token_loss(logits.require_grad(), targets);
//!
//! // Counting masked pairs waits for the device, so it is a separate call.
//! let dropped = output.dropped()?;
//! assert!(dropped.user_user.is_some_and(|count| count.dropped >= 4));
//!
//! let lambda = 1.0;
//! let loss = output.loss + next_token * lambda;
//! let gradients = loss.backward();
//! assert_eq!(users.grad(&gradients).map(|g| g.dims()), Some([4, 16]));
//! # Ok::<(), instructue_losses::Error>(())
//! ```
//!
//! # Batches that do not fit in memory
//!
//! [`grad_cache::backward`] computes the same gradient one micro-batch at a time.
//! The contrastive loss still sees all rows.
//!
//! # Classes from a few examples
//!
//! [`Prototype`] is the loss of few-shot tuning: each class has a vector of its own,
//! and a user's vector should be nearest to that of its class.
//!
//! # Precision
//! Losses are computed in single precision whatever the inputs are, and in
//! log-sum-exp form, so neither a low temperature nor large logits overflow.

mod contrastive;
mod error;
pub mod grad_cache;
mod next_token;
mod normalize;
mod prototype;

pub use contrastive::{
    Contrastive, ContrastiveConfig, ContrastiveInput, ContrastiveOutput, DroppedNegatives,
    ExtraNegatives, PairCount,
};
pub use error::Error;
pub use next_token::{Weighting, next_token_loss, weighted_next_token_loss};
pub use normalize::l2_normalize;
pub use prototype::{Prototype, PrototypeConfig};
