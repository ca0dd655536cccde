//! The contrastive loss compared with a loop-by-loop reference, and its invariants.

use crate::common::{Golden, assert_close, values};
use burn::tensor::{Device, Tensor};
use instructue_losses::{
    ContrastiveConfig, ContrastiveInput, Error, ExtraNegatives, PairCount, l2_normalize,
};

#[derive(serde::Deserialize)]
struct Case {
    key: String,
    inputs: String,
    config: ContrastiveConfig,
    user_keys: Vec<u64>,
    answer_keys: Vec<u64>,
    dropped: std::collections::BTreeMap<String, u64>,
}

const GOLDEN: &[u8] = include_bytes!("../golden/contrastive.safetensors");

fn cases(golden: &Golden) -> Vec<Case> {
    let cases = golden.metadata("cases");
    serde_json::from_str(&cases).unwrap()
}

fn input(golden: &Golden, case: &Case, device: &Device) -> ContrastiveInput {
    ContrastiveInput {
        users: golden.matrix(&format!("{}.users", case.inputs), device),
        answers: golden.matrix(&format!("{}.answers", case.inputs), device),
        user_keys: case.user_keys.clone(),
        answer_keys: case.answer_keys.clone(),
        extra_negatives: None,
    }
}

#[test]
fn loss_gradients_and_counts_equal_the_reference() {
    let golden = Golden::new(GOLDEN);
    let device = Device::default().autodiff();
    let cases = cases(&golden);
    assert_eq!(cases.len(), 18);
    for case in &cases {
        let mut input = input(&golden, case, &device);
        let users = input.users.require_grad();
        let answers = input.answers.require_grad();
        input.users = users.clone();
        input.answers = answers.clone();
        let output = case.config.init().unwrap().forward(input).unwrap();

        let expected = |name: &str| golden.floats(&format!("{}.{name}", case.key));
        let loss = values(output.loss.clone());
        assert_close(&loss, &expected("loss"), 1e-5, &case.key);
        let gradients = output.loss.backward();
        for (name, tensor) in [("users_grad", users), ("answers_grad", answers)] {
            let found = values(tensor.grad(&gradients).unwrap());
            assert_close(
                &found,
                &expected(name),
                2e-5,
                &format!("{} {name}", case.key),
            );
        }

        let dropped = output.dropped().unwrap();
        let n = case.user_keys.len() as u64;
        for (name, count) in [
            ("user_answer", dropped.user_answer),
            ("user_user", dropped.user_user),
            ("answer_answer", dropped.answer_answer),
            ("answer_user", dropped.answer_user),
        ] {
            let expected = case.dropped.get(name).map(|&dropped| PairCount {
                pairs: n * (n - 1),
                dropped,
            });
            assert_eq!(count, expected, "{} {name}", case.key);
        }
    }
}

#[test]
fn learned_temperature_has_the_same_loss_and_the_reference_gradient() {
    let golden = Golden::new(GOLDEN);
    let device = Device::default().autodiff();
    for case in cases(&golden) {
        let start = case.config.temperature.ln();
        let log_temperature = Tensor::<1>::from_floats([start], &device).require_grad();
        let output = case
            .config
            .init()
            .unwrap()
            .forward_with_temperature(input(&golden, &case, &device), log_temperature.clone())
            .unwrap();
        let expected = |name: &str| golden.floats(&format!("{}.{name}", case.key));
        let loss = values(output.loss.clone());
        assert_close(&loss, &expected("loss"), 1e-5, &case.key);
        let found = log_temperature.grad(&output.loss.backward()).unwrap();
        let expected = expected("log_temperature_grad");
        assert_close(&values(found), &expected, 2e-5, &case.key);
    }
}

#[test]
fn order_of_rows_does_not_matter() {
    let golden = Golden::new(GOLDEN);
    let device = Device::default();
    for case in cases(&golden) {
        let loss = case.config.init().unwrap();
        let straight = input(&golden, &case, &device);
        let n = case.user_keys.len();
        // 3 is coprime to both 8 and 13, so this is a permutation.
        let order: Vec<usize> = (0..n).map(|i| (3 * i + 1) % n).collect();
        let indices: Vec<i32> = order.iter().map(|&i| i as i32).collect();
        let indices = Tensor::from_data(indices.as_slice(), &device);
        let shuffled = ContrastiveInput {
            users: straight.users.clone().select(0, indices.clone()),
            answers: straight.answers.clone().select(0, indices),
            user_keys: order.iter().map(|&i| case.user_keys[i]).collect(),
            answer_keys: order.iter().map(|&i| case.answer_keys[i]).collect(),
            extra_negatives: None,
        };
        let a = loss.forward(straight).unwrap();
        let b = loss.forward(shuffled).unwrap();
        assert_close(
            &values(a.loss.clone()),
            &values(b.loss.clone()),
            1e-5,
            &case.key,
        );
        assert_eq!(a.dropped().unwrap(), b.dropped().unwrap(), "{}", case.key);
    }
}

fn two_rows(users: [[f32; 2]; 2], answers: [[f32; 2]; 2], device: &Device) -> ContrastiveInput {
    ContrastiveInput {
        users: l2_normalize(Tensor::from_floats(users, device)),
        answers: l2_normalize(Tensor::from_floats(answers, device)),
        user_keys: vec![1, 2],
        answer_keys: vec![1, 2],
        extra_negatives: None,
    }
}

#[test]
fn another_instruction_of_the_same_user_is_a_negative_only_beside_answers() {
    let device = Device::default();
    let orthogonal = [[1.0, 0.0], [0.0, 1.0]];
    let mut input = two_rows(orthogonal, orthogonal, &device);
    input.user_keys = vec![7, 7];
    let count = |dropped| Some(PairCount { pairs: 2, dropped });
    let config = ContrastiveConfig {
        answer_user: true,
        ..ContrastiveConfig::paper()
    };

    let dropped = config.init().unwrap().forward(input.clone()).unwrap();
    let dropped = dropped.dropped().unwrap();
    assert_eq!(dropped.user_answer, count(0));
    assert_eq!(dropped.user_user, count(2));
    assert_eq!(dropped.answer_answer, count(0));
    assert_eq!(dropped.answer_user, count(0));

    let config = ContrastiveConfig {
        same_user_negatives: false,
        ..config
    };
    let dropped = config.init().unwrap().forward(input.clone()).unwrap();
    let dropped = dropped.dropped().unwrap();
    assert_eq!(dropped.user_answer, count(2));
    assert_eq!(dropped.answer_answer, count(0));
    assert_eq!(dropped.answer_user, count(2));

    input.answer_keys = vec![3, 3];
    let config = ContrastiveConfig::paper();
    let output = config.init().unwrap().forward(input).unwrap();
    let dropped = output.dropped().unwrap();
    assert_eq!(dropped.user_answer, count(2));
    assert_eq!(dropped.answer_answer, count(2));
    assert!((dropped.answer_answer.unwrap().share() - 1.0).abs() < 1e-9);
    // All negatives are masked, so the loss is 0.
    assert_close(&values(output.loss), &[0.0], 1e-6, "loss");
}

#[test]
fn a_single_row_costs_nothing_and_has_a_zero_gradient() {
    let device = Device::default().autodiff();
    let users = Tensor::<2>::from_floats([[0.6, 0.8]], &device).require_grad();
    let input = ContrastiveInput {
        users: users.clone(),
        answers: Tensor::from_floats([[1.0, 0.0]], &device),
        user_keys: vec![0],
        answer_keys: vec![0],
        extra_negatives: None,
    };
    let config = ContrastiveConfig {
        symmetric: true,
        ..ContrastiveConfig::paper()
    };
    let output = config.init().unwrap().forward(input).unwrap();
    assert_eq!(values(output.loss.clone()), [0.0]);
    let gradient = users.grad(&output.loss.backward()).unwrap();
    assert_close(&values(gradient), &[0.0, 0.0], 1e-6, "gradient");
    assert_eq!(output.dropped().unwrap().user_user.unwrap().pairs, 0);
}

#[test]
fn without_any_term_only_the_positive_is_left() {
    let config = ContrastiveConfig {
        user_answer: false,
        user_user: false,
        answer_answer: false,
        ..ContrastiveConfig::paper()
    };
    let input = two_rows(
        [[1.0, 0.0], [0.0, 1.0]],
        [[1.0, 1.0], [1.0, 0.5]],
        &Device::default(),
    );
    let output = config.init().unwrap().forward(input).unwrap();
    assert_eq!(values(output.loss), [0.0]);
}

#[test]
fn a_very_low_temperature_stays_finite() {
    let device = Device::default().autodiff();
    let mut input = two_rows([[1.0, 0.1], [1.0, 0.0]], [[-1.0, 0.0], [1.0, 0.3]], &device);
    let users = input.users.detach().require_grad();
    input.users = users.clone();
    let config = ContrastiveConfig {
        temperature: 1e-4,
        mask_false_negatives: false,
        ..ContrastiveConfig::paper()
    };
    let output = config.init().unwrap().forward(input).unwrap();
    let loss = values(output.loss.clone())[0];
    // The gap of the hardest anchor, (s_ij − s_ii)/τ, dominates.
    assert!(loss.is_finite() && loss > 5e3, "{loss}");
    let gradient = values(users.grad(&output.loss.backward()).unwrap());
    assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    assert!(gradient.iter().any(|g| g.abs() > 1.0), "{gradient:?}");
}

#[test]
fn wrong_configurations_and_inputs_are_named() {
    let device = Device::default();
    let bad = ContrastiveConfig {
        temperature: 0.0,
        ..ContrastiveConfig::paper()
    }
    .init();
    assert!(matches!(
        bad,
        Err(Error::Config {
            field: "temperature",
            ..
        })
    ));
    let bad = ContrastiveConfig {
        margin: f64::NAN,
        ..ContrastiveConfig::paper()
    }
    .init();
    assert!(matches!(
        bad,
        Err(Error::Config {
            field: "margin",
            ..
        })
    ));

    let loss = ContrastiveConfig::paper().init().unwrap();
    let good = two_rows([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], &device);
    let mut short = good.clone();
    short.answer_keys.pop();
    let message = loss.forward(short).unwrap_err().to_string();
    assert_eq!(message, "length of `answer_keys`: expected 2, found 1");
    let mut narrow = good;
    narrow.answers = Tensor::zeros([2, 3], &device);
    let message = loss.forward(narrow).unwrap_err().to_string();
    assert_eq!(message, "width of `answers`: expected 2, found 3");
}

#[test]
fn normalising_a_zero_row_keeps_it_and_its_gradient_finite() {
    let device = Device::default().autodiff();
    let x = Tensor::<2>::from_floats([[0.0, 0.0], [3.0, 4.0]], &device).require_grad();
    let y = l2_normalize(x.clone());
    assert_close(&values(y.clone()), &[0.0, 0.0, 0.6, 0.8], 1e-6, "value");
    let gradient = values(x.grad(&(y.slice([0..2, 0..1]).sum()).backward()).unwrap());
    assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    // d(x/|x|)/dx at (3, 4): (16, -12)/125.
    assert_close(&gradient[2..], &[0.128, -0.096], 1e-6, "gradient");
}

#[test]
fn answers_of_no_row_are_negatives_of_every_user() {
    let device = Device::default().autodiff();
    let users = [[1.0f32, 0.0], [0.6, 0.8]];
    let answers = [[0.8f32, 0.6], [0.0, 1.0]];
    // The first has the text of row 1's answer. The third is nearer to row 0 than row 0's own
    // answer by more than the margin.
    let extra_negatives = [[0.6f32, -0.8], [-1.0, 0.0], [1.0, 0.0]];
    let leaf = Tensor::<2>::from_floats(extra_negatives, &device).require_grad();
    let mut input = two_rows(users, answers, &device);
    input.extra_negatives = Some(ExtraNegatives {
        vectors: leaf.clone(),
        keys: vec![2, 8, 9],
    });
    let config = ContrastiveConfig {
        user_user: false,
        answer_answer: false,
        ..ContrastiveConfig::paper()
    };
    let output = config.init().unwrap().forward(input.clone()).unwrap();

    let dot = |a: [f32; 2], b: [f32; 2]| f64::from(a[0] * b[0] + a[1] * b[1]);
    let mut expected = 0.0;
    let mut kept = 0;
    for (i, user) in users.into_iter().enumerate() {
        let positive = dot(user, answers[i]);
        let mut total = (positive / 0.07).exp();
        let in_batch = answers.iter().enumerate().filter(|(j, _)| *j != i);
        let other = extra_negatives
            .iter()
            .enumerate()
            .filter(|(j, _)| !(*j == 0 && i == 1));
        for (_, &answer) in in_batch {
            let cosine = dot(user, answer);
            total += if cosine > positive + 0.1 {
                0.0
            } else {
                (cosine / 0.07).exp()
            };
        }
        for (_, &answer) in other {
            let cosine = dot(user, answer);
            if cosine <= positive + 0.1 {
                total += (cosine / 0.07).exp();
                kept += 1;
            }
        }
        expected += (total.ln() - positive / 0.07) / 2.0;
    }
    assert_close(
        &values(output.loss.clone()),
        &[expected as f32],
        1e-5,
        "loss",
    );
    let count = output.dropped().unwrap().user_other;
    let pairs = 6;
    assert_eq!(
        count,
        Some(PairCount {
            pairs,
            dropped: pairs - kept
        })
    );
    assert!(kept < pairs - 1, "both reasons to drop one are met");
    let gradient = values(leaf.grad(&output.loss.backward()).unwrap());
    assert!(gradient.iter().any(|g| g.abs() > 1e-3));

    // A loss anchored on answers has no such term.
    let without = ContrastiveInput {
        extra_negatives: None,
        ..input.clone()
    };
    let only_answers = ContrastiveConfig {
        user_answer: false,
        answer_user: true,
        ..config
    }
    .init()
    .unwrap();
    let a = values(only_answers.forward(input).unwrap().loss);
    let b = values(only_answers.forward(without).unwrap().loss);
    assert_close(&a, &b, 1e-7, "no term");
}
