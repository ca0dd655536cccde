//! Learning and scoring answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use instructue_features::{InstructionQuery, KnownTexts, Profile, ProfileBuilder, TEXT_FEATURES};
use instructue_metrics::{LogisticRegression, standardisation};
use instructue_schema::{DataText, Matrix};
use rayon::prelude::*;

use crate::error::{Error, Result};

/// Standardised features lie within this distance of 0: no single one decides alone.
const FARTHEST: f64 = 4.0;

/// A user at a time and a text: what is known, and what came.
#[derive(Debug, Clone, PartialEq)]
pub struct ScorerRow {
    /// The features, see [`KnownTexts::numbers`].
    pub features: [f32; TEXT_FEATURES],
    /// Whether the text came.
    pub came: bool,
}

/// Scores answers.
#[derive(Debug, Clone)]
pub struct AnswerScorer {
    profiles: ProfileBuilder,
    texts: KnownTexts,
    reader: Arc<LogisticRegression>,
}

impl AnswerScorer {
    /// Learns a reader from rows of profiles that `profiles` built, with penalty `l2`. Rows should be drawn as they are: all users
    /// of a text, whatever came, so that scores are probabilities.
    ///
    /// # Errors
    /// No row of either answer, a number that is not finite, an `l2` that is not above 0.
    pub fn fit(
        profiles: ProfileBuilder,
        texts: KnownTexts,
        rows: &[ScorerRow],
        l2: f64,
    ) -> Result<Self> {
        let values = rows.iter().flat_map(|row| row.features).collect();
        let x = Matrix::new(rows.len(), TEXT_FEATURES, values)
            .map_err(instructue_metrics::Error::from)?;
        let came: Vec<bool> = rows.iter().map(|row| row.came).collect();
        // Standardised, then bounded, then fitted: what is read is bounded in the same way.
        x.check("features")
            .map_err(instructue_metrics::Error::from)?;
        let (mean, scale) = standardisation(&x);
        let bounded = rows
            .iter()
            .flat_map(|row| bounded(&mean, &scale, &row.features));
        let bounded = bounded.collect();
        let x = Matrix::new(rows.len(), TEXT_FEATURES, bounded)
            .map_err(instructue_metrics::Error::from)?;
        let fitted = LogisticRegression::fit(&x, &came, l2)?;
        let weights = fitted
            .weights
            .iter()
            .zip(&fitted.scale)
            .map(|(w, scale)| w / scale);
        let weights: Vec<f64> = weights.collect();
        let shift: f64 = weights
            .iter()
            .zip(&fitted.mean)
            .map(|(w, mean)| w * mean)
            .sum();
        let reader = LogisticRegression {
            intercept: fitted.intercept - shift,
            mean,
            scale,
            weights,
            l2,
        };
        Self::new(profiles, texts, reader)
    }

    /// Puts fitted parts together.
    ///
    /// # Errors
    /// A reader that is not one of these features.
    pub fn new(
        profiles: ProfileBuilder,
        texts: KnownTexts,
        reader: LogisticRegression,
    ) -> Result<Self> {
        let lengths = [&reader.mean, &reader.scale, &reader.weights].map(Vec::len);
        if lengths != [TEXT_FEATURES; 3] {
            return Err(Error::Config {
                key: "reader".into(),
                expected: format!("{TEXT_FEATURES} features"),
                found: format!("{lengths:?}"),
            });
        }
        Ok(Self {
            profiles,
            texts,
            reader: Arc::new(reader),
        })
    }

    /// Builds the profiles that are scored.
    pub fn profiles(&self) -> &ProfileBuilder {
        &self.profiles
    }

    /// What is known of texts.
    pub fn texts(&self) -> &KnownTexts {
        &self.texts
    }

    /// The reader; its inputs are bounded after they are standardised.
    pub fn reader(&self) -> &LogisticRegression {
        &self.reader
    }

    /// The probability of a yes, for each user and question; users are profiles of
    /// [`profiles`](Self::profiles). A question without a known word has
    /// the mean over all texts.
    ///
    /// # Shapes
    /// `[profiles, instructions]`
    ///
    /// # Panics
    /// Never: there is a score for each pair.
    pub fn scores(&self, profiles: &[Profile], instructions: &[DataText]) -> Matrix {
        let queries = instructions.iter().map(|text| self.texts.instruction(text));
        let queries: Vec<InstructionQuery> = queries.collect();
        let says_nothing = |query: &InstructionQuery| query.shares.is_empty();
        let shares = queries.iter().flat_map(|query| &query.shares);
        let asked: BTreeSet<u32> = match queries.iter().any(says_nothing) {
            true => (0..self.texts.len() as u32).collect(),
            false => shares.map(|(text, _)| *text).collect(),
        };
        let of_user = |profile: &Profile| -> Vec<f32> {
            let profile = self.texts.profile(profile);
            let mut probabilities = vec![0.0f32; self.texts.len()];
            for &text in &asked {
                let numbers = self.texts.numbers(&profile, text);
                probabilities[text as usize] = self.probability(&numbers);
            }
            let mean = probabilities.iter().sum::<f32>() / probabilities.len().max(1) as f32;
            let score = |query: &InstructionQuery| {
                let each = query.shares.iter();
                let each = each.map(|(text, share)| (probabilities[*text as usize], share));
                match (query.shares.is_empty(), query.any) {
                    (true, _) => mean,
                    // As if they came independently of each other.
                    (false, true) => 1.0 - each.map(|(p, _)| 1.0 - p).product::<f32>(),
                    (false, false) => each.map(|(p, share)| share * p).sum(),
                }
            };
            queries.iter().map(score).collect()
        };
        let rows: Vec<Vec<f32>> = profiles.par_iter().map(of_user).collect();
        Matrix::new(profiles.len(), queries.len(), rows.concat()).expect("a score for each pair")
    }

    /// The probability that a text comes.
    pub fn probability(&self, features: &[f32; TEXT_FEATURES]) -> f32 {
        let LogisticRegression { mean, scale, .. } = &*self.reader;
        let inputs = bounded(mean, scale, features).into_iter();
        let weighted = inputs
            .zip(&self.reader.weights)
            .map(|(x, w)| f64::from(x) * w);
        let z = self.reader.intercept + weighted.sum::<f64>();
        (1.0 / (1.0 + (-z).exp())) as f32
    }
}

/// Standardised features, none far out.
fn bounded(mean: &[f64], scale: &[f64], features: &[f32; TEXT_FEATURES]) -> [f32; TEXT_FEATURES] {
    let mut out = [0.0; TEXT_FEATURES];
    let fitted = mean.iter().zip(scale);
    for ((out, x), (mean, scale)) in out.iter_mut().zip(features).zip(fitted) {
        *out = ((f64::from(*x) - mean) / scale).clamp(-FARTHEST, FARTHEST) as f32;
    }
    out
}
