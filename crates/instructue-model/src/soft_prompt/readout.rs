//! A readout: a linear map from what a user's vectors hold to the classes of a soft
//! prompt.

use instructue_schema::UserVectors;

use crate::error::{Error, Result};
use crate::session::InstructUe;

/// How a [`SoftPrompt`](super::SoftPrompt) question reads classes from the numbers beside the
/// state and the state itself: log-odds of each class against the rest, of two classes
/// those of the second alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Readout {
    /// `[outputs, numbers + hidden]`, flat; of two classes there is one output.
    pub weights: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

/// Outputs for so many classes.
pub(super) fn outputs(classes: usize) -> usize {
    match classes {
        2 => 1,
        more => more,
    }
}

impl Readout {
    /// Numbers that a user has for it.
    pub(super) fn width(model: &InstructUe) -> usize {
        model.preprocessor().pca_width() + model.config().backbone.hidden_size
    }

    /// Refuses another shape than that for `classes` of `model`.
    pub(super) fn check(&self, model: &InstructUe, classes: usize) -> Result<()> {
        let outputs = outputs(classes);
        let expected = [outputs * Self::width(model), outputs];
        let found = [self.weights.len(), self.bias.len()];
        match expected == found {
            true => Ok(()),
            false => Err(Error::Config {
                key: "readout".into(),
                expected: format!("{} weights and {} biases", expected[0], expected[1]),
                found: format!("{} and {}", found[0], found[1]),
            }),
        }
    }

    /// The classes' probabilities, `[users, classes]`, flat.
    ///
    /// # Panics
    /// If `vectors` are of another width.
    pub(super) fn scores(&self, vectors: &UserVectors) -> Vec<f32> {
        let mut scores = Vec::new();
        for user in 0..vectors.state.rows {
            let read = [vectors.pca.row(user), vectors.state.row(user)].concat();
            let expected = self.bias.len() * read.len();
            assert_eq!(self.weights.len(), expected, "width of the readout");
            let rows = self.weights.chunks_exact(read.len()).zip(&self.bias);
            let each = rows.map(|(row, bias)| {
                let products = row.iter().zip(&read).map(|(w, x)| f64::from(w * x));
                let odds = products.sum::<f64>() + f64::from(*bias);
                1.0 / (1.0 + (-odds).exp())
            });
            let each: Vec<f64> = each.collect();
            match each[..] {
                [second] => scores.extend([(1.0 - second) as f32, second as f32]),
                _ => {
                    let sum = each.iter().sum::<f64>().max(f64::MIN_POSITIVE);
                    scores.extend(each.iter().map(|p| (p / sum) as f32));
                }
            }
        }
        scores
    }
}
