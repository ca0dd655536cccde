//! A table of word vectors that comes with the project.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::{NormalizedString, Normalizer};

use super::vectors::{TextVectors, unit};

/// The table, see `data/README.md` of this crate.
const TABLE: &[u8] = include_bytes!("../../data/word_vectors.safetensors");
/// The text of each row of the table. One that continues a word begins with `##`.
const PIECES: &str = include_str!("../../data/word_vectors.txt");
/// The longest word that is looked at; a longer one says nothing.
const MAX_LETTERS: usize = 100;

/// Vectors of pieces of words. A text's vector is the weighted sum of its pieces' vectors; a piece
/// that is in most texts weighs little. It is English, knows no order of words, and costs next to
/// nothing.
#[derive(Debug)]
pub struct WordVectors {
    pieces: HashMap<String, usize>,
    /// `[pieces, width]`
    values: Vec<i8>,
    weights: Vec<f32>,
    /// What each column of `values` is multiplied by.
    scales: Vec<f32>,
    digest: String,
}

impl WordVectors {
    /// The table that comes with the project, made from all-MiniLM-L6-v2.
    ///
    /// # Panics
    /// Never: the table is part of the program, and a test reads it.
    pub fn shared() -> Arc<Self> {
        static SHARED: OnceLock<Arc<WordVectors>> = OnceLock::new();
        let read = || Arc::new(Self::read(TABLE, PIECES).expect("a sound table"));
        SHARED.get_or_init(read).clone()
    }

    /// Reads a table of `vectors` (`[pieces, width]`, bytes), `weights` (`[pieces]`) and `scales`
    /// (`[width]`), and its pieces, one a line.
    ///
    /// `None` if it is none.
    pub fn read(table: &[u8], pieces: &str) -> Option<Self> {
        let file = SafeTensors::deserialize(table).ok()?;
        let tensor = |name: &str, dtype: Dtype, shape: &[usize]| {
            let found = file.tensor(name).ok()?;
            let fits = found.dtype() == dtype && found.shape() == shape;
            fits.then(|| found.data().to_vec())
        };
        let [rows, width] = *file.tensor("vectors").ok()?.shape() else {
            return None;
        };
        let floats = |bytes: Vec<u8>| -> Vec<f32> {
            let (floats, _) = bytes.as_chunks::<4>();
            floats
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect()
        };
        let digest = Sha256::new()
            .chain_update(table)
            .chain_update(pieces)
            .finalize();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let values = tensor("vectors", Dtype::I8, &[rows, width])?.into_iter();
        let pieces: HashMap<String, usize> = pieces.lines().map(str::to_owned).zip(0..).collect();
        (pieces.len() == rows).then_some(Self {
            pieces,
            values: values.map(u8::cast_signed).collect(),
            weights: floats(tensor("weights", Dtype::F32, &[rows])?),
            scales: floats(tensor("scales", Dtype::F32, &[width])?),
            digest,
        })
    }

    /// The rows of a word's pieces: from its beginning the longest piece that is known, and so
    /// on; none for a word that cannot be put together.
    fn rows(&self, word: &str) -> Vec<usize> {
        let letters = word.len();
        let mut rows = Vec::new();
        let mut from = 0;
        // Words are ASCII here, so each byte is a letter.
        while from < letters && letters <= MAX_LETTERS {
            let mark = if from == 0 { "" } else { "##" };
            let longest = (from + 1..=letters).rev().find_map(|to| {
                let row = self.pieces.get(&format!("{mark}{}", &word[from..to]))?;
                Some((*row, to))
            });
            let Some((row, to)) = longest else {
                return Vec::new();
            };
            rows.push(row);
            from = to;
        }
        rows
    }
}

impl TextVectors for WordVectors {
    fn vector(&self, text: &str) -> Vec<f32> {
        let width = self.scales.len();
        let mut sum = vec![0.0; width];
        let text = plain(text);
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
            let rows = self.rows(word);
            // Two pieces of one word say no more than one.
            let share = 1.0 / (rows.len().max(1) as f32).sqrt();
            for row in rows {
                let values = &self.values[row * width..][..width];
                for (sum, value) in sum.iter_mut().zip(values) {
                    *sum += self.weights[row] * share * f32::from(*value);
                }
            }
        }
        for (sum, scale) in sum.iter_mut().zip(&self.scales) {
            *sum *= scale;
        }
        unit(sum)
    }

    fn digest(&self) -> String {
        self.digest.clone()
    }
}

/// A text in lower case, without the marks above and below its letters: `É` becomes `e`.
fn plain(text: &str) -> String {
    let mut normalised = NormalizedString::from(text);
    // It never fails; a text that it did not take would stay as it is.
    let _ = BertNormalizer::default().normalize(&mut normalised);
    normalised.get().to_owned()
}
