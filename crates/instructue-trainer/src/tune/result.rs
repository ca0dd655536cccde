//! What tuning gives: a soft prompt and how well it tells the classes of users.

use instructue_model::SoftPrompt;

use super::data::TuneData;

/// The scores of a soft prompt on some users.
#[derive(Debug, Clone, PartialEq)]
pub struct TuneScores {
    /// The rows of the data.
    pub rows: Vec<usize>,
    /// The class probabilities, `[rows, classes]`, flat.
    pub scores: Vec<f32>,
    /// The mean cross-entropy.
    pub loss: f64,
    /// The share of users whose class has the highest score.
    pub accuracy: f64,
}

impl TuneScores {
    /// Computes loss and accuracy of the scores, `[rows, classes]`, of some rows of the data.
    ///
    /// # Panics
    /// If the number of scores does not fit, or the data have no such row.
    pub fn new(data: &TuneData, rows: Vec<usize>, scores: Vec<f32>) -> Self {
        let classes = data.classes.len();
        assert_eq!(scores.len(), rows.len() * classes, "scores of all rows");
        let (mut loss, mut right) = (0.0, 0);
        for (scores, &row) in scores.chunks(classes).zip(&rows) {
            let own = scores[data.labels[row]];
            loss -= f64::from(own.max(f32::MIN_POSITIVE)).ln();
            let better = scores.iter().filter(|&&score| score >= own);
            right += usize::from(better.count() == 1);
            if scores.iter().any(|score| !score.is_finite()) {
                loss = f64::NAN;
            }
        }
        Self {
            loss: loss / rows.len() as f64,
            accuracy: right as f64 / rows.len() as f64,
            rows,
            scores,
        }
    }
}

/// The result of tuning.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// The tokens and prototypes of the best step.
    pub tuned: SoftPrompt,
    /// The number of steps done.
    pub steps: usize,
    /// The loss before each step.
    pub losses: Vec<f64>,
    /// The loss of each validation.
    pub validations: Vec<f64>,
    /// The step of the lowest validation loss. 0 is the start, where prototypes are the classes'
    /// mean vectors.
    pub best_step: usize,
    /// The scores of the training users.
    pub train: TuneScores,
    /// The scores of the users that chose the best step.
    pub validation: TuneScores,
}
