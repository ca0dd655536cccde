//! Learning and scoring answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use instructue_features::{
    About, InstructionQuery, KnownTexts, Profile, ProfileBuilder, ProfileTexts, TEXT_FEATURES,
};
use instructue_metrics::{LogisticRegression, log_odds, standardisation};
use instructue_schema::{DataText, Matrix};
use rayon::prelude::*;

use super::space::AnswerSpace;
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
    space: Arc<AnswerSpace>,
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
        Self::new(profiles, texts, reader, AnswerSpace::default())
    }

    /// Puts fitted parts together.
    ///
    /// # Errors
    /// A reader that is not one of these features, a space that is not one of these texts.
    pub fn new(
        profiles: ProfileBuilder,
        texts: KnownTexts,
        reader: LogisticRegression,
        space: AnswerSpace,
    ) -> Result<Self> {
        space.check(texts.len())?;
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
            space: Arc::new(space),
        })
    }

    /// The same with a space of answers, fitted to training users' profiles.
    ///
    /// # Errors
    /// None with profiles of [`profiles`](Self::profiles).
    pub fn with_space(self, profiles: &[Profile], width: usize) -> Result<Self> {
        let space = Arc::new(AnswerSpace::fit(&self.all_logits(profiles), width)?);
        Ok(Self { space, ..self })
    }

    /// Builds the profiles that are scored.
    pub fn profiles(&self) -> &ProfileBuilder {
        &self.profiles
    }

    /// What is known of texts.
    pub fn texts(&self) -> &KnownTexts {
        &self.texts
    }

    /// The space of answers; of no directions if none was fitted.
    pub fn space(&self) -> &AnswerSpace {
        &self.space
    }

    /// Users in the space of answers: by cosine they are found with
    /// [`question_vectors`](Self::question_vectors).
    ///
    /// # Shapes
    /// `[profiles, width of the space]`
    ///
    /// # Panics
    /// Never: there is a vector for each profile.
    pub fn user_vectors(&self, profiles: &[Profile]) -> Matrix {
        let rows = self.all_logits(profiles).into_par_iter();
        let rows: Vec<Vec<f32>> = rows.map(|logits| self.space.user(&logits)).collect();
        Matrix::new(rows.len(), self.space.width(), rows.concat()).expect("a vector for each")
    }

    /// Questions in the space of answers.
    ///
    /// # Shapes
    /// `[questions, width of the space]`
    ///
    /// # Panics
    /// Never: there is a vector for each question.
    pub fn question_vectors(&self, questions: &[DataText]) -> Matrix {
        let each = questions.iter().map(|text| self.texts.instruction(text));
        let rows = each.map(|query| self.space.question(&query, &self.texts));
        let rows: Vec<Vec<f32>> = rows.collect();
        Matrix::new(rows.len(), self.space.width(), rows.concat()).expect("a vector for each")
    }

    /// What stands beside a user's state under each instruction: the log-odds of a yes. Without
    /// an instruction they are those of a question about all texts.
    ///
    /// # Shapes
    /// One matrix per instruction, `[profiles, 1]`.
    ///
    /// # Panics
    /// Never: there is a row for each profile.
    pub fn numbers(&self, profiles: &[Profile], instructions: &[Option<DataText>]) -> Vec<Matrix> {
        let text = |text: &Option<DataText>| text.clone().unwrap_or_else(|| DataText::new(""));
        let texts: Vec<DataText> = instructions.iter().map(text).collect();
        let scores = self.scores(profiles, &texts);
        let of = |at: usize| {
            let users = 0..profiles.len();
            let odds = users.map(|user| log_odds(scores.row(user)[at]) as f32);
            Matrix::new(profiles.len(), Self::WIDTH, odds.collect()).expect("a row for each")
        };
        (0..instructions.len()).map(of).collect()
    }

    /// The length of a row of [`numbers`](Self::numbers).
    pub const WIDTH: usize = 1;

    /// The log-odds of all texts, for each user.
    fn all_logits(&self, profiles: &[Profile]) -> Vec<Vec<f32>> {
        let of_user = |profile: &Profile| {
            let profile = self.texts.profile(profile);
            let texts = 0..self.texts.len() as u32;
            texts
                .map(|text| self.logit(&profile, text) as f32)
                .collect()
        };
        profiles.par_iter().map(of_user).collect()
    }

    /// The reader; its inputs are bounded after they are standardised.
    pub fn reader(&self) -> &LogisticRegression {
        &self.reader
    }

    /// The probability of a yes, for each user and question; users are profiles of
    /// [`profiles`](Self::profiles). A question that names nothing is about the mean of all texts.
    ///
    /// # Shapes
    /// `[profiles, instructions]`
    ///
    /// # Panics
    /// Never: there is a score for each pair.
    pub fn scores(&self, profiles: &[Profile], instructions: &[DataText]) -> Matrix {
        let queries = instructions.iter().map(|text| self.texts.instruction(text));
        let queries: Vec<InstructionQuery> = queries.collect();
        let mut asked = BTreeSet::new();
        for query in &queries {
            match &query.about {
                About::Anything => asked.extend(0..self.texts.len() as u32),
                About::Source(_) => {}
                About::AnyOf(texts) => asked.extend(texts),
                About::OneOf(shares) => asked.extend(shares.iter().map(|(text, _)| *text)),
            }
        }
        let of_user = |profile: &Profile| -> Vec<f32> {
            let profile = self.texts.profile(profile);
            let mut comes = vec![0.0; self.texts.len()];
            for &text in &asked {
                comes[text as usize] = sigmoid(self.logit(&profile, text));
            }
            let each = queries.iter();
            each.map(|query| self.answer(&profile, &comes, query) as f32)
                .collect()
        };
        let rows: Vec<Vec<f32>> = profiles.par_iter().map(of_user).collect();
        Matrix::new(profiles.len(), queries.len(), rows.concat()).expect("a score for each pair")
    }

    /// The probability of a yes, from the probability that each text comes.
    fn answer(&self, profile: &ProfileTexts, comes: &[f64], query: &InstructionQuery) -> f64 {
        let (asks, horizon) = (query.asks, self.texts.fitted().days);
        let of_text = |text: u32| {
            let had = profile.had(&[text], horizon);
            asks.probability(comes[text as usize], had)
        };
        match &query.about {
            About::Anything => {
                let texts = 0..self.texts.len() as u32;
                texts.map(of_text).sum::<f64>() / self.texts.len().max(1) as f64
            }
            About::Source(source) => {
                let rate = profile.rate_of_source(*source, horizon);
                let had = profile.had_of_source(*source, horizon);
                asks.probability(1.0 - (-rate).exp(), had)
            }
            // As if they came independently of each other.
            About::AnyOf(texts) => {
                let none = texts.iter().map(|text| 1.0 - comes[*text as usize]);
                asks.probability(1.0 - none.product::<f64>(), profile.had(texts, horizon))
            }
            // Of what may be meant, that of which the question can be asked.
            About::OneOf(shares) => {
                let fits = |text: u32| asks.supposes(profile.had(&[text], horizon));
                let fitting = shares.iter().filter(|(text, _)| fits(*text));
                let (sum, yes) = fitting.fold((0.0, 0.0), |(sum, yes), (text, share)| {
                    let share = f64::from(*share);
                    (sum + share, yes + share * of_text(*text))
                });
                if sum > 0.0 { yes / sum } else { 0.0 }
            }
        }
    }

    /// The log-odds that a text comes.
    pub fn logit(&self, profile: &ProfileTexts, text: u32) -> f64 {
        let LogisticRegression { mean, scale, .. } = &*self.reader;
        let features = self.texts.numbers(profile, text);
        let inputs = bounded(mean, scale, &features).into_iter();
        let weighted = inputs
            .zip(&self.reader.weights)
            .map(|(x, w)| f64::from(x) * w);
        self.reader.intercept + weighted.sum::<f64>()
    }
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
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
