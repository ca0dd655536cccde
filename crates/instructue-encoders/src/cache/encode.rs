//! A text encoder behind a cache: what the cache lacks is encoded in batches of equal
//! length.

use burn::module::Module;
use burn::prelude::*;

use instructue_nn::kernels::side_by_side;

use super::digest::TextKey;
use super::store::VectorCache;
use crate::{Error, TextEncoder};

/// Tokens of one pass, padding included: as many as stay in a core's cache.
const PASS_TOKENS: usize = 2048;
/// Passes whose vectors are held beside all others, so that a million texts do not take memory
/// twice.
const PASSES: usize = 64;
/// Texts are padded to a multiple of so many tokens.
const PADDED: usize = 8;

/// Texts that are encoded together.
struct Pass<'a> {
    /// What they are padded to.
    padded: usize,
    /// Their numbers among those that are encoded.
    numbers: &'a [usize],
    /// Their ids.
    texts: Vec<&'a [u32]>,
}

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

    /// The vectors of the texts at `places`, on the host, in passes of texts that
    /// are padded to the same length: to which depends on the text alone. So a
    /// text's vector does not depend on what else was asked for, as far as the
    /// device computes a row without regard to the others.
    fn encode<T: AsRef<[u32]>>(
        &self,
        texts: &[T],
        places: &[usize],
        device: &Device,
    ) -> Result<Vec<f32>, Error> {
        let width = self.hidden_size();
        // Without the tape, and without the dropout of LoRA.
        let (encoder, device) = (self.valid(), device.clone().inner());
        let length = |number: &usize| {
            let tokens = texts[places[*number]].as_ref().len();
            tokens.next_multiple_of(PADDED).min(self.max_length())
        };
        let mut order: Vec<usize> = (0..places.len()).collect();
        order.sort_by_key(length);
        let same_length = order.chunk_by(|a, b| length(a) == length(b));
        let passes = same_length.flat_map(|numbers| {
            let padded = length(&numbers[0]);
            let count = (PASS_TOKENS / padded.max(1)).max(1);
            numbers.chunks(count).map(move |pass| (padded, pass))
        });
        let passes: Vec<Pass<'_>> = passes
            .map(|(padded, numbers)| {
                let chosen = numbers.iter().map(|&i| texts[places[i]].as_ref());
                // A single text stands there twice: products of one row have kernels of
                // their own, which add in another order.
                Pass {
                    padded,
                    numbers,
                    texts: chosen.cycle().take(numbers.len().max(2)).collect(),
                }
            })
            .collect();
        let encoded = |pass: &Pass<'_>| {
            let number = |text: usize| pass.numbers[text % pass.numbers.len()];
            let batch = encoder
                .batch_padded(&pass.texts, pass.padded, &device)
                .map_err(|error| error.of_text(|text| places[number(text)]))?;
            let vectors = encoder.forward(batch).into_data_as::<f32>();
            vectors.try_to_vec::<f32>().map_err(|error| Error::Vectors {
                expected: "values of type f32".into(),
                found: error.to_string(),
            })
        };
        let mut values = vec![0.0; places.len() * width];
        for passes in passes.chunks(PASSES) {
            let done = side_by_side(&device, passes.len(), |at| encoded(&passes[at]));
            for (pass, vectors) in passes.iter().zip(done) {
                let vectors = vectors?;
                for (&number, vector) in pass.numbers.iter().zip(vectors.chunks_exact(width)) {
                    values[number * width..(number + 1) * width].copy_from_slice(vector);
                }
            }
        }
        Ok(values)
    }
}
