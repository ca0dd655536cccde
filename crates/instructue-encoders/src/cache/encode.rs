//! A text encoder behind a cache.

use burn::prelude::*;

use super::{TextKey, VectorCache};
use crate::{Error, TextEncoder};

/// Tokens of one pass, padding included.
const PASS_TOKENS: usize = 4096;

impl TextEncoder {
    /// [`TextEncoder::forward`] for texts that may be known: those that are not are
    /// encoded in passes of similar length. No gradient reaches the encoder; for a
    /// frozen one.
    ///
    /// The cache is one that was opened for this encoder ([`CacheSpace::of`]). A
    /// vector differs by rounding from one that was encoded beside other texts, and
    /// is the same, bit for bit, whenever it comes from the cache.
    ///
    /// [`CacheSpace::of`]: super::CacheSpace::of
    ///
    /// # Shapes
    /// - result: `[texts, hidden]`
    ///
    /// # Errors
    /// As [`TextEncoder::batch`], its text numbers counted over `texts`, and
    /// [`VectorCache::vectors`]; [`Error::Vectors`] if the cache is for vectors of
    /// another width.
    pub fn forward_cached<T: AsRef<[u32]>>(
        &self,
        texts: &[T],
        cache: &VectorCache,
        device: &Device,
    ) -> Result<Tensor<2>, Error> {
        let values = self.vectors_cached(texts, cache, device)?;
        let data = TensorData::new(values, [texts.len(), self.hidden_size()]);
        Ok(Tensor::from_data(data, device))
    }

    /// [`forward_cached`](Self::forward_cached) with the vectors on the host,
    /// `[texts, hidden]`.
    ///
    /// # Errors
    /// As there.
    pub fn vectors_cached<T: AsRef<[u32]>>(
        &self,
        texts: &[T],
        cache: &VectorCache,
        device: &Device,
    ) -> Result<Vec<f32>, Error> {
        let width = self.hidden_size();
        if cache.space().width != width {
            return Err(Error::Vectors {
                expected: format!("a cache of width {width}"),
                found: cache.space().width.to_string(),
            });
        }
        let keys: Vec<TextKey> = texts
            .iter()
            .map(|ids| TextKey::of_tokens(ids.as_ref()))
            .collect();
        cache.vectors(&keys, |places| self.encode(texts, places, device))
    }

    /// The vectors of the texts at `places`, on the host.
    fn encode<T: AsRef<[u32]>>(
        &self,
        texts: &[T],
        places: &[usize],
        device: &Device,
    ) -> Result<Vec<f32>, Error> {
        let width = self.hidden_size();
        let length = |number: &usize| texts[places[*number]].as_ref().len();
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(length);
        let mut values = vec![0.0; places.len() * width];
        let mut rest = &order[..];
        while !rest.is_empty() {
            // Longer and longer: the last of a pass decides its padding.
            let fits = |count: &usize| count * length(&rest[count - 1]) <= PASS_TOKENS;
            let count = (1..=rest.len()).take_while(fits).last().unwrap_or(1);
            let (pass, after) = rest.split_at(count);
            rest = after;
            let chosen: Vec<&[u32]> = pass.iter().map(|&i| texts[places[i]].as_ref()).collect();
            let batch = self
                .batch(&chosen, device)
                .map_err(|error| error.of_text(|text| places[pass[text]]))?;
            let vectors = self.forward(batch).inner().into_data_as::<f32>();
            let vectors = vectors
                .try_to_vec::<f32>()
                .map_err(|error| Error::Vectors {
                    expected: "values of type f32".into(),
                    found: error.to_string(),
                })?;
            for (&number, vector) in pass.iter().zip(vectors.chunks_exact(width)) {
                values[number * width..(number + 1) * width].copy_from_slice(vector);
            }
        }
        Ok(values)
    }
}
