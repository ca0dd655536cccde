//! The next-token loss compared with a loop-by-loop reference and with Burn's own.

use crate::common::{Golden, assert_close, values};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use instructue_losses::{Weighting, next_token_loss, weighted_next_token_loss};

const GOLDEN: &[u8] = include_bytes!("../golden/next_token.safetensors");

#[test]
fn values_and_gradients_equal_the_reference() {
    let golden = Golden::new(GOLDEN);
    let device = Device::default().autodiff();
    let targets = golden.integers("targets");
    let targets = Tensor::<1, Int>::from_data(targets.as_slice(), &device);
    let weights = golden.floats("weights");
    let weights = Tensor::<1>::from_data(weights.as_slice(), &device);
    for name in ["mean", "weighted"] {
        let logits = golden.matrix("logits", &device).require_grad();
        let loss = match name {
            "mean" => next_token_loss(logits.clone(), targets.clone()),
            _ => weighted_next_token_loss(logits.clone(), targets.clone(), weights.clone()),
        };
        let expected = golden.floats(&format!("{name}.loss"));
        assert_close(&values(loss.clone()), &expected, 1e-6, name);
        let found = values(logits.grad(&loss.backward()).unwrap());
        let expected = golden.floats(&format!("{name}.logits_grad"));
        assert_close(&found, &expected, 1e-6, name);
    }
}

#[test]
fn the_known_gradient_chains_through_what_made_the_logits() {
    let device = Device::default().autodiff();
    device.seed(3);
    let hidden = Tensor::<2>::random([5, 4], Distribution::Normal(0.0, 1.0), &device);
    let head = Tensor::<2>::random([4, 7], Distribution::Normal(0.0, 1.0), &device);
    let targets = Tensor::<1, Int>::from_ints([0, 6, 3, 3, 1], &device);
    // The loss is scaled, so that an incoming gradient other than 1 is tested too.
    let gradients = |loss: fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>| {
        let (hidden, head) = (hidden.clone().require_grad(), head.clone().require_grad());
        let loss = loss(hidden.clone().matmul(head.clone()), targets.clone()).mul_scalar(0.3);
        let value = values(loss.clone());
        let gradients = loss.backward();
        let of = |x: Tensor<2>| values(x.grad(&gradients).unwrap());
        [value, of(hidden), of(head)]
    };
    let ours = gradients(next_token_loss);
    let plain = gradients(|logits, targets| {
        let targets = targets.reshape([5, 1]);
        log_softmax(logits, 1).gather(1, targets).mean().neg()
    });
    for (ours, plain) in ours.iter().zip(&plain) {
        assert_close(ours, plain, 1e-6, "chained");
    }
}

#[test]
fn without_autodiff_there_is_just_the_value() {
    let device = Device::default();
    let logits = Tensor::<2>::zeros([3, 8], &device);
    let targets = Tensor::<1, Int>::from_ints([0, 3, 7], &device);
    let loss = next_token_loss(logits, targets);
    assert_close(&values(loss), &[8f32.ln()], 1e-6, "uniform");
}

#[test]
fn no_rows_give_zero() {
    let device = Device::default();
    let logits = Tensor::<2>::from_data(TensorData::new(Vec::<f32>::new(), [0, 8]), &device);
    let targets = Tensor::<1, Int>::from_data(TensorData::new(Vec::<i64>::new(), [0]), &device);
    assert_eq!(values(next_token_loss(logits, targets)), [0.0]);
}

#[test]
fn weights_let_tokens_or_answers_count_once() {
    let lengths = [2, 0, 1, 5];
    assert_eq!(Weighting::Tokens.weights(&lengths), vec![1.0 / 8.0; 8]);
    let third = 1.0 / 3.0;
    let mut expected = vec![third / 2.0, third / 2.0, third];
    expected.extend([third / 5.0; 5]);
    assert_close(
        &Weighting::Answers.weights(&lengths),
        &expected,
        1e-7,
        "answers",
    );
    assert!(Weighting::Answers.weights(&[0, 0]).is_empty());
}
