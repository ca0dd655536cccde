//! Few-shot tuning of an instruction (arXiv:2602.14492): the model is frozen, and a few tokens
//! behind the instruction, one prototype per class and a linear readout are learned.
//!
//! Profiles are read once. A step runs only the instruction's tokens behind them.

mod config;
mod data;
mod readout;
mod result;
mod tokens;

use instructue_features::Profile;
use instructue_model::{InstructUe, SoftPrompt};
use instructue_schema::{Matrix, Progress, UserVectors};

pub use config::TuneConfig;
pub use data::TuneData;
pub use result::{TuneScores, Tuning};
pub use tokens::learn_tokens;

use crate::error::Result;
use readout::{Inputs, readout};

/// Profiles embedded at a time.
const CHUNK: usize = 256;

/// Tunes a question on labelled users: learns tokens for it ([`learn_tokens`]) and fits a probe
/// that reads its classes. `model` itself does not change; the same seed gives the same result. The scores of held-out
/// users are by a readout that has not seen them, the one that is kept has seen all.
///
/// Tokens that were learned from few labels fit these labels better than they should,
/// and a readout of the states they make trusts them. So they are kept only if the
/// held-out users are told by them more than two standard errors better than without
/// (two, because the same users chose the step); else the question stays as it was
/// asked, and the readout alone is learned.
///
/// # Errors
/// As [`learn_tokens`].
pub fn tune(
    model: &InstructUe,
    data: &TuneData,
    config: &TuneConfig,
    watch: &mut dyn FnMut(Progress),
) -> Result<Tuning> {
    let mut tuning = learn_tokens(model, data, config, watch)?;
    let mut questions = vec![tuning.tuned.clone()];
    if config.tokens > 0 {
        let classes = data.classes.clone();
        questions.push(model.tuned(&data.instruction, classes, 0, config.temperature)?);
    }
    let (train, held) = (tuning.train.rows.clone(), tuning.validation.rows.clone());
    let all: Vec<usize> = (0..data.labels.len()).collect();
    let vectors = embed(model, data, &questions)?;
    let mut read = Vec::new();
    for (question, vectors) in questions.into_iter().zip(vectors) {
        let inputs = Inputs::of(&vectors)?;
        let of = |rows: &[usize]| readout(&inputs, data, rows, config.seed);
        let Some((part, whole)) = of(&train)?.zip(of(&all)?) else {
            return Ok(tuning);
        };
        let question = match read.is_empty() {
            true => question,
            false => of_class_means(question, data, &train, &vectors.unit),
        };
        let scores = question.clone().with_readout(model, part)?.scores(&vectors);
        read.push((question.with_readout(model, whole)?, scores));
    }
    let chosen = match &read[..] {
        [(_, with), (_, without)] => {
            let of = |scores: &[f32]| losses(data, &held, scores);
            usize::from(!is_less(&of(with), &of(without)))
        }
        _ => 0,
    };
    let (tuned, scores) = read.swap_remove(chosen);
    let classes = data.classes.len();
    let scored = |rows: Vec<usize>| {
        let own = rows.iter().map(|row| &scores[row * classes..][..classes]);
        let own = own.flatten().copied().collect();
        TuneScores::new(data, rows, own)
    };
    tuning.train = scored(train);
    tuning.validation = scored(held);
    tuning.tuned = tuned;
    Ok(tuning)
}

/// The labelled users' vectors under each question; profiles are read once for all.
fn embed(
    model: &InstructUe,
    data: &TuneData,
    questions: &[SoftPrompt],
) -> Result<Vec<UserVectors>> {
    let under = |profiles: &[Profile]| -> Result<Vec<UserVectors>> {
        let cache = model.profile_cache(profiles)?;
        let each = questions.iter();
        let each = each.map(|question| Ok(model.embed_tuned(&cache, question)?));
        each.collect()
    };
    let mut all = under(&[])?;
    for profiles in data.profiles.chunks(CHUNK) {
        for (all, more) in all.iter_mut().zip(under(profiles)?) {
            all.append(more)?;
        }
    }
    Ok(all)
}

/// A question without learned tokens with the means of `rows` as prototypes.
fn of_class_means(
    question: SoftPrompt,
    data: &TuneData,
    rows: &[usize],
    units: &Matrix,
) -> SoftPrompt {
    let labels: Vec<usize> = rows.iter().map(|&row| data.labels[row]).collect();
    question.with_class_means(&units.select(rows), &labels)
}

/// The cross-entropy of each of `rows` in `scores` of all users.
fn losses(data: &TuneData, rows: &[usize], scores: &[f32]) -> Vec<f64> {
    let classes = data.classes.len();
    let own = rows
        .iter()
        .map(|&row| scores[row * classes + data.labels[row]]);
    own.map(|score| -f64::from(score.max(f32::MIN_POSITIVE)).ln())
        .collect()
}

/// Whether one list is, pair by pair, less than another by more than two standard errors
/// of the mean.
fn is_less(left: &[f64], right: &[f64]) -> bool {
    let n = left.len() as f64;
    let gains = right.iter().zip(left).map(|(right, left)| right - left);
    let gains: Vec<f64> = gains.collect();
    let mean = gains.iter().sum::<f64>() / n;
    let squares = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>();
    mean > 2.0 * (squares / (n - 1.0).max(1.0) / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_means_by_more_than_chance() {
        let right = [0.5, 0.7, 0.6, 0.4];
        assert!(is_less(&right.map(|loss| loss - 0.1), &right));
        assert!(!is_less(&right, &right));
        // Better on the whole, by one of four.
        assert!(!is_less(&[0.5, 0.75, 0.6, 0.1], &right));
        assert!(is_less(&[0.5, 0.5, 0.4, 0.2], &right));
    }
}
