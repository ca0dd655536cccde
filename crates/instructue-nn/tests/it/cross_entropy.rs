//! Cross-entropy against Burn's log-softmax, in values and gradients.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use instructue_nn::kernels::cross_entropy;

use crate::kernels::{graph, near, numbers, values};

/// Cross-entropy by a log-softmax.
fn looked_up(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [rows, _] = logits.dims();
    let chosen = activation::log_softmax(logits, 1).gather(1, targets.reshape([rows, 1]));
    chosen.neg().reshape([rows])
}

#[test]
fn cross_entropy_equals_burns() {
    let graph = graph();
    // One entry, rows that are no multiple of a register, more than one task.
    for [rows, vocabulary] in [[1, 1], [3, 5], [7, 16], [5, 333], [40, 2_050]] {
        let ids: Vec<i64> = (0..rows as i64)
            .map(|i| i * 7 % vocabulary as i64)
            .collect();
        let targets = || Tensor::<1, Int>::from_data(TensorData::new(ids.clone(), [rows]), &graph);
        let weights = numbers([rows], 1.0, 5, &graph);
        let run = |loss: fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>, transposed: bool| {
            let leaf = match transposed {
                false => numbers([rows, vocabulary], 9.0, 4, &graph),
                true => numbers([vocabulary, rows], 9.0, 4, &graph),
            };
            let leaf = leaf.require_grad();
            let logits = match transposed {
                false => leaf.clone(),
                true => leaf.clone().transpose(),
            };
            let losses = loss(logits, targets());
            let gradients = (losses.clone() * weights.clone()).sum().backward();
            (losses, leaf.grad(&gradients).unwrap())
        };
        for transposed in [false, true] {
            let (found, of_found) = run(cross_entropy, transposed);
            let (expected, of_expected) = run(looked_up, transposed);
            near(found.clone(), expected, 2e-6);
            near(of_found, of_expected, 2e-6);
            if !transposed {
                let plain = numbers([rows, vocabulary], 9.0, 4, &Device::flex());
                near(cross_entropy(plain, targets().inner()), found, 0.0);
            }
        }
    }
    // In double precision there is no operator here, and the composed formula is taken.
    let wide = |loss: fn(Tensor<2>, Tensor<1, Int>) -> Tensor<1>| {
        let leaf = numbers([6, 50], 9.0, 4, &graph).cast(burn::tensor::DType::F64);
        let leaf = leaf.require_grad();
        let targets = Tensor::<1, Int>::from_ints([0, 49, 3, 3, 1, 7], &graph);
        let losses = loss(leaf.clone(), targets);
        let gradients = (losses.clone() * numbers([6], 1.0, 5, &graph).cast(losses.dtype())).sum();
        (losses, leaf.grad(&gradients.backward()).unwrap())
    };
    let ((found, of_found), (expected, of_expected)) = (wide(cross_entropy), wide(looked_up));
    let narrow = burn::tensor::DType::F32;
    near(found.cast(narrow), expected.cast(narrow), 2e-6);
    near(of_found.cast(narrow), of_expected.cast(narrow), 2e-6);
}

#[test]
fn cross_entropy_of_logits_at_the_edge() {
    let device = Device::flex();
    let logits = [
        [3e38f32, -3e38, 0.0],
        [-3e38, -3e38, -3e38],
        [f32::NAN, 1.0, 2.0],
    ];
    let logits = Tensor::<2>::from_data(logits, &device);
    let held = logits.clone();
    let losses = values(cross_entropy(logits, Tensor::from_ints([0, 2, 1], &device)));
    assert_eq!(losses[0], 0.0);
    assert!((losses[1] - 3f32.ln()).abs() < 1e-6, "{losses:?}");
    assert!(losses[2].is_nan(), "what is not a number is not hidden");
    // What somebody else holds is left alone.
    assert_eq!(values(held)[1], -3e38);
    let none = cross_entropy(Tensor::zeros([0, 4], &device), Tensor::zeros([0], &device));
    assert_eq!(none.dims(), [0]);
}

#[test]
#[should_panic(expected = "below the size of the vocabulary")]
fn a_target_that_is_no_id_is_refused() {
    let device = Device::flex();
    cross_entropy(
        Tensor::zeros([1, 4], &device),
        Tensor::from_ints([4], &device),
    );
}
