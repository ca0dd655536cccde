//! What is kept of texts and questions: no text, only hashes of words.

use std::collections::{BTreeMap, HashMap};

use instructue_schema::{DataText, Source};
use serde::{Deserialize, Serialize};

use super::words::{WordId, joined, word_ids};
use crate::aggregates::most_frequent;

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
    /// Each text comes with its source.
    pub(super) fn new<'a>(
        texts: impl Iterator<Item = (&'a Source, DataText)>,
        questions: &[String],
    ) -> Self {
        let mut counts: HashMap<(&str, DataText), u64> = HashMap::new();
        for (source, text) in texts {
            let described = source.description.as_str();
            *counts.entry((described, text)).or_default() += 1;
        }
        let texts = most_frequent(counts, MOST_TEXTS).into_iter();
        let texts = texts.map(|((described, text), _)| {
            let described = word_ids(described);
            joined(&described, &word_ids(text.as_str())).to_vec()
        });
        let texts = texts.collect();
        let mut asked: HashMap<WordId, u64> = HashMap::new();
        for question in questions {
            for &word in &*word_ids(question) {
                *asked.entry(word).or_default() += 1;
            }
        }
        Self {
            texts,
            questions: questions.len() as u64,
            asked: most_frequent(asked, MOST_WORDS).into_iter().collect(),
        }
    }
}
