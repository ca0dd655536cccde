//! Extra negatives: answers of other users to the same questions.

use std::collections::HashMap;

use instructue_model::Preprocessor;
use instructue_schema::DataText;
use instructue_schema::seed;
use instructue_store::UserStore;
use instructue_userqa::{Split, Triple, UserQa};
use rand_chacha::ChaCha8Rng;

use crate::error::Result;

/// The number of triples that are read. Beyond it, a question's answers repeat.
const LOOKED_AT: usize = 400_000;
/// The number of answers that are kept per question.
const KEPT: usize = 64;

/// For each question of the training users, some of its answers, tokenised.
///
/// A question is a family with its subject. Its wording does not matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers(HashMap<u64, Vec<Vec<u32>>>);

impl Answers {
    /// Collects the training users' answers from the first shards. Users are assigned to shards
    /// by a hash of their id, so these are a random sample.
    pub(crate) fn collect(
        store: &UserStore,
        triples: &UserQa,
        preprocessor: &Preprocessor,
    ) -> Result<Self> {
        let mut texts: HashMap<u64, Vec<String>> = HashMap::new();
        let mut seen = 0;
        for shard in 0..store.shards() {
            let training = |triple: &Triple| triple.split == Split::Train && !triple.held_out;
            for triple in triples.shard(shard)?.into_iter().filter(training) {
                seen += 1;
                let Some(question) = question(&triple) else {
                    continue;
                };
                let known = texts.entry(question).or_default();
                if known.len() < KEPT && !known.contains(&triple.answer) {
                    known.push(triple.answer);
                }
            }
            if seen >= LOOKED_AT {
                break;
            }
        }
        let encode = |text: String| preprocessor.answer(&DataText::new(text));
        let answers = texts
            .into_iter()
            .map(|(question, texts)| (question, texts.into_iter().filter_map(encode).collect()));
        Ok(Self(answers.collect()))
    }

    /// Up to `count` different answers to the triple's question, without `own`.
    pub(crate) fn others(
        &self,
        triple: &Triple,
        own: &[u32],
        count: usize,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Vec<u32>> {
        let all = question(triple).and_then(|question| self.0.get(&question));
        let mut others: Vec<&Vec<u32>> = all.into_iter().flatten().filter(|a| *a != own).collect();
        seed::shuffle(&mut others, rng);
        others.into_iter().take(count).cloned().collect()
    }
}

/// A hash of the triple's question; `None` if its facts cannot be parsed. Such a triple has no
/// extra negatives.
fn question(triple: &Triple) -> Option<u64> {
    let question = triple.question()?;
    Some(seed::derive(0, &question, &[]))
}
