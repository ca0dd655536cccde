//! The fitted part of lexical matches: ids of words that enough users have.
//!
//! An id hides nothing, since anybody can check whether a guessed word's id is there. So a word
//! that fewer users have is not kept as an id either. A set of words (a text without their order)
//! is kept only if enough users have that very set.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use instructue_schema::{DataText, Schema};
use serde::{Deserialize, Serialize};

use super::words::{WordId, joined, word_ids};
use crate::aggregates::most_frequent;
use instructue_schema::UserCounts;

/// The number of sets of words that are kept, the most frequent ones.
const MOST_TEXTS: usize = 20_000;
/// The number of question words that are kept: those that most questions contain.
const MOST_WORDS: usize = 20_000;

/// The counts from which all weights follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Fitted {
    /// The known words of texts: each set that enough users have, and each known word alone that
    /// no such set contains.
    pub(super) texts: Vec<Vec<WordId>>,
    /// The number of distinct texts.
    pub(super) distinct: u64,
    /// The known words, with the number of distinct texts that contain each.
    pub(super) known: BTreeMap<WordId, u64>,
    /// The number of questions.
    pub(super) questions: u64,
    /// The number of questions that contain each known word.
    pub(super) asked: BTreeMap<WordId, u64>,
}

/// Texts and questions, counted by user.
pub(super) struct Counts {
    min_users: usize,
    /// The words of each source's description. The schema declares them, so they belong to no
    /// user.
    described: Vec<Arc<[WordId]>>,
    /// The texts of each source.
    texts: Vec<UserCounts<DataText>>,
    words: UserCounts<WordId>,
    questions: u64,
    asked: HashMap<WordId, u64>,
}

impl Counts {
    pub(super) fn new(schema: &Schema, min_users: usize) -> Self {
        let described = schema.sources.iter().map(|s| word_ids(&s.description));
        Self {
            min_users,
            described: described.collect(),
            texts: vec![UserCounts::new(min_users); schema.sources.len()],
            words: UserCounts::new(min_users),
            questions: 0,
            asked: HashMap::new(),
        }
    }

    pub(super) fn add_text(&mut self, source: usize, user: u64, text: &DataText) {
        self.texts[source].add(user, text);
    }

    pub(super) fn add_question(&mut self, user: u64, question: &str) {
        self.questions += 1;
        for &word in &*word_ids(question) {
            self.words.add(user, &word);
            *self.asked.entry(word).or_default() += 1;
        }
    }

    pub(super) fn finish(self) -> Fitted {
        let Self {
            min_users,
            described,
            texts,
            mut words,
            questions,
            asked,
        } = self;
        let mut counted = Vec::new();
        for (source, mut texts) in texts.into_iter().enumerate() {
            for (text, tally) in texts.drain() {
                let of_text = word_ids(text.as_str());
                of_text
                    .iter()
                    .for_each(|word| words.add_counts(word, &tally));
                counted.push((source, of_text, tally));
            }
        }
        let declared: BTreeSet<WordId> = described.iter().flat_map(|d| d.iter().copied()).collect();
        let is_known = |word: &WordId| declared.contains(word) || words.is_common(word);
        let mut known: BTreeMap<WordId, u64> = BTreeMap::new();
        let mut sets = UserCounts::<Vec<WordId>>::new(min_users);
        for (source, of_text, tally) in &counted {
            let kept: Vec<WordId> = of_text.iter().copied().filter(is_known).collect();
            let set = joined(&described[*source], &kept);
            for &word in &*set {
                *known.entry(word).or_default() += 1;
            }
            if !set.is_empty() {
                sets.add_counts(&*set, tally);
            }
        }
        let sets = most_frequent(sets.common(), MOST_TEXTS).into_iter();
        let mut texts: Vec<Vec<WordId>> = sets.map(|(set, _)| set).collect();
        let covered: BTreeSet<WordId> = texts.iter().flatten().copied().collect();
        let alone = known.keys().filter(|word| !covered.contains(word));
        texts.extend(alone.map(|&word| vec![word]));
        let asked = asked.into_iter().filter(|(word, _)| is_known(word));
        Fitted {
            texts,
            distinct: counted.len() as u64,
            known,
            questions,
            asked: most_frequent(asked.collect(), MOST_WORDS)
                .into_iter()
                .collect(),
        }
    }
}
