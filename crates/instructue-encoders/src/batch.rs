//! Texts as one padded batch of token ids, which an encoder takes.

use burn::prelude::*;

/// Texts as token ids, short ones padded at the end.
#[derive(Debug, Clone)]
pub struct TextBatch {
    /// `[texts, length]`
    pub ids: Tensor<2, Int>,
    /// `[texts, length]`, true where there is a token.
    pub mask: Tensor<2, Bool>,
}
