//! What a search finds.

/// A vector that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its row in the index.
    pub row: usize,
    /// The cosine.
    pub score: f32,
}
