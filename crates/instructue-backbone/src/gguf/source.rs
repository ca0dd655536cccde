//! The tensors of a GGUF file, dequantised, as the decoder multiplies with them.

use std::collections::BTreeSet;

use burn::tensor::{Device, Tensor};
use instructue_gguf::Gguf;
use instructue_nn::Precision;
use instructue_nn::checkpoint::Filling;
use instructue_nn::source::{Orientation, WeightSource};

use super::names::{OUTPUT, ROPE_FACTORS, TABLE};
use crate::config::{DecoderConfig, ModelType};
use crate::error::{Error, Result};

/// An open file, the decoder that it should hold, and what was taken from it.
pub(super) struct GgufWeights<'a> {
    file: &'a mut Gguf,
    config: &'a DecoderConfig,
    taken: BTreeSet<String>,
}

impl<'a> GgufWeights<'a> {
    pub(super) fn new(file: &'a mut Gguf, config: &'a DecoderConfig) -> Self {
        Self {
            file,
            config,
            taken: BTreeSet::new(),
        }
    }

    /// A tied embedding table may be stored a second time as the output matrix:
    /// the copy with more bits is the better one.
    fn finer(&self, stored: &str) -> String {
        if stored != TABLE || !self.config.tie_word_embeddings {
            return stored.into();
        }
        let tensors = self.file.tensors();
        match (tensors.get(stored), tensors.get(OUTPUT)) {
            (Some(table), Some(copy)) if copy.kind.bits() > table.kind.bits() => OUTPUT.into(),
            _ => stored.into(),
        }
    }

    /// Fails if a tensor was left over.
    pub(super) fn finish(mut self) -> Result<()> {
        // Part of the configuration.
        self.taken.insert(ROPE_FACTORS.into());
        if self.config.tie_word_embeddings {
            self.taken.insert(OUTPUT.into());
        }
        let names = self.file.tensors().keys();
        let names: Vec<String> = names
            .filter(|name| !self.taken.contains(*name))
            .cloned()
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let path = self.file.path().into();
        Err(instructue_gguf::Error::Extra { path, names }.into())
    }
}

impl WeightSource for GgufWeights<'_> {
    type Error = Error;

    fn contains(&self, name: &str) -> bool {
        self.file.tensors().contains_key(name)
    }

    fn tensor<const D: usize>(
        &mut self,
        stored: &str,
        shape: [usize; D],
        orientation: Orientation,
        precision: Precision,
        device: &Device,
    ) -> Result<Tensor<D>> {
        let source = self.finer(stored);
        // Nothing is allocated before the file is known to hold as much.
        self.file.check_shape(&source, &shape)?;
        let mut into = match (orientation, shape.as_slice()) {
            (Orientation::Transposed, &[rows, columns]) => {
                Filling::transposed([rows, columns], precision)
            }
            _ => Filling::new(&shape, precision),
        };
        let path = self.file.path().to_owned();
        let mut push = |values: &[f32]| {
            into.push(values).map_err(|large| {
                Error::from(instructue_nn::Error::Overflow {
                    path: path.clone(),
                    name: source.clone(),
                    index: large.index,
                    value: large.value,
                    precision,
                })
            })
        };
        let heads = match self.config.model_type {
            ModelType::Llama if stored.contains(".attn_q.") => {
                Some(self.config.num_attention_heads)
            }
            ModelType::Llama if stored.contains(".attn_k.") => {
                Some(self.config.num_key_value_heads)
            }
            _ => None,
        };
        match heads {
            Some(heads) => push(&halves(&self.file.read(&source, &shape)?, shape[0], heads))?,
            None => self.file.read_pieces(&source, &shape, push)?,
        }
        self.taken.extend([stored.into(), source]);
        Ok(into.upload(device))
    }
}

/// Files of architecture `llama` hold the rows of query and key such that
/// rotation turns neighbours; here it turns a head's first half against its
/// second. Row 2i + j of a head becomes row i + j · half.
fn halves(values: &[f32], rows: usize, heads: usize) -> Vec<f32> {
    let width = values.len() / rows;
    let (head, half) = (rows / heads, rows / heads / 2);
    let mut out = Vec::with_capacity(values.len());
    for row in 0..rows {
        let (first, within) = (row / head * head, row % head);
        let from = first + within % half * 2 + within / half;
        out.extend_from_slice(&values[from * width..][..width]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_become_halves() {
        // Two heads of four rows, one column: 0 1 | 2 3 are pairs.
        let pairs: Vec<f32> = (0..8).map(|row| row as f32).collect();
        let halves = halves(&pairs, 8, 2);
        assert_eq!(halves, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
    }
}
