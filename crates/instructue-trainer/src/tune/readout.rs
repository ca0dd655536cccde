//! What a tuned question reads its classes with: a probe on the state under it and on
//! the numbers beside the state.

use instructue_metrics::CrossValidation;
use instructue_model::Readout;
use instructue_schema::{Matrix, UserVectors};

use super::data::TuneData;
use crate::error::Result;

/// What probes read of users, and where the states begin.
pub(super) struct Inputs {
    x: Matrix,
    second: usize,
}

impl Inputs {
    pub(super) fn of(vectors: &UserVectors) -> Result<Self> {
        let (x, second) = vectors.readable()?;
        x.check("vectors of labelled users")?;
        Ok(Self { x, second })
    }
}

/// One probe for each class against the rest, of two classes one for the second;
/// `None` where a class has but one user.
pub(super) fn readout(
    inputs: &Inputs,
    data: &TuneData,
    rows: &[usize],
    seed: u64,
) -> Result<Option<Readout>> {
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
    fn with_one_user_of_a_class_there_is_none() {
        let (inputs, mut data) = made_up(2);
        data.labels = (0..90).map(|user| usize::from(user == 3)).collect();
        let all: Vec<usize> = (0..90).collect();
        assert_eq!(readout(&inputs, &data, &all, 7).unwrap(), None);
    }
}
