//! The BERT-type text encoder: event texts in, one vector per text out
//! (arXiv:2510.11016; Q-Anchor, arXiv:2602.14492, trains it by LoRA).

use burn::module::Module;
use burn::prelude::*;
use burn::tensor::DType;
use instructue_nn::Precision;
use instructue_nn::attention::AttentionBias;
use instructue_nn::lora::LoraMaps;
use instructue_nn::lora_maps;

use crate::batch::TextBatch;
use crate::embeddings::Embeddings;
use crate::error::Error;
use crate::layer::BertLayer;
use crate::pooling::Pooling;

/// A BERT: one vector per text. LoRA, when asked for, sits on query, key, value
/// and the attention's output; all else is frozen then. Without
/// it every weight is trainable, unless the caller freezes the module.
#[derive(Module, Debug)]
pub struct TextEncoder {
    pub(crate) embeddings: Embeddings,
    pub(crate) encoder: Layers,
    #[module(skip)]
    pub(crate) pooling: Pooling,
    pub(crate) normalized: bool,
    pub(crate) pad: usize,
    #[module(skip)]
    pub(crate) precision: Precision,
}

/// The layers, first to last; a module of its own because the checkpoint's keys have
/// one.
#[derive(Module, Debug)]
pub(crate) struct Layers {
    pub layer: Vec<BertLayer>,
}

lora_maps!(TextEncoder: encoder);
lora_maps!(Layers: layer);

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

    /// The last states of the first `kept` tokens. Only the last layer may leave
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
        let mut x = self.embeddings.forward(batch.ids);

        // One row per query from the start: a backend that wants it so would
        // otherwise copy it for each head of each layer.
        let row = AttentionBias::padding(batch.mask).tensor().clone();
        let row = row.cast(x.dtype());
        let full = AttentionBias::new(row.clone().repeat_dim(2, length));
        let layers = &self.encoder.layer;
        let last = layers.len() - 1;
        for layer in &layers[..last] {
            x = layer.forward(x, &full, length);
        }
        let bias = match kept == length {
            true => full,
            false => AttentionBias::new(row.repeat_dim(2, kept)),
        };
        layers[last].forward(x, &bias, kept)
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

    /// Width of the vectors.
    pub fn hidden_size(&self) -> usize {
        self.embeddings.word_embeddings.weight.dims()[1]
    }

    /// The longest text in tokens.
    pub fn max_length(&self) -> usize {
        self.embeddings.max_length()
    }

    /// What decides the vectors beside tensors and pooling: ε, and of each layer its
    /// heads and the scales of LoRA that are not in the weights yet.
    pub(crate) fn constants(&self) -> (f64, Vec<(usize, Vec<f64>)>) {
        let of_layer = |layer: &BertLayer| {
            let maps = layer.maps();
            let factors = maps.iter().filter_map(|(_, map)| map.lora.as_ref());
            let scales = factors.filter(|lora| !lora.merged).map(|lora| lora.scale);
            (layer.attention.self_attention.heads, scales.collect())
        };
        let layers = self.encoder.layer.iter().map(of_layer);
        (self.embeddings.eps, layers.collect())
    }

    /// The row of the position table that a text's first token has: 0, but in
    /// RoBERTa's family.
    pub(crate) fn first_position(&self) -> usize {
        self.embeddings.first
    }

    /// What the matrices are held and multiplied in.
    pub fn precision(&self) -> Precision {
        self.precision
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
    let x = x.cast(DType::F32);
    let length = x.clone().square().sum_dim(1).clamp_min(1e-24).sqrt();
    (x / length).cast(dtype)
}
