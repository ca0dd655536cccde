//! Vectors of texts, and what is done with them.

/// Vectors of texts by their meaning.
pub trait TextVectors: Send + Sync + std::fmt::Debug {
    /// The vector of a text, of length 1; zeros if it has no known word.
    fn vector(&self, text: &str) -> Vec<f32>;

    /// Differs from that of any other vectors: what was learned with some fits no others.
    fn digest(&self) -> String;

    /// The name of the encoder that they are of, by which it is found again; `None` for vectors
    /// that come with the project.
    fn encoder(&self) -> Option<&str> {
        None
    }
}

/// A vector at length 1; zeros stay zeros.
pub fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = dot(&vector, &vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

/// The inner product.
pub(super) fn dot(left: &[f32], right: &[f32]) -> f32 {
    left.iter().zip(right).map(|(a, b)| a * b).sum()
}
