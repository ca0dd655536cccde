//! From the results of folds to an [`Evaluation`](crate::Evaluation).

mod ablations;
mod awareness;
mod claims;
mod curves;
mod found;
mod methods;
mod noise;
mod retrieval;
mod summarise;
mod table;
mod tasks;
mod uses;
mod zero_shot;

pub use found::{Extras, NoiseCondition, VariantResult};
pub use summarise::summarise;
