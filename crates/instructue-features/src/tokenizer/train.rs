//! Training of byte-level byte-pair encoding. Equal texts give equal files.
//!
//! Texts are lower-cased and begin with a space. So `DOG FOODS` at the start of an event has the
//! same tokens as a question about dog food has in its middle. A small vocabulary has no room to
//! learn this.
//!
//! The trainer of the `tokenizers` crate counts pairs in 32 bits and iterates over hash maps
//! where ties can matter. This one counts in 64 bits and has a fixed order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use serde_json::{Value, json};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    NormalizedString, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

use super::special::{END, PAD};
use crate::error::Error;
use instructue_schema::{Tally, UserCounts};

/// The padding token, the end mark and the 256 bytes.
const FIXED: usize = 258;
/// A pair that occurs less often is not merged.
const MIN_COUNT: u64 = 2;
/// The longest word that is learned from, in bytes. Longer ones are identifiers rather than
/// words.
const MAX_WORD: usize = 128;
/// The number of distinct texts that are collected before they are split.
const MOST_TEXTS: usize = 1 << 16;

type Pair = (u32, u32);

/// Trains on `texts`, each with its user, and returns a `tokenizer.json`.
///
/// Merges are learned only from words that at least `min_users` users have, so rarer words leave
/// no trace in the vocabulary, in pieces or whole.
pub(super) fn byte_level_bpe(
    texts: impl Iterator<Item = (u64, String)>,
    vocab_size: usize,
    min_users: usize,
) -> Result<String, Error> {
    if vocab_size < FIXED {
        return Err(Error::Tokenizer {
            file: "trained tokenizer".into(),
            expected: format!("a vocabulary of at least {FIXED}"),
            found: vocab_size.to_string(),
        });
    }
    let alphabet = alphabet();
    let mut tokens = vec![PAD.to_string(), END.to_string()];
    tokens.extend(alphabet.iter().map(char::to_string));
    let id_of: HashMap<char, u32> = (2..).zip(&alphabet).map(|(id, &c)| (c, id)).collect();

    let words = common_words(texts, min_users)
        .into_iter()
        .map(|(word, count)| Word {
            ids: word
                .chars()
                .filter_map(|c| id_of.get(&c).copied())
                .collect(),
            count,
        })
        .collect();
    let merges = Trainer::new(words).run(&mut tokens, vocab_size);

    let merges: Vec<Value> = merges
        .into_iter()
        .map(|(left, right)| json!([tokens[left as usize], tokens[right as usize]]))
        .collect();
    let vocab: BTreeMap<&str, usize> = tokens
        .iter()
        .enumerate()
        .map(|(id, t)| (t.as_str(), id))
        .collect();
    let special = |id: usize| {
        json!({
            "id": id, "content": tokens[id], "special": true, "normalized": false,
            "single_word": false, "lstrip": false, "rstrip": false,
        })
    };
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
    });
    let decoder = json!({
        "type": "Sequence",
        "decoders": [byte_level, {"type": "Strip", "content": " ", "start": 1, "stop": 0}],
    });
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(0), special(1)],
        "normalizer": {"type": "Lowercase"}, "pre_tokenizer": byte_level, "post_processor": null, "decoder": decoder,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": false, "vocab": vocab, "merges": merges,
        },
    });
    Ok(tokenizer.to_string())
}

/// The characters that stand for the bytes, in the order of the characters.
fn alphabet() -> Vec<char> {
    let mut alphabet: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    alphabet.sort_unstable();
    alphabet
}

/// The number of occurrences of each word that enough users have. Texts are split exactly as in
/// encoding.
fn common_words(
    texts: impl Iterator<Item = (u64, String)>,
    min_users: usize,
) -> BTreeMap<String, u64> {
    let mut words = UserCounts::<String>::new(min_users);
    // Event texts repeat, and splitting is the expensive part.
    let mut distinct = UserCounts::<String>::new(min_users);
    for (user, text) in texts {
        distinct.add(user, text.as_str());
        if distinct.len() >= MOST_TEXTS {
            for (text, tally) in distinct.drain() {
                split_words(text, &tally, &mut words);
            }
        }
    }
    for (text, tally) in distinct.drain() {
        split_words(text, &tally, &mut words);
    }
    words.common().into_iter().collect()
}

fn split_words(text: String, tally: &Tally, words: &mut UserCounts<String>) {
    let splitter = ByteLevel::new(true, true, true);
    let mut text = NormalizedString::from(text);
    text.lowercase();
    let mut pieces = PreTokenizedString::from(text);
    // Splitting at a fixed expression does not fail.
    if splitter.pre_tokenize(&mut pieces).is_err() {
        return;
    }
    for (word, _, _) in pieces.get_splits(OffsetReferential::Original, OffsetType::None) {
        // At most two bytes of UTF-8 stand for a byte.
        if word.len() <= 2 * MAX_WORD {
            words.add_counts(word, tally);
        }
    }
}

struct Word {
    ids: Vec<u32>,
    count: u64,
}

impl Word {
    fn pairs(&self) -> impl Iterator<Item = Pair> + '_ {
        self.ids.windows(2).map(|pair| (pair[0], pair[1]))
    }

    fn merge(&mut self, pair: Pair, new: u32) {
        let mut kept = 0;
        let mut at = 0;
        while at < self.ids.len() {
            let found = self.ids[at] == pair.0 && self.ids.get(at + 1) == Some(&pair.1);
            self.ids[kept] = if found { new } else { self.ids[at] };
            at += 1 + usize::from(found);
            kept += 1;
        }
        self.ids.truncate(kept);
    }
}

/// Words with the counts of their pairs, which are updated while pairs are merged.
struct Trainer {
    words: Vec<Word>,
    counts: HashMap<Pair, u64>,
    /// The words that have, or once had, the pair.
    words_of: HashMap<Pair, Vec<u32>>,
    /// Pairs by count, the largest first, then by the smallest pair. Counts may be out of date.
    queue: BinaryHeap<(u64, Reverse<Pair>)>,
}

impl Trainer {
    fn new(words: Vec<Word>) -> Self {
        let mut counts: HashMap<Pair, u64> = HashMap::new();
        let mut words_of: HashMap<Pair, Vec<u32>> = HashMap::new();
        for (at, word) in (0..).zip(&words) {
            for pair in word.pairs() {
                *counts.entry(pair).or_default() += word.count;
                words_of.entry(pair).or_default().push(at);
            }
        }
        let queue = counts
            .iter()
            .map(|(&pair, &count)| (count, Reverse(pair)))
            .collect();
        Self {
            words,
            counts,
            words_of,
            queue,
        }
    }

    /// Merges the most frequent pair until `tokens` has `vocab_size` entries.
    fn run(mut self, tokens: &mut Vec<String>, vocab_size: usize) -> Vec<Pair> {
        let mut id_of: HashMap<String, u32> = (0..)
            .zip(tokens.iter())
            .map(|(id, t)| (t.clone(), id))
            .collect();
        let mut merges = Vec::new();
        while tokens.len() < vocab_size {
            let Some((count, Reverse(pair))) = self.queue.pop() else {
                break;
            };
            let now = self.counts.get(&pair).copied().unwrap_or(0);
            if now != count {
                // A pair whose count grew has a newer entry in the queue.
                if now < count && now >= MIN_COUNT {
                    self.queue.push((now, Reverse(pair)));
                }
                continue;
            }
            if count < MIN_COUNT {
                break;
            }
            let token = format!("{}{}", tokens[pair.0 as usize], tokens[pair.1 as usize]);
            // Two ways to the same token share its id.
            let id = *id_of.entry(token.clone()).or_insert_with(|| {
                tokens.push(token);
                tokens.len() as u32 - 1
            });
            merges.push(pair);
            self.merge(pair, id);
        }
        merges
    }

    fn merge(&mut self, pair: Pair, new: u32) {
        let mut places = self.words_of.remove(&pair).unwrap_or_default();
        places.sort_unstable();
        places.dedup();
        let mut grown = Vec::new();
        for at in places {
            let word = &mut self.words[at as usize];
            for old in word.pairs() {
                if let Some(count) = self.counts.get_mut(&old) {
                    *count -= word.count;
                }
            }
            word.merge(pair, new);
            for now in word.pairs() {
                *self.counts.entry(now).or_default() += word.count;
                if now.0 == new || now.1 == new {
                    self.words_of.entry(now).or_default().push(at);
                    grown.push(now);
                }
            }
        }
        self.counts.remove(&pair);
        grown.sort_unstable();
        grown.dedup();
        for pair in grown {
            if let Some(&count) = self.counts.get(&pair) {
                self.queue.push((count, Reverse(pair)));
            }
        }
    }
}
