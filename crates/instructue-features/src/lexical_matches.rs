//! Lexical matches: how many events of a user share words with an instruction, and how recent
//! they are. A model that is asked about named things needs them.
//!
//! "Will this user buy dog food?" names the events whose texts contain these words. Their number
//! and recency are most of the answer, and a small network that must find and count them by
//! attention stays behind a plain count. So they are counted here. Each event has a weight, which
//! follows from the rare words that its text shares with the instruction.

mod fitted;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use instructue_schema::{DataText, Schema};
use serde::{Deserialize, Serialize};

use crate::profile::{Profile, ProfileEvent, SourceProfile};
use fitted::{Counts, Fitted};
use instructue_schema::user_key;
pub(crate) use words::words;
use words::{WordId, joined, word_ids};

/// The number of features of an instruction and a profile, see [`LexicalMatches::numbers`].
pub const LEXICAL_FEATURES: usize = RECENT.len() + 5;

/// The shares of a source's window in which matching events are counted.
const RECENT: [f64; 6] = [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0, 1.0 / 3.0, 0.5, 1.0];
/// The rates at which an event's recency decays, per window of its source.
const DECAYS: [f64; 2] = [6.0, 2.0];
/// The exponent of an event's weight. A text that matches half as well as the best one weighs
/// 1/16. Many texts share a word by chance, and they should not outweigh the intended ones.
const SHARPNESS: i32 = 4;
/// The factor that brings logarithms of counts near 1.
const SCALE: f64 = 0.5;

/// Weights of words, fitted to event texts and to questions.
///
/// A word's weight is its inverse document frequency among event texts times its rarity among
/// questions: "buy" and "next" are in most questions and do not say what a question is about. A
/// text's score under an instruction is the sum of the weights of the shared words, divided by
/// the norm of the text's own vector of weights. The weight of an event is its text's score as a
/// share of the best known text's score, to the fourth power.
///
/// A word is known if enough users have it. Any other word of a text or an instruction is
/// ignored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Fitted", into = "Fitted")]
pub struct LexicalMatches {
    fitted: Fitted,
    /// The norm of each known text's vector of weights.
    norms: Vec<f64>,
    /// The texts that contain each word.
    with_word: HashMap<WordId, Vec<u32>>,
}

/// The words of an instruction with their weights.
#[derive(Debug, Clone)]
pub struct LexicalQuery {
    weights: HashMap<WordId, f64>,
    /// The score of the best known text; 0 if no word of the instruction has a weight.
    best: f64,
}

/// The words of a profile's events.
#[derive(Debug, Clone, Default)]
pub struct ProfileWords {
    events: Vec<EventWords>,
}

#[derive(Debug, Clone)]
struct EventWords {
    /// The words of the event's text and of its source's description. A log of coupons need not
    /// say in each event that it is one.
    words: Arc<[WordId]>,
    /// The norm of their vector of weights.
    norm: f64,
    /// The window of the event's source, in days.
    window: f64,
    /// The days before the reference time of all events that it stands for, the newest first.
    days: Arc<[f32]>,
}

impl LexicalMatches {
    /// Fits the weights to the events of profiles of `schema` and to questions. Each question
    /// comes with the [key](instructue_schema::user_key) of the user it asks about.
    ///
    /// A word is kept if at least `min_users` distinct users have it. A text is kept as a set of
    /// words if that many users have the set; of these sets the 20,000 most frequent are kept.
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
                for event in with_text(found) {
                    counts.add_text(source, user, &event.text);
                }
            }
        }
        for (user, question) in questions {
            counts.add_question(*user, question);
        }
        counts.finish().into()
    }

    /// The inverse document frequency of a word.
    fn rarity(&self, word: WordId) -> f64 {
        rarity(&self.fitted, word)
    }

    /// Prepares the events of a profile of `schema`, for any number of instructions.
    pub fn profile(&self, schema: &Schema, profile: &Profile) -> ProfileWords {
        let mut out = ProfileWords::default();
        for (source, found) in schema.sources.iter().zip(&profile.sources) {
            let described = word_ids(&source.description);
            let events = with_text(found).map(|event| {
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

    /// Prepares an instruction, for any number of profiles.
    pub fn instruction(&self, instruction: &DataText) -> LexicalQuery {
        let questions = self.fitted.questions as f64;
        let words = word_ids(instruction.as_str());
        let weights = words.iter().filter_map(|&word| {
            let asked = self.fitted.asked.get(&word).copied().unwrap_or(0) as f64;
            let weight = self.rarity(word) * ((questions + 1.0) / (asked + 1.0)).ln();
            (weight > 0.0).then_some((word, weight))
        });
        let weights: HashMap<WordId, f64> = weights.collect();
        // The sum runs in the order of the words, as for an event's score, so that the best text
        // weighs exactly 1.
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
        LexicalQuery {
            best: best.fold(0.0, f64::max),
            weights,
        }
    }

    /// The [`LEXICAL_FEATURES`] features of an instruction and a profile. All are 0 without an
    /// instruction, and where none of its words is known from events.
    ///
    /// The features are, in order: the logarithm of 1 + the weighted number of events in the
    /// newest 1/24, 1/12, 1/6, 1/3, 1/2 and all of their source's window; the recency of the
    /// newest one, under two decays; the logarithm of 1 + the number of days with a match; the
    /// weight of the best match; and how well the instruction's words match any known text, which
    /// does not depend on the user.
    pub fn numbers(
        &self,
        profile: &ProfileWords,
        query: Option<&LexicalQuery>,
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

impl LexicalQuery {
    /// The weight of an event, 0 to 1. `best` must be above 0.
    fn share(&self, event: &EventWords) -> f64 {
        let shared = event.words.iter().filter_map(|word| self.weights.get(word));
        let score = shared.sum::<f64>();
        match score > 0.0 {
            true => (score / event.norm / self.best).min(1.0).powi(SHARPNESS),
            false => 0.0,
        }
    }
}

/// The events of a source that have a text. Those with a vector share no word with anything.
fn with_text(found: &SourceProfile) -> impl Iterator<Item = &ProfileEvent> {
    let events: &[ProfileEvent] = match found {
        SourceProfile::Events(events) => events,
        SourceProfile::Tabular(_) => &[],
    };
    events.iter().filter(|event| event.vector.is_none())
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

/// ln(1 + texts / texts with the word); 0 for an unknown word.
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
