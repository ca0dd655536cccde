//! The space of answers: users and questions as vectors whose cosine says who answers yes.

use instructue_encoders::PrincipalComponents;
use instructue_features::{About, Asks, InstructionQuery, KnownTexts};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Directions in which users differ in what comes to them.
///
/// A user's log-odds of every known text are one long vector, and a question is shares of these
/// texts; the inner product of both is the answer. Here both are written in the leading principal
/// directions of training users' log-odds, which say nearly as much in far fewer numbers. A
/// store of vectors can serve them. Directions are sorted: the first numbers of a vector are
/// the vector of a smaller space.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerSpace {
    /// The mean log-odds of each text.
    mean: Vec<f32>,
    /// `[width][texts]`, each of length 1.
    directions: Vec<Vec<f32>>,
}

impl AnswerSpace {
    /// The leading directions, `width` at most, of training users' log-odds, `[users][texts]`.
    ///
    /// # Errors
    /// Rows of different lengths.
    pub fn fit(logits: &[Vec<f32>], width: usize) -> Result<Self> {
        let components = PrincipalComponents::fit(logits, width)?;
        let directions = components.directions();
        Ok(Self {
            mean: components.mean().to_vec(),
            directions,
        })
    }

    /// The length of vectors.
    pub fn width(&self) -> usize {
        self.directions.len()
    }

    /// Refuses a space of other texts, or of numbers that are none.
    pub(super) fn check(&self, texts: usize) -> Result<()> {
        let wrong = |expected: String, found: String| Error::Config {
            key: "space".into(),
            expected,
            found,
        };
        let lengths = self.directions.iter().map(Vec::len);
        let mut lengths = lengths.chain((self.width() > 0).then_some(self.mean.len()));
        if let Some(found) = lengths.find(|length| *length != texts) {
            return Err(wrong(format!("{texts} texts"), found.to_string()));
        }
        let mut numbers = self.mean.iter().chain(self.directions.iter().flatten());
        match numbers.find(|number| !number.is_finite()) {
            Some(found) => Err(wrong("finite numbers".into(), found.to_string())),
            None => Ok(()),
        }
    }

    /// A user's vector, from the log-odds of all texts.
    ///
    /// # Panics
    /// If there are not as many as texts.
    pub fn user(&self, logits: &[f32]) -> Vec<f32> {
        let each = self.directions.iter();
        let of = |direction: &Vec<f32>| {
            assert_eq!(direction.len(), logits.len(), "one number per text");
            let moved = logits.iter().zip(&self.mean).map(|(x, mean)| x - mean);
            moved.zip(direction).map(|(x, weight)| x * weight).sum()
        };
        each.map(of).collect()
    }

    /// A question's vector: what is asked negatively points away from those who have it.
    pub fn question(&self, query: &InstructionQuery, texts: &KnownTexts) -> Vec<f32> {
        let sign = match query.asks {
            Asks::Not | Asks::Stops | Asks::Fewer => -1.0,
            _ => 1.0,
        };
        let all = texts.fitted().texts.iter().zip(0u32..);
        let shares: Vec<(u32, f32)> = match &query.about {
            About::Anything => all.map(|(_, text)| (text, 1.0)).collect(),
            About::Source(source) => all
                .filter(|(known, _)| known.source == *source)
                .map(|(_, text)| (text, 1.0))
                .collect(),
            About::AnyOf(texts) => texts.iter().map(|text| (*text, 1.0)).collect(),
            About::OneOf(shares) => shares.clone(),
        };
        let sum: f32 = shares.iter().map(|(_, share)| share).sum();
        let each = self.directions.iter();
        let of = |direction: &Vec<f32>| {
            let parts = shares.iter();
            let parts = parts.map(|(text, share)| share * direction[*text as usize]);
            sign * parts.sum::<f32>() / sum.max(f32::MIN_POSITIVE)
        };
        each.map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_products_of_the_whole_space_are_those_of_the_log_odds() {
        let logits: Vec<Vec<f32>> = (0..40)
            .map(|user| {
                let x = user as f32;
                vec![
                    (x * 0.7).sin(),
                    (x * 1.9).cos() * 3.0,
                    (x * 0.3).sin() * 2.0,
                ]
            })
            .collect();
        let space = AnswerSpace::fit(&logits, 3).unwrap();
        assert_eq!(space.width(), 3);
        space.check(3).unwrap();
        assert!(space.check(4).is_err());
        let shares = [0.2f32, 0.5, 0.3];
        let question: Vec<f32> = space
            .directions
            .iter()
            .map(|direction| direction.iter().zip(shares).map(|(d, s)| d * s).sum())
            .collect();
        for logits in &logits {
            let moved = logits.iter().zip(&space.mean).map(|(x, mean)| x - mean);
            let expected: f32 = moved.zip(shares).map(|(x, share)| x * share).sum();
            let user = space.user(logits);
            let found: f32 = user.iter().zip(&question).map(|(a, b)| a * b).sum();
            assert!((found - expected).abs() < 1e-4, "{found} {expected}");
        }
        let smaller = AnswerSpace::fit(&logits, 1).unwrap();
        let difference = smaller.user(&logits[3])[0] - space.user(&logits[3])[0];
        assert!(difference.abs() < 1e-3);
    }

    #[test]
    fn nothing_spans_nothing() {
        let space = AnswerSpace::fit(&[], 5).unwrap();
        assert_eq!(space.width(), 0);
        assert!(space.user(&[]).is_empty());
        space.check(7).unwrap();
    }
}
