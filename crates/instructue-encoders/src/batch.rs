//! Texts as a batch of token ids.

use burn::prelude::*;

use crate::error::Error;
use crate::text::TextEncoder;

/// Texts as token ids, short ones padded at the end.
#[derive(Debug, Clone)]
pub struct TextBatch {
    /// `[texts, length]`
    pub ids: Tensor<2, Int>,
    /// `[texts, length]`, true where there is a token.
    pub mask: Tensor<2, Bool>,
}

impl TextEncoder {
    /// A batch from token ids, padded to the longest text.
    ///
    /// # Errors
    /// [`Error::TooLong`] or [`Error::UnknownToken`] names the text.
    pub fn batch<T: AsRef<[u32]>>(&self, texts: &[T], device: &Device) -> Result<TextBatch, Error> {
        self.batch_padded(texts, 0, device)
    }

    /// As [`batch`](Self::batch), padded to at least `length`.
    pub(crate) fn batch_padded<T: AsRef<[u32]>>(
        &self,
        texts: &[T],
        mut length: usize,
        device: &Device,
    ) -> Result<TextBatch, Error> {
        let [vocabulary, _] = self.embeddings.word_embeddings.weight.dims();
        let allowed = self.max_length();
        for (text, ids) in texts.iter().enumerate() {
            let ids = ids.as_ref();
            if ids.len() > allowed {
                return Err(Error::TooLong {
                    text,
                    found: ids.len(),
                    allowed,
                });
            }
            let unknown = |&id: &u32| id as usize >= vocabulary;
            if let Some(position) = ids.iter().position(unknown) {
                return Err(Error::UnknownToken {
                    text,
                    position,
                    found: ids[position],
                    vocabulary,
                });
            }
            length = length.max(ids.len());
        }
        let mut ids = vec![self.pad as i32; texts.len() * length];
        let mut mask = vec![false; texts.len() * length];
        // With no tokens at all there are no rows to fill, and none to name.
        for (row, text) in texts.iter().enumerate() {
            for (column, &id) in text.as_ref().iter().enumerate() {
                ids[row * length + column] = id as i32;
                mask[row * length + column] = true;
            }
        }
        let shape = [texts.len(), length];
        Ok(TextBatch {
            ids: Tensor::from_data(TensorData::new(ids, shape), device),
            mask: Tensor::from_data(TensorData::new(mask, shape), device),
        })
    }
}
