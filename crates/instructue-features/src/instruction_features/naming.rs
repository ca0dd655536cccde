//! Texts that an instruction names word for word.

use std::collections::HashMap;

use super::fitted::{FittedTexts, KnownText};
use super::ngrams::Ngrams;
use crate::lexical_matches::words;

/// How often a text counts beside each of what its events say.
const OWN: f32 = 3.0;
/// Of these, how many count.
const BESIDE: usize = 8;

/// The words of each part of each known text.
#[derive(Debug)]
pub(super) struct Names {
    /// Texts by the words of one of their parts.
    texts: HashMap<Vec<String>, Vec<u32>>,
    /// The most words that a part has.
    longest: usize,
    /// The texts by their spelling.
    pub ngrams: Ngrams,
}

impl Names {
    pub fn new(fitted: &FittedTexts) -> Self {
        let mut texts: HashMap<Vec<String>, Vec<u32>> = HashMap::new();
        for (known, text) in fitted.texts.iter().zip(0..) {
            for part in known.parts() {
                let part: Vec<String> = words(part).collect();
                let texts = texts.entry(part).or_default();
                if texts.last() != Some(&text) {
                    texts.push(text);
                }
            }
        }
        texts.remove(&Vec::new());
        Self {
            longest: texts.keys().map(Vec::len).max().unwrap_or(0),
            ngrams: Ngrams::new(&fitted.texts.iter().map(spelled).collect::<Vec<_>>()),
            texts,
        }
    }

    /// Which words stand in a part's name of several words: in "lower body" nothing is lower than
    /// before.
    pub fn within(&self, words: &[String]) -> Vec<bool> {
        let mut within = vec![false; words.len()];
        for length in 2..=words.len().min(self.longest) {
            for (at, run) in words.windows(length).enumerate() {
                if self.texts.contains_key(run) {
                    within[at..at + length].fill(true);
                }
            }
        }
        within
    }

    /// The texts with a part whose words stand in an instruction, one after the other, and are
    /// most of what it asks about, by the words that tell something: "deli meat" names no
    /// department of meat. Of several such parts the longest ones, since "frozen pizza" names no pizza. A
    /// part that several texts share is named only if nothing else is asked.
    pub fn named(&self, words: &[String], tells: impl Fn(&str) -> bool) -> Vec<u32> {
        let telling = |words: &[String]| words.iter().filter(|word| tells(word)).count();
        let all = telling(words);
        for length in (1..=words.len().min(self.longest)).rev() {
            let runs = words.windows(length).filter_map(|run| {
                let texts = self.texts.get(run)?;
                let others = all - telling(run);
                let most = if texts.len() == 1 { length - 1 } else { 0 };
                (others <= most).then_some(texts)
            });
            let mut named: Vec<u32> = runs.flatten().copied().collect();
            if !named.is_empty() {
                named.sort_unstable();
                named.dedup();
                return named;
            }
        }
        Vec::new()
    }
}

/// What a text is spelled like: itself above all, and what its events say beside it.
fn spelled(known: &KnownText) -> Vec<(String, f32)> {
    let beside = known.children.iter().take(BESIDE);
    let beside = beside.map(|(child, _)| (child.clone(), 1.0));
    [(known.text.clone(), OWN)]
        .into_iter()
        .chain(beside)
        .collect()
}
