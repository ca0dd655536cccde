//! The BERT-type text encoder (method §3.1).

use std::path::Path;

use burn::module::Module;
use burn::nn::{Embedding, LayerNorm};
use burn::prelude::*;
use burn::tensor::DType;
use instructue_nn::Precision;
use instructue_nn::attention::AttentionBias;
use instructue_nn::checkpoint::Checkpoint;
use instructue_nn::lora::LoraConfig;

use crate::block::Block;
use crate::weights::{Tensors, Weights, normalise};
use crate::{BertConfig, Error, Pooling};

/// Texts as token ids, short ones padded at the end.
#[derive(Debug, Clone)]
pub struct TextBatch {
    /// `[texts, length]`
    pub ids: Tensor<2, Int>,
    /// `[texts, length]`, true where there is a token.
    pub mask: Tensor<2, Bool>,
}

/// A BERT: one vector per text. LoRA, when asked for, sits on query, key, value
/// and the attention's output; all else is frozen then (method §3.9). Without
/// it every weight is trainable, unless the caller freezes the module.
#[derive(Module, Debug)]
pub struct TextEncoder {
    pub(crate) words: Embedding,
    positions: Embedding,
    types: Embedding,
    norm: LayerNorm,
    eps: f64,
    pub(crate) blocks: Vec<Block>,
    #[module(skip)]
    pooling: Pooling,
    normalized: bool,
    pad: usize,
    /// The row of `positions` for a text's first token.
    first: usize,
    #[module(skip)]
    precision: Precision,
}

impl BertConfig {
    /// Fresh weights: normal with standard deviation .02, biases 0.
    ///
    /// # Errors
    /// As [`BertConfig::validate`], or a LoRA setting that is out of range.
    pub fn init(
        &self,
        pooling: Pooling,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<TextEncoder, Error> {
        self.build(pooling, Weights::fresh(self, lora, device))
    }

    /// Matrices of zeros, for weights that come from elsewhere: drawing them first
    /// would take longer than reading them.
    ///
    /// # Errors
    /// As [`BertConfig::init`].
    pub fn init_blank(
        &self,
        pooling: Pooling,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<TextEncoder, Error> {
        self.build(pooling, Weights::blank(self, lora, device))
    }

    /// The weights of a Hugging Face directory (`model.safetensors`, whole or
    /// sharded). Keys may stand under `bert.` or `roberta.`, and norms may be called
    /// `gamma` and `beta`, as in files that come from TensorFlow; the pooler and
    /// pre-training heads are left out. LoRA factors saved by [`TextEncoder::save_tensors`] are
    /// taken up when `lora` is given, and refused when it is not.
    ///
    /// # Errors
    /// Tensors that are missing, superfluous, of another shape than this
    /// configuration says, or not finite; each is named.
    pub fn load_weights(
        &self,
        dir: impl AsRef<Path>,
        pooling: Pooling,
        lora: Option<&LoraConfig>,
        device: &Device,
    ) -> Result<TextEncoder, Error> {
        let checkpoint = Checkpoint::open(dir.as_ref())?;
        self.build(pooling, Weights::stored(checkpoint, self, lora, device))
    }

    fn build(&self, pooling: Pooling, mut from: Weights<'_>) -> Result<TextEncoder, Error> {
        self.validate()?;
        self.precision.check(from.device)?;
        if let Some(lora) = from.lora {
            lora.validate()?;
        }
        let width = self.hidden_size;
        let words = from.table("embeddings.word_embeddings", self.vocab_size, width)?;
        let positions = from.table(
            "embeddings.position_embeddings",
            self.max_position_embeddings,
            width,
        )?;
        let types = from.table(
            "embeddings.token_type_embeddings",
            self.type_vocab_size,
            width,
        )?;
        let norm = from.norm("embeddings.LayerNorm", width, self.layer_norm_eps)?;
        let blocks = (0..self.num_hidden_layers)
            .map(|layer| Block::build(self, &format!("encoder.layer.{layer}"), &mut from))
            .collect::<Result<_, _>>()?;
        from.finish()?;
        Ok(TextEncoder {
            words,
            positions,
            types,
            norm,
            eps: self.layer_norm_eps,
            blocks,
            pooling,
            normalized: false,
            pad: self.pad(),
            first: self.first_position(),
            precision: self.precision,
        })
    }
}

impl TextEncoder {
    /// One vector per text, `f32` in every precision. A text without tokens gives
    /// zeros; texts do not see each other, and padding is not seen at all.
    ///
    /// A frozen encoder is quicker without autodiff: call this on
    /// [`Module::valid`] of it.
    ///
    /// # Shapes
    /// - `batch.ids`, `batch.mask`: `[texts, length]`, either may be 0
    /// - result: `[texts, hidden]`
    ///
    /// # Panics
    /// When the rows are longer than [`TextEncoder::max_length`], or ids and
    /// mask differ in shape; [`TextEncoder::batch`] never makes such a batch.
    pub fn forward(&self, batch: TextBatch) -> Tensor<2> {
        let [texts, length] = batch.ids.dims();
        let width = self.hidden_size();
        if texts == 0 || length == 0 {
            return Tensor::zeros([texts, width], &batch.ids.device());
        }
        let mask = batch.mask.clone();
        let vectors = match self.pooling {
            Pooling::Cls => {
                // No text at all is a row whose first token is padding.
                let x = self.run(batch, 1).reshape([texts, width]);
                let real = mask.narrow(1, 0, 1).float().cast(x.dtype());
                x * real
            }
            Pooling::Mean => {
                let x = self.run(batch, length);
                let real = mask.float().cast(x.dtype());
                let share = real.clone() / real.sum_dim(1).clamp_min(1.0);
                // A product with [1, length] shares makes no tensor of x's size.
                share
                    .unsqueeze_dim::<3>(1)
                    .matmul(x)
                    .reshape([texts, width])
            }
        };
        match self.normalized {
            true => unit(vectors),
            false => vectors,
        }
    }

    /// The last state of every token; those of padding mean nothing.
    ///
    /// # Shapes
    /// - `batch.ids`, `batch.mask`: `[texts, length]`, neither 0
    /// - result: `[texts, length, hidden]`
    ///
    /// # Panics
    /// As [`TextEncoder::forward`].
    pub fn states(&self, batch: TextBatch) -> Tensor<3> {
        let length = batch.ids.dims()[1];
        self.run(batch, length)
    }

    /// The last states of the first `kept` tokens. Only the last block may leave
    /// the others out: until then every token is attended to.
    fn run(&self, batch: TextBatch, kept: usize) -> Tensor<3> {
        let [_, length] = batch.ids.dims();
        assert_eq!(
            batch.ids.dims(),
            batch.mask.dims(),
            "ids and mask have the same shape"
        );
        assert!(
            length <= self.max_length(),
            "rows of {length} tokens, the encoder allows {}",
            self.max_length()
        );
        let places = self.positions.weight.val();
        let places = places.narrow(0, self.first, length);
        let places = places + self.types.weight.val().narrow(0, 0, 1);
        // The residual stream is f32 in every precision.
        let words = self.words.forward(batch.ids).cast(DType::F32);
        let x = words + places.unsqueeze::<3>().cast(DType::F32);
        let mut x = normalise(&self.norm, x, self.eps);

        // One row per query from the start: a backend that wants it so would
        // otherwise copy it for each head of each block.
        let row = AttentionBias::padding(batch.mask).tensor().clone();
        let row = row.cast(x.dtype());
        let full = AttentionBias::new(row.clone().repeat_dim(2, length));
        let last = self.blocks.len() - 1;
        for block in &self.blocks[..last] {
            x = block.forward(x, &full, length);
        }
        let bias = match kept == length {
            true => full,
            false => AttentionBias::new(row.repeat_dim(2, kept)),
        };
        self.blocks[last].forward(x, &bias, kept)
    }

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
        let [vocabulary, _] = self.words.weight.dims();
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

    /// Width of the vectors.
    pub fn hidden_size(&self) -> usize {
        self.words.weight.dims()[1]
    }

    /// The longest text in tokens.
    pub fn max_length(&self) -> usize {
        self.positions.weight.dims()[0] - self.first
    }

    /// What decides the vectors beside tensors and pooling: ε, and of each block
    /// its heads and its scales of LoRA.
    pub(crate) fn constants(&self) -> (f64, Vec<(usize, Vec<f64>)>) {
        (self.eps, self.blocks.iter().map(Block::constants).collect())
    }

    /// The row of the position table that a text's first token has: 0, but in
    /// RoBERTa's family.
    pub(crate) fn first_position(&self) -> usize {
        self.first
    }

    /// What the matrices are held and multiplied in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// This encoder with its matrices in another precision. Norms and factors of
    /// LoRA stay `f32`, and what was trainable stays so.
    ///
    /// To read a checkpoint in half precision set [`BertConfig::precision`]
    /// instead, and the wider weights are never there.
    ///
    /// # Errors
    /// [`instructue_nn::Error::Precision`] if the device cannot compute in it.
    pub fn with_precision(mut self, precision: Precision) -> Result<Self, Error> {
        precision.check(&self.words.weight.val().device())?;
        for table in [&mut self.words, &mut self.positions, &mut self.types] {
            table.weight = precision.cast(table.weight.clone());
        }
        for block in &mut self.blocks {
            block.cast(precision);
        }
        self.precision = precision;
        Ok(self)
    }

    /// How token states become one vector.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    /// Whether the vectors have length 1 (those of no tokens stay zeros).
    pub fn normalized(&self) -> bool {
        self.normalized
    }

    /// The same encoder with vectors of length 1, or as pooling leaves them.
    pub fn with_normalized(mut self, normalized: bool) -> Self {
        self.normalized = normalized;
        self
    }

    /// All tensors by their names in a Hugging Face checkpoint, LoRA factors as
    /// `….lora_A.weight` and `….lora_B.weight`. What
    /// [`BertConfig::load_weights`] reads back is equal bit by bit. Merged factors
    /// are left out: the weights hold them.
    pub fn save_tensors(&self) -> Vec<(String, TensorData)> {
        let mut to = Tensors::default();
        to.table("embeddings.word_embeddings", &self.words);
        to.table("embeddings.position_embeddings", &self.positions);
        to.table("embeddings.token_type_embeddings", &self.types);
        to.norm("embeddings.LayerNorm", &self.norm);
        for (layer, block) in self.blocks.iter().enumerate() {
            block.save(&format!("encoder.layer.{layer}"), &mut to);
        }
        to.0
    }
}

/// Rows of length 1; a row of zeros stays one.
///
/// # Shapes
/// `x`: `[texts, width]`, the result too
fn unit(x: Tensor<2>) -> Tensor<2> {
    // The bound, squared, is that of torch's `normalize`; half precision cannot hold
    // it, so lengths are taken in single precision. Bounded before the root: its
    // gradient at 0 is infinite.
    let dtype = x.dtype();
    let x = x.cast(burn::tensor::DType::F32);
    let length = x.clone().square().sum_dim(1).clamp_min(1e-24).sqrt();
    (x / length).cast(dtype)
}
