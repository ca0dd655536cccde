//! What a tuned question reads its classes with: a probe on the state under it and on
//! the numbers beside the state.

use instructue_eval::CrossValidation;
use instructue_features::Profile;
use instructue_model::{InstructUe, Readout, SoftPrompt};
use instructue_schema::{Matrix, UserVectors};
use instructue_trainer::{TuneConfig, TuneData, TuneEvent, TuneScores, Tuning, tune};

use crate::error::Result;

/// Profiles embedded at a time.
const CHUNK: usize = 256;

/// Tunes a question and fits what its classes are read with. The scores of held-out
/// users are by a readout that has not seen them, the one that is kept has seen all.
///
/// Tokens that were learned from few labels fit these labels better than they should,
/// and a readout of the states they make trusts them. So they are kept only if the
/// held-out users are told by them more than two standard errors better than without
/// (two, because the same users chose the step); else the question stays as it was
/// asked, and the readout alone is learned.
///
/// # Errors
/// As [`tune`].
pub(crate) fn tune_question(
    model: &InstructUe,
    data: &TuneData,
    config: &TuneConfig,
    watch: &mut dyn FnMut(TuneEvent),
) -> Result<Tuning> {
    let mut tuning = tune(model, data, config, watch)?;
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

/// What probes read of users, and where the states begin.
struct Inputs {
    x: Matrix,
    second: usize,
}

impl Inputs {
    fn of(vectors: &UserVectors) -> Result<Self> {
        let (x, second) = vectors.readable()?;
        x.check("vectors of labelled users")?;
        Ok(Self { x, second })
    }
}

/// One probe for each class against the rest, of two classes one for the second;
/// `None` where a class has but one user.
fn readout(inputs: &Inputs, data: &TuneData, rows: &[usize], seed: u64) -> Result<Option<Readout>> {
    let labels: Vec<usize> = rows.iter().map(|&row| data.labels[row]).collect();
    let classes = data.classes.len();
    let count = |class| labels.iter().filter(|&&label| label == class).count();
    let fewest = (0..classes).map(count).min().unwrap_or(0);
    if fewest < 2 {
        return Ok(None);
    }
    let cross_validation = CrossValidation {
        folds: fewest.min(5),
        seed,
        ..CrossValidation::default()
    };
    let x = inputs.x.select(rows);
    let outputs = if classes == 2 { 1..2 } else { 0..classes };
    let mut readout = Readout {
        weights: Vec::with_capacity(outputs.len() * x.columns),
        bias: Vec::with_capacity(outputs.len()),
    };
    for class in outputs {
        let is: Vec<bool> = labels.iter().map(|&label| label == class).collect();
        let fit = cross_validation.fit_blocks(&x, &is, inputs.second)?;
        // Of inputs as they are: what they were standardised by goes into the map.
        let weights = fit.weights.iter().zip(&fit.scale).map(|(w, s)| w / s);
        let weights: Vec<f64> = weights.collect();
        let shift: f64 = weights.iter().zip(&fit.mean).map(|(w, m)| w * m).sum();
        readout.weights.extend(weights.iter().map(|&w| w as f32));
        readout.bias.push((fit.intercept - shift) as f32);
    }
    Ok(Some(readout))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Users whose class is where the first number lies, and a state of noise.
    fn made_up(classes: usize) -> (Inputs, TuneData) {
        let labels: Vec<usize> = (0..90).map(|user| user * 7 % 90 * classes / 90).collect();
        let noise = |user: usize, salt: usize| ((user * 31 + salt * 17) % 13) as f32 - 6.0;
        let rows = labels.iter().enumerate();
        let values = rows.flat_map(|(user, &label)| {
            let first = 40.0 + 5.0 * label as f32 + 0.2 * noise(user, 1);
            [first, noise(user, 2), noise(user, 3)]
        });
        let inputs = Inputs {
            x: Matrix::new(90, 3, values.collect()).unwrap(),
            second: 1,
        };
        let data = TuneData {
            instruction: "Which?".into(),
            classes: (0..classes).map(|class| class.to_string()).collect(),
            profiles: Vec::new(),
            labels,
        };
        (inputs, data)
    }

    /// Log-odds of each output for one user.
    fn logits(readout: &Readout, row: &[f32]) -> Vec<f32> {
        let maps = readout.weights.chunks(row.len()).zip(&readout.bias);
        let product = |weights: &[f32]| weights.iter().zip(row).map(|(w, x)| w * x).sum::<f32>();
        maps.map(|(weights, bias)| product(weights) + bias)
            .collect()
    }

    #[test]
    fn it_tells_classes_it_has_not_seen_the_users_of() {
        for classes in [2, 4] {
            let (inputs, data) = made_up(classes);
            let seen: Vec<usize> = (0..60).collect();
            let readout = readout(&inputs, &data, &seen, 7).unwrap().unwrap();
            assert_eq!(readout.bias.len(), if classes == 2 { 1 } else { 4 });
            let right = (60..90).filter(|&user| {
                let logits = logits(&readout, inputs.x.row(user));
                let best = match logits[..] {
                    [second] => usize::from(second > 0.0),
                    _ => (0..4)
                        .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
                        .unwrap(),
                };
                best == data.labels[user]
            });
            // The classes in the middle have no side of their own.
            let least = if classes == 2 { 29 } else { 15 };
            let right = right.count();
            assert!(right >= least, "{classes} classes: {right} of 30");
        }
    }

    #[test]
    fn less_means_by_more_than_chance() {
        let right = [0.5, 0.7, 0.6, 0.4];
        assert!(is_less(&right.map(|loss| loss - 0.1), &right));
        assert!(!is_less(&right, &right));
        // Better on the whole, by one of four.
        assert!(!is_less(&[0.5, 0.75, 0.6, 0.1], &right));
        assert!(is_less(&[0.5, 0.5, 0.4, 0.2], &right));
    }

    #[test]
    fn with_one_user_of_a_class_there_is_none() {
        let (inputs, mut data) = made_up(2);
        data.labels = (0..90).map(|user| usize::from(user == 3)).collect();
        let all: Vec<usize> = (0..90).collect();
        assert_eq!(readout(&inputs, &data, &all, 7).unwrap(), None);
    }
}
