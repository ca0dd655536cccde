//! What an evaluation needs from a model.

use std::collections::HashSet;

use instructue_schema::{Matrix, Progress, Timestamp, UserRef, UserVectors};

use crate::error::BoxError;

/// What eval needs from a model.
///
/// The model stands behind this trait, so that a probe can be run on any
/// function of (history, instruction): a trained model, the same model before
/// training, or a test double.
pub trait Embedder {
    /// The vectors under each instruction (`None`: no instruction), rows in the order of `users`.
    ///
    /// Only events strictly before `reference` may be used. A model that
    /// shares a user's profile among instructions computes it once here.
    /// `progress` counts users.
    ///
    /// # Shapes
    /// `instructions.len()` pairs of matrices of `[users, width]`.
    fn embed_users(
        &self,
        users: &[UserRef],
        reference: Timestamp,
        instructions: &[Option<String>],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<UserVectors>, BoxError>;

    /// Texts in the space of the users.
    ///
    /// # Shapes
    /// `[texts, width]`.
    fn embed_texts(&self, texts: &[String]) -> Result<Matrix, BoxError>;
}

/// Instructions without repetition, in the order in which they first come.
pub fn distinct_instructions<'a>(
    texts: impl IntoIterator<Item = Option<&'a str>>,
) -> Vec<Option<String>> {
    let mut seen = HashSet::new();
    let new = texts.into_iter().filter(|text| seen.insert(*text));
    new.map(|text| text.map(str::to_owned)).collect()
}
