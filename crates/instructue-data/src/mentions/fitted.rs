//! What is kept of texts and questions: no text, only hashes of words.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::words::{WordId, word_ids};

/// Event texts that are kept, the most frequent ones.
const MOST_TEXTS: usize = 20_000;
/// Words of questions that are kept: those that most questions have.
const MOST_WORDS: usize = 20_000;

/// What fitting finds; everything else follows from it. Texts are what users wrote or
/// did, so a model's files have none of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Fitted {
    /// The words of each distinct text.
    pub(super) texts: Vec<Vec<WordId>>,
    /// How many questions there were.
    pub(super) questions: u64,
    /// How many of them have a word.
    pub(super) asked: BTreeMap<WordId, u64>,
}

impl Fitted {
    pub(super) fn new(
        texts: impl IntoIterator<Item = String>,
        questions: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut counts: HashMap<String, u64> = HashMap::new();
        for text in texts {
            *counts.entry(text).or_default() += 1;
        }
        let texts = most(counts, MOST_TEXTS).into_iter();
        let texts = texts.map(|(text, _)| word_ids(&text).to_vec()).collect();
        let mut asked: HashMap<WordId, u64> = HashMap::new();
        let mut count = 0;
        for question in questions {
            count += 1;
            for &word in &*word_ids(&question) {
                *asked.entry(word).or_default() += 1;
            }
        }
        Self {
            texts,
            questions: count,
            asked: most(asked, MOST_WORDS).into_iter().collect(),
        }
    }
}

/// The entries with the highest counts; ties go by name.
fn most<K: Ord>(counts: HashMap<K, u64>, most: usize) -> Vec<(K, u64)> {
    let mut counts: Vec<(K, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
    counts.truncate(most);
    counts
}
