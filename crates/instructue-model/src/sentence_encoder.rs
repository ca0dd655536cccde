//! A text encoder with its tokenizer, from a checkpoint directory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::Device;
use instructue_encoders::cache::{CacheConfig, CacheSpace, Digest, VectorCache};
use instructue_encoders::{EncoderCheckpoint, Pooling, TextEncoder};
use instructue_features::TextTokenizer;
use instructue_schema::{DataText, Matrix};
use rayon::prelude::*;

use crate::error::Result;
use crate::vectors::copy_row;

/// Texts in, vectors out: what an events source's encoder does, by itself.
///
/// A directory of sentence-transformers gives the vectors that it gives there
/// (docs/parity.md), with one difference that is meant: a text that spells a special
/// token, such as `[SEP]`, is text here.
///
/// Frozen. Each distinct text is encoded once, in passes of similar length, and its
/// vector kept as the cache's configuration says.
#[derive(Debug)]
pub struct SentenceEncoder {
    checkpoint: EncoderCheckpoint,
    encoder: TextEncoder,
    tokenizer: Arc<TextTokenizer>,
    cache: VectorCache,
    settings: CacheConfig,
    device: Device,
}

impl SentenceEncoder {
    /// Reads a directory: configuration, tokenizer, weights.
    ///
    /// `pooling` is for a directory that declares none, which would get the mean.
    ///
    /// # Errors
    /// As [`EncoderCheckpoint::open`], [`EncoderCheckpoint::load`] and
    /// [`TextTokenizer::from_file`]; when the tokenizer has ids that the encoder's
    /// table has not; when the cache's folder cannot be used.
    pub fn open(
        dir: impl AsRef<Path>,
        pooling: Option<Pooling>,
        cache: &CacheConfig,
        device: &Device,
    ) -> Result<Self> {
        let checkpoint = EncoderCheckpoint::open(dir, pooling)?;
        let mut tokenizer = TextTokenizer::from_file(&checkpoint.tokenizer_file())?;
        if checkpoint.lower_case() {
            tokenizer = tokenizer.lower_cased()?;
        }
        checkpoint.check_vocabulary(tokenizer.rows())?;
        let encoder = checkpoint.load(None, device)?;
        let space = CacheSpace::of(&encoder, Digest(tokenizer.digest()));
        Ok(Self {
            cache: VectorCache::open(cache, space)?,
            settings: cache.clone(),
            checkpoint,
            encoder,
            tokenizer: Arc::new(tokenizer),
            device: device.clone(),
        })
    }

    /// The vectors of texts, in their order.
    ///
    /// # Errors
    /// When a vector is not finite.
    pub fn encode(&self, texts: &[DataText]) -> Result<Matrix> {
        let mut distinct: Vec<&DataText> = Vec::new();
        let mut places = HashMap::new();
        let place_of: Vec<usize> = texts
            .iter()
            .map(|text| {
                *places.entry(text).or_insert_with(|| {
                    distinct.push(text);
                    distinct.len() - 1
                })
            })
            .collect();
        let ids: Vec<Vec<u32>> = distinct.par_iter().map(|text| self.tokens(text)).collect();
        let found = self
            .encoder
            .vectors_cached(&ids, &self.cache, &self.device)?;
        let width = self.encoder.hidden_size();
        let mut vectors = Matrix::zeros(texts.len(), width);
        for (text, &place) in place_of.iter().enumerate() {
            copy_row(&mut vectors, text, &found, place);
        }
        Ok(vectors)
    }

    /// Forgets the vectors that are in memory; those in a folder stay.
    ///
    /// # Errors
    /// When the cache's folder cannot be used.
    pub fn forget(&mut self) -> Result<()> {
        self.cache = VectorCache::open(&self.settings, *self.cache.space())?;
        Ok(())
    }

    /// The ids that the encoder gets for a text, marks included, cut to
    /// [`EncoderCheckpoint::max_length`].
    pub fn tokens(&self, text: &DataText) -> Vec<u32> {
        let limit = self.checkpoint.max_length();
        self.tokenizer.encode_marked(text, limit)
    }

    /// What the directory says.
    pub fn checkpoint(&self) -> &EncoderCheckpoint {
        &self.checkpoint
    }

    /// The encoder.
    pub fn encoder(&self) -> &TextEncoder {
        &self.encoder
    }

    /// The tokenizer, lower-casing included where the directory asks for it.
    pub fn tokenizer(&self) -> &Arc<TextTokenizer> {
        &self.tokenizer
    }

    /// The vectors that are kept.
    pub fn cache(&self) -> &VectorCache {
        &self.cache
    }
}
