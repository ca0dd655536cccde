//! Profiles: what a model sees of a user at a reference time.

mod builder;
mod content;
mod fit;
mod plan;
mod shard_index;
#[cfg(test)]
mod tests;

pub use builder::ProfileBuilder;
pub use content::{Profile, ProfileEvent, SourceProfile, TabularLayout, TabularRow};
