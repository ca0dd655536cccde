//! How much of a user's history an instruction names.
//!
//! "Will this user buy dog food?" names the events whose texts say so. How many
//! there were, and how lately, is most of the answer, and a small network that
//! must find and count them by attention stays behind a plain count. So they are
//! counted here: every event weighs as much as its text has to do with the
//! instruction, by the rare words that the two share.

mod fitted;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use instructue_schema::{DataText, Schema};
use serde::{Deserialize, Serialize};

use crate::profile::{Profile, ProfileEvent, SourceProfile};
use fitted::{Counts, Fitted};
use instructue_schema::user_key;
use words::{WordId, joined, word_ids};

/// Numbers of an instruction and a profile, see [`LexicalMatches::numbers`].
pub const LEXICAL_FEATURES: usize = RECENT.len() + 5;

/// Shares of a source's window in which mentioned events are counted.
const RECENT: [f64; 6] = [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0, 1.0 / 3.0, 0.5, 1.0];
/// How fast an event is forgotten, per window of its source.
const DECAYS: [f64; 2] = [6.0, 2.0];
/// A text that has half as much to do with an instruction as the best one weighs
/// 1/16: what shares a word by chance, and there is much of it, should not outweigh
/// what is meant.
const SHARPNESS: i32 = 4;
/// Brings logarithms of counts near 1.
const SCALE: f64 = 0.5;

/// Weights of words, fitted to event texts and to questions.
///
/// A word weighs as much as it tells texts apart (its inverse document frequency
/// among event texts) times how seldom questions have it: "buy" and "next" are in
/// most questions and say nothing of what is asked about. What a text has to do with
/// an instruction is the sum over the words they share, by the length of the text's
/// own vector of weights, as a share of the best known text, to the fourth power.
///
/// A word is known if enough users have it; any other, in a text or an instruction,
/// weighs nothing, as if it were not there.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Fitted", into = "Fitted")]
pub struct LexicalMatches {
    fitted: Fitted,
    /// The length of each known text's vector of weights.
    norms: Vec<f64>,
    /// Which texts have a word.
    with_word: HashMap<WordId, Vec<u32>>,
}

/// An instruction's words with their weights.
#[derive(Debug, Clone)]
pub struct MentionQuery {
    weights: HashMap<WordId, f64>,
    /// What the best known text scores; 0: no word of the instruction counts.
    best: f64,
}

/// A profile's events as [`LexicalMatches`] counts them.
#[derive(Debug, Clone, Default)]
pub struct ProfileWords {
    events: Vec<EventWords>,
}

#[derive(Debug, Clone)]
struct EventWords {
    /// Of its text and of what its source is called: a log of coupons need not say in
    /// each event that it is one.
    words: Arc<[WordId]>,
    /// Length of their vector of weights.
    norm: f64,
    /// Of its source, in days.
    window: f64,
    /// Days before the reference time of all events that it stands for, the newest first.
    days: Arc<[f32]>,
}

impl LexicalMatches {
    /// Fits the weights to the events of profiles of `schema` and to questions, each with
    /// the [key](instructue_schema::user_key) of the user who was asked about.
    ///
    /// What is kept are words that at least `min_users` distinct users have, and of the
    /// sets of them that make up a text of so many users the most frequent 20,000.
    pub fn fit(
        schema: &Schema,
        profiles: impl Iterator<Item = Profile>,
        questions: &[(u64, String)],
        min_users: usize,
    ) -> Self {
        let mut counts = Counts::new(schema, min_users);
        for profile in profiles {
            let user = user_key(&profile.user);
            for (source, found) in profile.sources.iter().enumerate() {
                for event in of_source(found) {
                    counts.add_text(source, user, &event.text);
                }
            }
        }
        for (user, question) in questions {
            counts.add_question(*user, question);
        }
        counts.finish().into()
    }

    /// How much a word tells texts apart.
    fn rarity(&self, word: WordId) -> f64 {
        rarity(&self.fitted, word)
    }

    /// The events of a profile of `schema`, for any number of instructions.
    pub fn profile(&self, schema: &Schema, profile: &Profile) -> ProfileWords {
        let mut out = ProfileWords::default();
        for (source, found) in schema.sources.iter().zip(&profile.sources) {
            let described = word_ids(&source.description);
            let events = of_source(found).iter().map(|event| {
                let words = joined(&described, &word_ids(event.text.as_str()));
                EventWords {
                    norm: norm(&words, |word| self.rarity(word)),
                    words,
                    window: f64::from(source.window_days.max(1)),
                    days: event.days.clone(),
                }
            });
            out.events.extend(events);
        }
        out
    }

    /// An instruction, for any number of profiles.
    pub fn instruction(&self, instruction: &DataText) -> MentionQuery {
        let questions = self.fitted.questions as f64;
        let words = word_ids(instruction.as_str());
        let weights = words.iter().filter_map(|&word| {
            let asked = self.fitted.asked.get(&word).copied().unwrap_or(0) as f64;
            let weight = self.rarity(word) * ((questions + 1.0) / (asked + 1.0)).ln();
            (weight > 0.0).then_some((word, weight))
        });
        let weights: HashMap<WordId, f64> = weights.collect();
        // In the order of the words, as an event's score is summed up, so that the best
        // text weighs exactly 1.
        let mut scores = vec![0.0; self.norms.len()];
        for word in &*words {
            let Some((weight, texts)) = weights.get(word).zip(self.with_word.get(word)) else {
                continue;
            };
            for &text in texts {
                scores[text as usize] += weight;
            }
        }
        let scores = scores.iter().zip(&self.norms);
        let shared = scores.filter(|(score, _)| **score > 0.0);
        let best = shared.map(|(score, norm)| score / norm);
        MentionQuery {
            best: best.fold(0.0, f64::max),
            weights,
        }
    }

    /// What an instruction says of a profile: [`LEXICAL_FEATURES`] of them, all 0 without
    /// an instruction and where none of its words is known from events.
    ///
    /// The logarithm of 1 + mentioned events in the newest 1/24, 1/12, 1/6, 1/3, 1/2
    /// and all of their source's window; how lately the newest was, by two decays; the
    /// logarithm of 1 + days with one; how well the best of them fits; and how well
    /// the instruction's words fit anything known, which is of the instruction alone.
    pub fn numbers(
        &self,
        profile: &ProfileWords,
        query: Option<&MentionQuery>,
    ) -> [f32; LEXICAL_FEATURES] {
        let Some(query) = query.filter(|query| query.best > 0.0) else {
            return [0.0; LEXICAL_FEATURES];
        };
        let mut counts = [0.0; RECENT.len()];
        let mut lately = [0.0f64; DECAYS.len()];
        let mut on_days = Vec::new();
        let mut most = 0.0f64;
        for event in &profile.events {
            let share = query.share(event);
            if share == 0.0 {
                continue;
            }
            most = most.max(share);
            for &days in &*event.days {
                let age = f64::from(days) / event.window;
                for (count, recent) in counts.iter_mut().zip(RECENT) {
                    *count += f64::from(u8::from(age <= recent)) * share;
                }
                for (lately, decay) in lately.iter_mut().zip(DECAYS) {
                    *lately = lately.max(share * (-decay * age).exp());
                }
                if share > 0.5 {
                    on_days.push(days.floor() as i64);
                }
            }
        }
        on_days.sort_unstable();
        on_days.dedup();
        let log = |count: f64| count.ln_1p() * SCALE;
        let mut numbers = [0.0; LEXICAL_FEATURES];
        let values = counts.into_iter().map(log).chain(lately).chain([
            log(on_days.len() as f64),
            most,
            query.best / (1.0 + query.best),
        ]);
        for (number, value) in numbers.iter_mut().zip(values) {
            *number = value as f32;
        }
        numbers
    }
}

impl MentionQuery {
    /// How much an event weighs, 0 to 1; only for a query of which some word counts.
    fn share(&self, event: &EventWords) -> f64 {
        let shared = event.words.iter().filter_map(|word| self.weights.get(word));
        let score = shared.sum::<f64>();
        match score > 0.0 {
            true => (score / event.norm / self.best).min(1.0).powi(SHARPNESS),
            false => 0.0,
        }
    }
}

fn of_source(found: &SourceProfile) -> &[ProfileEvent] {
    match found {
        SourceProfile::Events(events) => events,
        SourceProfile::Tabular(_) => &[],
    }
}

impl From<Fitted> for LexicalMatches {
    fn from(fitted: Fitted) -> Self {
        let mut with_word: HashMap<WordId, Vec<u32>> = HashMap::new();
        for (words, text) in fitted.texts.iter().zip(0..) {
            for &word in words {
                with_word.entry(word).or_default().push(text);
            }
        }
        let rarity = |word| rarity(&fitted, word);
        let norms = fitted.texts.iter().map(|words| norm(words, rarity));
        Self {
            norms: norms.collect(),
            with_word,
            fitted,
        }
    }
}

impl From<LexicalMatches> for Fitted {
    fn from(lexical_matches: LexicalMatches) -> Self {
        lexical_matches.fitted
    }
}

/// ln(1 + texts / texts with the word); 0 for a word that is not known.
fn rarity(fitted: &Fitted, word: WordId) -> f64 {
    let with = fitted.known.get(&word);
    with.map_or(0.0, |&with| {
        (1.0 + fitted.distinct as f64 / with as f64).ln()
    })
}

fn norm(words: &[WordId], rarity: impl Fn(WordId) -> f64) -> f64 {
    let squares = words.iter().map(|&word| rarity(word).powi(2));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;
