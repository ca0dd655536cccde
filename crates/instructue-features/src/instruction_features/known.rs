//! The known texts with their meanings: what an instruction asks about, and a user's numbers.

use std::sync::Arc;

use instructue_schema::DataText;

use super::asks::Asks;
use super::fitted::FittedTexts;
use super::names::TEXT_FEATURES;
use super::naming::Names;
use super::numbers;
use super::profile::ProfileTexts;
use super::query::{About, InstructionQuery, softmax};
use super::vectors::{TextVectors, dot, unit};
use crate::lexical_matches::words;
use crate::profile::Profile;

/// What a text's own meaning, the meanings of what its events say beside it, its spelling and
/// its frequency count for, when an instruction asks for it. Chosen on validation users of the
/// Complete Journey.
const OWN: f32 = 0.75;
const BESIDE: f32 = 0.25;
const SPELLING: f32 = 0.4;
const FREQUENCY: f32 = 0.015;
/// How sharply the nearest of what events say beside a text is preferred.
const CHILD_WIDTH: f32 = 0.05;
/// How quickly the weight of a text that is near in meaning falls.
const NEAR_WIDTH: f32 = 0.08;
/// Texts that are near in meaning, at most.
const NEAR: usize = 15;

/// Event texts that enough users have, with their meanings and how users have them.
#[derive(Debug, Clone)]
pub struct KnownTexts {
    fitted: Arc<FittedTexts>,
    vectors: Arc<dyn TextVectors>,
    meanings: Arc<Meanings>,
    names: Arc<Names>,
}

/// The meanings of the known texts.
#[derive(Debug)]
struct Meanings {
    /// One vector per text, of length 1, without what all of them have in common.
    of_texts: Vec<Vec<f32>>,
    /// The vectors of what each text's events say beside it, with their shares, likewise.
    of_children: Vec<Vec<(f32, Vec<f32>)>>,
    /// What they have in common.
    common: Vec<f32>,
    /// For each text those that are near, with weights that sum to 1.
    near: Vec<Vec<(u32, f32)>>,
}

impl KnownTexts {
    /// Takes up what was fitted; `vectors` must be the ones of then.
    pub fn new(fitted: FittedTexts, vectors: Arc<dyn TextVectors>) -> Self {
        let meanings = Meanings::new(&fitted, &*vectors);
        Self {
            meanings: Arc::new(meanings),
            names: Arc::new(Names::new(&fitted)),
            fitted: Arc::new(fitted),
            vectors,
        }
    }

    /// What was fitted.
    pub fn fitted(&self) -> &FittedTexts {
        &self.fitted
    }

    /// The vectors that texts are compared by.
    pub fn vectors(&self) -> &dyn TextVectors {
        &*self.vectors
    }

    /// The number of known texts.
    pub fn len(&self) -> usize {
        self.fitted.texts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fitted.texts.is_empty()
    }

    /// Prepares a profile, for any number of texts.
    pub fn profile(&self, profile: &Profile) -> ProfileTexts {
        ProfileTexts::new(&self.fitted, profile)
    }

    /// What an instruction asks.
    pub fn instruction(&self, instruction: &DataText) -> InstructionQuery {
        let words: Vec<String> = words(instruction.as_str()).collect();
        let (asks, said) = Asks::read(&words, &self.names.within(&words));
        let unsaid = words.into_iter().zip(said).filter(|(_, said)| !said);
        let words: Vec<String> = unsaid.map(|(word, _)| word).collect();
        // "Will this user … in the next 30 days" is in every question and asks for nothing.
        let content = self.fitted.content(&words);
        // Who names a text means it, and nothing that is merely near.
        let named = self.names.named(&words, |word| self.fitted.tells(word));
        // Unless it is a source by more than the one word that may be a text's, too.
        let source = self.fitted.source_of(&words, &content);
        let source = source.filter(|(_, words)| named.is_empty() || *words > 1);
        let about = match source {
            Some((source, _)) => About::Source(source),
            None if named.is_empty() && content.is_empty() => About::Anything,
            None => About::texts(&self.nearness(&content.join(" ")), &named),
        };
        InstructionQuery { about, asks }
    }

    /// How near each known text is to words: in meaning, by itself and by what its events say
    /// beside it, and in spelling; of equally near ones the more frequent is meant.
    fn nearness(&self, content: &str) -> Vec<f32> {
        let meaning = self.meanings.centred(&self.vectors.vector(content));
        let spelling = self.names.ngrams.cosines(content, self.len());
        let texts = self.fitted.texts.iter().zip(&self.meanings.of_texts);
        let texts = texts.zip(&self.meanings.of_children).zip(spelling);
        let each = texts.map(|(((known, own), children), spelling)| {
            let beside = children
                .iter()
                .map(|(share, child)| share * (dot(child, &meaning) / CHILD_WIDTH).exp());
            let beside = (CHILD_WIDTH * beside.sum::<f32>().ln()).max(-1.0);
            let frequency = (known.often as f32).max(1e-6).ln();
            OWN * dot(own, &meaning) + BESIDE * beside + SPELLING * spelling + FREQUENCY * frequency
        });
        each.collect()
    }

    /// The features of a user and a known text, see [`text_feature_names`](crate::text_feature_names).
    ///
    /// # Panics
    /// If there is no such text.
    pub fn numbers(&self, profile: &ProfileTexts, text: u32) -> [f32; TEXT_FEATURES] {
        let known = &self.fitted.texts[text as usize];
        let near = &self.meanings.near[text as usize];
        let days = profile.days.get(&text).map_or(&[][..], |days| &**days);
        numbers::numbers(&self.fitted, profile, (known, days), near)
    }

    /// The features of a user and several known texts, as if they were one.
    ///
    /// # Panics
    /// If there is no such text, or none at all.
    pub fn numbers_of_any(&self, profile: &ProfileTexts, texts: &[u32]) -> [f32; TEXT_FEATURES] {
        if let [text] = texts {
            return self.numbers(profile, *text);
        }
        let known = self.fitted.any_of(texts);
        let share = 1.0 / texts.len() as f32;
        let near = texts
            .iter()
            .flat_map(|text| &self.meanings.near[*text as usize]);
        let near = near.filter(|(other, _)| !texts.contains(other));
        let near: Vec<(u32, f32)> = near
            .map(|(other, weight)| (*other, share * weight))
            .collect();
        let days: Vec<i64> = profile.days_of_any(texts).into_iter().collect();
        numbers::numbers(&self.fitted, profile, (&known, &days), &near)
    }
}

impl Meanings {
    fn new(fitted: &FittedTexts, vectors: &dyn TextVectors) -> Self {
        let of_texts = fitted.texts.iter().map(|known| known.meaning(vectors));
        let of_texts: Vec<Vec<f32>> = of_texts.collect();
        let width = of_texts.first().map_or(0, Vec::len);
        let mut common = vec![0.0f32; width];
        for vector in &of_texts {
            for (sum, value) in common.iter_mut().zip(vector) {
                *sum += value / of_texts.len() as f32;
            }
        }
        let mut out = Self {
            of_texts,
            of_children: Vec::new(),
            common,
            near: Vec::new(),
        };
        out.of_texts = out
            .of_texts
            .iter()
            .map(|vector| out.centred(vector))
            .collect();
        let children = fitted.texts.iter().map(|known| {
            let children = known.children.iter();
            let of = |(child, share): &(String, f32)| (*share, out.centred(&vectors.vector(child)));
            children.map(of).collect()
        });
        out.of_children = children.collect();
        let near = (0u32..).zip(&out.of_texts).map(|(text, own)| {
            let others = (0u32..)
                .zip(&out.of_texts)
                .filter(|(other, _)| *other != text);
            let cosines = others.map(|(other, vector)| (other, dot(vector, own)));
            softmax(cosines.collect(), NEAR_WIDTH, NEAR)
        });
        out.near = near.collect();
        out
    }

    /// A vector without what all texts have in common, at length 1; zeros stay zeros.
    fn centred(&self, vector: &[f32]) -> Vec<f32> {
        if vector.iter().all(|value| *value == 0.0) {
            return vector.to_vec();
        }
        let moved = vector
            .iter()
            .zip(&self.common)
            .map(|(value, common)| value - common);
        unit(moved.collect())
    }
}
