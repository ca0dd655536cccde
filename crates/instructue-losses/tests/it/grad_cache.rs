//! Gradients in micro-batches compared with those of the whole batch.

use crate::common::{assert_close, values};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Distribution, Gradients, Int, Tensor};
use instructue_losses::grad_cache::{self, MicroBatch, Pass, Vectors};
use instructue_losses::{
    ContrastiveConfig, ContrastiveInput, Error, ExtraNegatives, Weighting, l2_normalize,
    weighted_next_token_loss,
};

const ROWS: usize = 11;
const OTHERS: usize = ROWS - 2;
const WIDTH: usize = 6;
/// The sizes are uneven on purpose, and some are a single row.
const SIZES: [usize; 4] = [4, 1, 5, 1];

/// A two-layer network for both sides, a next-token head and a temperature.
struct Model {
    first: Tensor<2>,
    second: Tensor<2>,
    head: Tensor<2>,
    log_temperature: Tensor<1>,
}

/// The rows of the batch, all or some.
#[derive(Clone)]
struct Rows {
    users: Tensor<2>,
    answers: Tensor<2>,
    extra_negatives: Tensor<2>,
    targets: Tensor<1, Int>,
    weights: Tensor<1>,
}

impl Rows {
    fn part(&self, start: usize, length: usize) -> Self {
        Self {
            users: self.users.clone().narrow(0, start, length),
            answers: self.answers.clone().narrow(0, start, length),
            // Each of the rows before the last two adds another answer.
            extra_negatives: {
                let end = (start + length).min(OTHERS);
                let first = start.min(OTHERS);
                self.extra_negatives.clone().slice([first..end, 0..WIDTH])
            },
            targets: self.targets.clone().narrow(0, start, length),
            weights: self.weights.clone().narrow(0, start, length),
        }
    }
}

impl Model {
    fn new(device: &Device) -> Self {
        let matrix = |rows, columns| {
            Tensor::<2>::random([rows, columns], Distribution::Normal(0.0, 0.7), device)
                .require_grad()
        };
        Self {
            first: matrix(WIDTH, 8),
            second: matrix(8, 5),
            head: matrix(8, 9),
            log_temperature: Tensor::from_floats([(0.2f32).ln()], device).require_grad(),
        }
    }

    fn forward(&self, rows: &Rows, noise: Option<(&Device, u64)>) -> MicroBatch {
        let hidden = |x: Tensor<2>| relu(x.matmul(self.first.clone()));
        let mut states = hidden(rows.users.clone());
        if let Some((device, seed)) = noise {
            device.seed(seed);
            let kept = states.random_like(Distribution::Bernoulli(0.7));
            states = states * kept;
        }
        let side = |x: &Tensor<2>| l2_normalize(hidden(x.clone()).matmul(self.second.clone()));
        let extra_negatives =
            (rows.extra_negatives.dims()[0] > 0).then(|| side(&rows.extra_negatives));
        let next = weighted_next_token_loss(
            states.clone().matmul(self.head.clone()),
            rows.targets.clone(),
            rows.weights.clone(),
        );
        MicroBatch {
            vectors: Vectors {
                users: l2_normalize(states.matmul(self.second.clone())),
                answers: side(&rows.answers),
                extra_negatives,
            },
            extra_loss: Some(next),
        }
    }

    fn loss(&self, all: Vectors) -> Result<Tensor<1>, Error> {
        let input = ContrastiveInput {
            users: all.users,
            answers: all.answers,
            user_keys: (0..ROWS as u64).map(|i| i / 2).collect(),
            answer_keys: (0..ROWS as u64).map(|i| i % 9).collect(),
            extra_negatives: all.extra_negatives.map(|vectors| ExtraNegatives {
                vectors,
                // Some of them are answers of the batch.
                keys: (0..OTHERS as u64).map(|i| 2 * i).collect(),
            }),
        };
        let loss = ContrastiveConfig::paper().init()?;
        let output = loss.forward_with_temperature(input, self.log_temperature.clone())?;
        Ok(output.loss)
    }

    /// Adds to `sums` the gradients of all parameters.
    fn accumulate(&self, sums: &mut [Vec<f32>; 4], gradients: &Gradients) {
        let matrices = [&self.first, &self.second, &self.head];
        let found = matrices
            .map(|tensor| tensor.grad(gradients).map(values))
            .into_iter()
            .chain([self.log_temperature.grad(gradients).map(values)]);
        for (sum, found) in sums.iter_mut().zip(found) {
            let Some(found) = found else { continue };
            sum.resize(found.len(), 0.0);
            sum.iter_mut().zip(found).for_each(|(s, f)| *s += f);
        }
    }
}

fn batch(device: &Device) -> Rows {
    let matrix = || Tensor::random([ROWS, WIDTH], Distribution::Normal(0.0, 1.0), device);
    let targets: Vec<i64> = (0..ROWS as i64).map(|i| (i * 4) % 9).collect();
    // The rows are tokens of answers of these lengths.
    let weights = Weighting::Answers.weights(&[3, 1, 5, 2]);
    Rows {
        users: matrix(),
        answers: matrix(),
        extra_negatives: matrix().narrow(0, 0, OTHERS),
        targets: Tensor::from_data(targets.as_slice(), device),
        weights: Tensor::from_data(weights.as_slice(), device),
    }
}

fn parts(rows: &Rows) -> Vec<Rows> {
    let mut start = 0;
    SIZES
        .iter()
        .map(|&size| {
            let part = rows.part(start, size);
            start += size;
            part
        })
        .collect()
}

fn scalar(tensor: &Tensor<1>) -> f32 {
    values(tensor.clone())[0]
}

#[test]
fn gradients_equal_those_of_the_whole_batch() {
    let device = Device::default().autodiff();
    device.seed(1);
    let model = Model::new(&device);
    let rows = batch(&device);
    for with_extra in [false, true] {
        let whole = model.forward(&rows, None);
        let loss = model.loss(whole.vectors).unwrap();
        let extra = whole.extra_loss.unwrap();
        let total = match with_extra {
            true => loss.clone() + extra.clone(),
            false => loss.clone(),
        };
        let mut expected: [Vec<f32>; 4] = Default::default();
        model.accumulate(&mut expected, &total.backward());
        assert_eq!(expected[2].is_empty(), !with_extra);

        let mut found: [Vec<f32>; 4] = Default::default();
        let output = grad_cache::backward(
            &parts(&rows),
            |_, _, rows| {
                let mut batch = model.forward(rows, None);
                batch.extra_loss = batch.extra_loss.filter(|_| with_extra);
                Ok::<_, Error>(batch)
            },
            |vectors| model.loss(vectors),
            |gradients| model.accumulate(&mut found, &gradients),
        )
        .unwrap();

        assert_close(&[scalar(&output.loss)], &[scalar(&loss)], 1e-5, "loss");
        match output.extra_loss {
            Some(sum) => assert_close(&[scalar(&sum)], &[scalar(&extra)], 1e-5, "extra"),
            None => assert!(!with_extra),
        }
        for (found, expected) in found.iter().zip(&expected) {
            assert_close(found, expected, 1e-5, "gradient");
        }
        assert!(expected[0].iter().any(|g| g.abs() > 1e-2));
    }
}

#[test]
fn randomness_seeded_by_the_index_is_replayed() {
    let device = Device::default().autodiff();
    device.seed(2);
    let model = Model::new(&device);
    let rows = batch(&device);
    let mut calls = Vec::new();
    let mut vectors = [Vec::new(), Vec::new()];
    grad_cache::backward(
        &parts(&rows),
        |pass, index, rows| {
            calls.push((pass, index));
            let batch = model.forward(rows, Some((&device, index as u64)));
            vectors[(pass == Pass::Replay) as usize].push(values(batch.vectors.users.clone()));
            Ok::<_, Error>(batch)
        },
        |vectors| model.loss(vectors),
        |_| {},
    )
    .unwrap();
    let order: Vec<_> = [Pass::Cache, Pass::Replay]
        .into_iter()
        .flat_map(|pass| (0..SIZES.len()).map(move |index| (pass, index)))
        .collect();
    assert_eq!(calls, order);
    assert_eq!(vectors[0], vectors[1]);
}

#[test]
fn a_first_pass_without_autodiff_gives_the_same() {
    let device = Device::default().autodiff();
    device.seed(4);
    let model = Model::new(&device);
    let rows = batch(&device);
    let run = |taped: bool| {
        let mut found: [Vec<f32>; 4] = Default::default();
        grad_cache::backward(
            &parts(&rows),
            |pass, _, rows| {
                let mut batch = model.forward(rows, None);
                if pass == Pass::Cache && !taped {
                    batch.vectors = Vectors {
                        users: batch.vectors.users.inner(),
                        answers: batch.vectors.answers.inner(),
                        extra_negatives: batch.vectors.extra_negatives.map(Tensor::inner),
                    };
                    batch.extra_loss = None;
                }
                Ok::<_, Error>(batch)
            },
            |vectors| model.loss(vectors),
            |gradients| model.accumulate(&mut found, &gradients),
        )
        .unwrap();
        found
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let device = Device::default().autodiff();
    let model = Model::new(&device);
    let rows = batch(&device);
    let result = grad_cache::backward(
        &parts(&rows),
        |pass, index, rows| {
            let shorter = pass == Pass::Replay && index == 2;
            let rows = if shorter {
                rows.part(0, 2)
            } else {
                rows.clone()
            };
            Ok(model.forward(&rows, None))
        },
        |vectors| model.loss(vectors),
        |_| {},
    );
    let expected = Error::Replay {
        index: 2,
        side: "users",
        expected: [5, 5],
        found: [2, 5],
    };
    assert_eq!(result.unwrap_err(), expected);

    let none: [Rows; 0] = [];
    let result = grad_cache::backward(
        &none,
        |_, _, rows| Ok(model.forward(rows, None)),
        |vectors| model.loss(vectors),
        |_| {},
    );
    assert!(matches!(result, Err(Error::Empty { .. })));
}
