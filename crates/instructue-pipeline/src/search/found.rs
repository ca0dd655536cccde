//! A user that a search finds.

use serde::Serialize;

/// A user that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundUser {
    /// The id.
    pub id: String,
    /// Probability of a yes, or cosine.
    pub score: f32,
}
