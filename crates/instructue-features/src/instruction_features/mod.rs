//! Instruction features: how much of what an instruction asks about a user has, by meaning.
//!
//! "Will this user buy soda?" is about events whose texts say "soft drinks". [`KnownTexts`] knows
//! the event texts that enough users have. An instruction gives each of them a share, by how near
//! it is in meaning ([`InstructionQuery`]). For each known text a user has numbers
//! ([`KnownTexts::numbers`]): how often in windows and under decays, how regularly, how long ago;
//! the same of texts that are near in meaning and of texts that the same users have; how active
//! the user is at all; and how common the text is. A small network reads an answer from these
//! numbers, and needs to have seen neither the text nor the user.
//!
//! One needs them for an answer score of any question. Words are compared by vectors
//! ([`TextVectors`]), so a synonym finds what it means; [`LexicalMatches`](crate::LexicalMatches)
//! compares words as they are written.

mod asks;
mod children;
mod company;
mod cues;
mod fitted;
mod known;
mod level;
mod names;
mod naming;
mod ngrams;
mod numbers;
mod profile;
mod query;
#[cfg(test)]
mod tests;
mod vectors;
mod word_vectors;

pub use asks::{Asks, HadDays};
pub use children::Children;
pub use fitted::{FittedTexts, KnownText, TextCounts};
pub use known::KnownTexts;
pub use names::{TEXT_FEATURES, text_feature_names};
pub use profile::ProfileTexts;
pub use query::{About, InstructionQuery};
pub use vectors::{TextVectors, unit};
pub use word_vectors::WordVectors;
