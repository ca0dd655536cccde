//! Texts for the answer side, read by the decoder alone.

use burn::tensor::{Device, Int, Tensor};
use instructue_nn::attention::AttentionBias;

use super::tensors::{SIZED, ints2};

/// Texts for the answer side.
#[derive(Debug, Clone)]
pub struct TextInput {
    /// `[n, length]`
    pub ids: Tensor<2, Int>,
    /// `[n, length]`
    pub positions: Tensor<2, Int>,
    /// `[n, 1, length, length]`
    pub bias: AttentionBias,
    /// `[n, 1]`: the place of each text's last token.
    pub last: Tensor<2, Int>,
}

impl TextInput {
    /// Pads `texts` on the right.
    ///
    /// # Panics
    /// If there is no text or one is empty.
    pub fn new(texts: &[Vec<u32>], device: &Device) -> Self {
        assert!(
            texts.iter().all(|text| !text.is_empty()),
            "a text without tokens"
        );
        let length = texts.iter().map(Vec::len).max().expect("at least one text");
        let rows = texts.len();
        let mut ids = vec![0i64; rows * length];
        let mut last = Vec::with_capacity(rows);
        for (row, text) in texts.iter().enumerate() {
            for (slot, &id) in text.iter().enumerate() {
                ids[row * length + slot] = i64::from(id);
            }
            last.push(text.len() as i64 - 1);
        }
        let positions: Vec<i64> = (0..rows).flat_map(|_| 0..length as i64).collect();
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let allowed = (0..rows).flat_map(|row| {
            let length_of = lengths[row];
            (0..length).flat_map(move |q| (0..length).map(move |k| k <= q && k < length_of))
        });
        Self {
            ids: ints2(ids, [rows, length], device),
            positions: ints2(positions, [rows, length], device),
            bias: AttentionBias::from_host(allowed.collect(), [rows, length, length], device)
                .expect(SIZED),
            last: ints2(last, [rows, 1], device),
        }
    }
}
