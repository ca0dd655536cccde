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

use instructue_schema::{DataText, Schema, Source};
use serde::{Deserialize, Serialize};

use crate::profile::{Profile, ProfileEvent, SourceProfile};
use fitted::Fitted;
use words::{WordId, word_ids};

/// Numbers of an instruction and a profile, see [`Mentions::numbers`].
pub const MENTION_NUMBERS: usize = RECENT.len() + 5;

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
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Fitted", into = "Fitted")]
pub struct Mentions {
    fitted: Fitted,
    texts: Vec<TextWords>,
    /// Which texts have a word.
    with_word: HashMap<WordId, Vec<u32>>,
}

/// The words of an event's text.
#[derive(Debug, Clone, PartialEq)]
struct TextWords {
    words: Arc<[WordId]>,
    /// Length of its vector of weights.
    norm: f64,
}

/// An instruction's words with their weights.
#[derive(Debug, Clone)]
pub struct MentionQuery {
    weights: HashMap<WordId, f64>,
    /// What the best known text scores; 0: no word of the instruction counts.
    best: f64,
}

/// A profile's events as [`Mentions`] counts them.
#[derive(Debug, Clone, Default)]
pub struct ProfileWords {
    events: Vec<EventWords>,
}

#[derive(Debug, Clone)]
struct EventWords {
    text: TextWords,
    /// Of its source, in days.
    window: f64,
    /// Days before the reference time of all events that it stands for, the newest first.
    days: Arc<[f32]>,
}

impl Mentions {
    /// Fits the weights to the events of profiles and to questions; of the distinct
    /// texts the most frequent 20,000 are kept.
    ///
    /// # Panics
    /// If a profile is not of `schema`.
    pub fn fit(
        schema: &Schema,
        profiles: impl Iterator<Item = Profile>,
        questions: impl Iterator<Item = String>,
    ) -> Self {
        let texts = profiles.flat_map(|profile| {
            let events = events(schema, &profile);
            let texts = events.map(|(source, event)| text_of(source, &event.text));
            texts.collect::<Vec<_>>()
        });
        Fitted::new(texts, questions).into()
    }

    /// How much a word tells texts apart.
    fn rarity(&self, word: WordId) -> f64 {
        let with = self.with_word.get(&word).map_or(0, Vec::len);
        rarity(self.texts.len(), with)
    }

    fn words(&self, text: &str) -> TextWords {
        let words = word_ids(text);
        TextWords {
            norm: norm(&words, |word| self.rarity(word)),
            words,
        }
    }

    /// A profile's events, for any number of instructions.
    ///
    /// # Panics
    /// If the profile is not of `schema`.
    pub fn profile(&self, schema: &Schema, profile: &Profile) -> ProfileWords {
        let events = events(schema, profile).map(|(source, event)| EventWords {
            text: self.words(&text_of(source, &event.text)),
            window: f64::from(source.window_days.max(1)),
            days: event.days.clone(),
        });
        ProfileWords {
            events: events.collect(),
        }
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
        let mut query = MentionQuery {
            weights: weights.collect(),
            best: 0.0,
        };
        let texts = query.weights.keys().filter_map(|w| self.with_word.get(w));
        let scores = texts
            .flatten()
            .map(|&text| query.score(&self.texts[text as usize]));
        query.best = scores.fold(0.0, f64::max);
        query
    }

    /// What an instruction says of a profile: [`MENTION_NUMBERS`] of them, all 0 where
    /// no event is mentioned, and without an instruction.
    ///
    /// The logarithm of 1 + mentioned events in the newest 1/24, 1/12, 1/6, 1/3, 1/2
    /// and all of their source's window; how lately the newest was, by two decays; the
    /// logarithm of 1 + days with one; how well the best of them fits; and how well
    /// the instruction's words fit anything known, which is of the instruction alone.
    pub fn numbers(
        &self,
        profile: &ProfileWords,
        query: Option<&MentionQuery>,
    ) -> [f32; MENTION_NUMBERS] {
        let Some(query) = query.filter(|query| query.best > 0.0) else {
            return [0.0; MENTION_NUMBERS];
        };
        let mut counts = [0.0; RECENT.len()];
        let mut lately = [0.0f64; DECAYS.len()];
        let mut on_days = Vec::new();
        let mut most = 0.0f64;
        for event in &profile.events {
            let share = query.share_of(&event.text);
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
        let mut numbers = [0.0; MENTION_NUMBERS];
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
    fn score(&self, text: &TextWords) -> f64 {
        let shared = text.words.iter().filter_map(|word| self.weights.get(word));
        match text.norm > 0.0 {
            true => shared.sum::<f64>() / text.norm,
            false => 0.0,
        }
    }

    /// How much an event weighs, 0 to 1.
    fn share_of(&self, text: &TextWords) -> f64 {
        match self.best > 0.0 {
            true => (self.score(text) / self.best).min(1.0).powi(SHARPNESS),
            false => 0.0,
        }
    }
}

/// All events of a profile with their sources.
fn events<'a>(
    schema: &'a Schema,
    profile: &'a Profile,
) -> impl Iterator<Item = (&'a Source, &'a ProfileEvent)> {
    let sources = schema.sources.iter().zip(&profile.sources);
    sources.flat_map(|(source, found)| {
        let events = match found {
            SourceProfile::Events(events) => events.as_slice(),
            SourceProfile::Tabular(_) => &[],
        };
        events.iter().map(move |event| (source, event))
    })
}

/// What an event is about: of two logs one may never say what all its events are,
/// coupons or payments.
fn text_of(source: &Source, event: &DataText) -> String {
    format!("{} {}", source.description, event.as_str())
}

impl From<Fitted> for Mentions {
    fn from(fitted: Fitted) -> Self {
        let mut with_word: HashMap<WordId, Vec<u32>> = HashMap::new();
        for (words, text) in fitted.texts.iter().zip(0..) {
            for &word in words {
                with_word.entry(word).or_default().push(text);
            }
        }
        let count = fitted.texts.len();
        let rarity = |word| rarity(count, with_word.get(&word).map_or(0, Vec::len));
        let texts = fitted.texts.iter().map(|words| TextWords {
            words: words.as_slice().into(),
            norm: norm(words, rarity),
        });
        Self {
            texts: texts.collect(),
            with_word,
            fitted,
        }
    }
}

impl From<Mentions> for Fitted {
    fn from(mentions: Mentions) -> Self {
        mentions.fitted
    }
}

fn rarity(texts: usize, with: usize) -> f64 {
    (1.0 + texts as f64 / with.max(1) as f64).ln()
}

fn norm(words: &[WordId], rarity: impl Fn(WordId) -> f64) -> f64 {
    let squares = words.iter().map(|&word| rarity(word).powi(2));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;
