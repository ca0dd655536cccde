//! The operators of their own against the formulas composed of Burn's
//! operations, in values and gradients.

use burn::tensor::{Device, Distribution, Tensor, TensorData, activation};
use instructue_nn::attention::MASKED;
use instructue_nn::kernels::{biased_softmax, gelu, silu_mul};

fn graph() -> Device {
    Device::flex().autodiff()
}

/// The same numbers at every call with the same seed.
fn numbers<const D: usize>(shape: [usize; D], scale: f32, seed: u32, device: &Device) -> Tensor<D> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state as f32 / u32::MAX as f32 - 0.5) * 2.0 * scale
        })
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Equal up to `tolerance`, relative above 1.
#[track_caller]
fn near<const D: usize>(found: Tensor<D>, expected: Tensor<D>, tolerance: f32) {
    assert_eq!(found.dims(), expected.dims());
    for (i, (x, y)) in values(found).iter().zip(values(expected)).enumerate() {
        let close = (x - y).abs() <= tolerance * y.abs().max(1.0);
        assert!(close, "element {i}: {x}, expected {y}");
    }
}

/// Compares values without a graph, values in one and gradients by a weighted
/// sum, of leaves as they are and of transposed views of leaves.
#[track_caller]
fn same<const N: usize>(
    leaves: [Tensor<4>; N],
    own: impl Fn([Tensor<4>; N]) -> Tensor<4>,
    stock: impl Fn([Tensor<4>; N]) -> Tensor<4>,
) {
    let tolerance = 2e-6;
    let leaves = leaves.map(Tensor::require_grad);
    let views: [&dyn Fn(Tensor<4>) -> Tensor<4>; 2] = [&|x| x, &|x| x.swap_dims(1, 2) * 1.0];
    for view in views {
        // A view of a transposed copy has the values of x and another layout.
        let restored = |x: &Tensor<4>| view(x.clone()).swap_dims(1, 2);
        for transposed in [false, true] {
            let inputs = || {
                leaves.each_ref().map(|x| match transposed {
                    true => restored(x),
                    false => view(x.clone()),
                })
            };
            let expected = stock(inputs());
            let found = own(inputs());
            near(found.clone(), expected.clone(), tolerance);
            near(
                own(inputs().map(Tensor::inner)),
                expected.clone(),
                tolerance,
            );
            let weights = numbers(expected.dims(), 1.0, 99, &graph());
            let found = (found * weights.clone()).sum().backward();
            let expected = (expected * weights).sum().backward();
            for leaf in &leaves {
                near(
                    leaf.grad(&found).unwrap(),
                    leaf.grad(&expected).unwrap(),
                    tolerance,
                );
            }
        }
    }
}

/// The slope along every axis by central differences, against the gradient.
#[track_caller]
fn slopes<const D: usize>(x: Tensor<D>, f: impl Fn(Tensor<D>) -> Tensor<D>) {
    let dims = x.dims();
    let weights = numbers(dims, 1.0, 5, &graph());
    let x = x.require_grad();
    let gradients = (f(x.clone()) * weights.clone()).sum().backward();
    let found = values(x.grad(&gradients).unwrap());
    let at = values(x.inner());
    let step = 1e-2;
    for (i, found) in found.into_iter().enumerate() {
        let moved = |by: f32| {
            let mut at = at.clone();
            at[i] += by;
            let y = f(Tensor::from_data(TensorData::new(at, dims), &graph()));
            let y = values(y * weights.clone());
            y.into_iter().map(f64::from).sum::<f64>()
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
        let close = (f64::from(found) - slope).abs() < 2e-3;
        assert!(close, "element {i}: {found}, by differences {slope}");
    }
}

const SHAPES: [[usize; 4]; 6] = [
    [1, 1, 1, 1],
    [2, 3, 5, 7],
    [1, 2, 3, 16],
    [2, 1, 4, 33],
    [1, 4, 6, 330],
    // More than one task, with a last one that is not full.
    [3, 4, 120, 129],
];

/// Zero or masked, with at least the first key open.
fn bias(shape: [usize; 4]) -> Tensor<4> {
    let open = numbers(shape, 1.0, 3, &Device::flex()).lower_elem(0.3);
    let mut bias = open.bool_not().float() * MASKED;
    let [batch, one, rows, _] = shape;
    let first = Tensor::zeros([batch, one, rows, 1], &Device::flex());
    bias = bias.slice_assign([0..batch, 0..one, 0..rows, 0..1], first);
    bias
}

#[test]
fn biased_softmax_equals_burns() {
    for [batch, heads, queries, keys] in SHAPES {
        let scores = || numbers([batch, heads, queries, keys], 4.0, 1, &graph());
        for rows in [1, queries] {
            // Transposed scores have other axes, so the bias is for a square.
            let bias = bias([batch, 1, rows, keys]);
            let expand = |x: &Tensor<4>| x.clone() + bias.clone();
            let own = biased_softmax(scores(), &bias);
            let expected = activation::softmax(expand(&scores()), 3);
            near(own, expected, 1e-6);
        }
    }
    for side in [1, 3, 16, 21, 50] {
        let bias = bias([2, 1, side, side]);
        same(
            [numbers([2, side, side, side], 4.0, 1, &graph())],
            |[x]| biased_softmax(x, &bias),
            |[x]| activation::softmax(x + bias.clone(), 3),
        );
        // Two groups of rows share the rows of the bias.
        let own = biased_softmax(numbers([2, 3, 2 * side, side], 4.0, 2, &graph()), &bias);
        let twice = Tensor::cat(vec![bias.clone(), bias.clone()], 2);
        let expected =
            activation::softmax(numbers([2, 3, 2 * side, side], 4.0, 2, &graph()) + twice, 3);
        near(own, expected, 1e-6);
    }
    let none = Tensor::zeros([1, 1, 1, 6], &Device::flex());
    slopes(numbers([1, 2, 3, 6], 2.0, 4, &graph()), |x| {
        biased_softmax(x, &none)
    });
}

#[test]
fn softmax_rows_at_the_edge() {
    let device = Device::flex();
    // A row that may attend to nothing becomes an average, not NaN, ...
    let scores = Tensor::<4>::zeros([1, 1, 2, 20], &device);
    let mut rows = vec![MASKED; 20];
    rows.extend([0.0; 20]);
    let bias = Tensor::from_data(TensorData::new(rows, [1, 1, 2, 20]), &device);
    near(
        biased_softmax(scores, &bias),
        Tensor::full([1, 1, 2, 20], 0.05, &device),
        1e-6,
    );
    // ... a masked key gets exactly nothing, ...
    let weights = biased_softmax(
        numbers([2, 2, 9, 37], 10.0, 6, &device),
        &self::bias([2, 1, 9, 37]),
    );
    let open = self::bias([2, 1, 9, 37]).equal_elem(0.0).float();
    let lost = values(weights * (open * -1.0 + 1.0));
    assert!(lost.iter().all(|&w| w == 0.0));
    // ... and no score is too large or too small.
    let scores = [[[
        [3e38f32, -3e38, 0.0],
        [-3e38, -3e38, -3e38],
        [1e-38, 0.0, 0.0],
    ]]];
    let scores = Tensor::<4>::from_data(scores, &device);
    let third = 1.0 / 3.0;
    let expected = [[[[1.0, 0.0, 0.0], [third; 3], [third; 3]]]];
    near(
        biased_softmax(scores, &Tensor::zeros([1, 1, 1, 3], &device)),
        Tensor::from_data(expected, &device),
        1e-6,
    );
    // What is not a number is not hidden.
    let scores = Tensor::<4>::from_data([[[[f32::NAN, 1.0]]]], &device);
    let weights = biased_softmax(scores, &Tensor::zeros([1, 1, 1, 2], &device));
    assert!(values(weights).iter().all(|w| w.is_nan()));
}

#[test]
#[should_panic(expected = "does not fit")]
fn a_bias_of_another_batch_is_refused() {
    let device = Device::flex();
    let bias = Tensor::zeros([1, 1, 1, 3], &device);
    biased_softmax(Tensor::zeros([2, 1, 2, 3], &device), &bias);
}

#[test]
fn silu_mul_equals_burns() {
    for shape in SHAPES {
        same(
            [
                numbers(shape, 6.0, 7, &graph()),
                numbers(shape, 2.0, 8, &graph()),
            ],
            |[gate, up]| silu_mul(gate, up),
            |[gate, up]| activation::silu(gate) * up,
        );
    }
    slopes(numbers([40], 5.0, 9, &graph()), |x| {
        silu_mul(x.clone(), x.mul_scalar(0.5))
    });
    let ends = || Tensor::<1>::from_data([-1e30f32, -200.0, -90.0, 0.0, 90.0, 1e30], &graph());
    let gate = ends().require_grad();
    let y = silu_mul(gate.clone(), ends().ones_like());
    near(
        y.clone(),
        Tensor::from_data([0.0, 0.0, 0.0, 0.0, 90.0, 1e30], &graph()),
        1e-6,
    );
    let slope = gate.grad(&y.sum().backward()).unwrap();
    let expected = Tensor::from_data([0.0f32, 0.0, 0.0, 0.5, 1.0, 1.0], &Device::flex());
    near(slope, expected, 1e-6);
}

#[test]
fn gelu_equals_burns() {
    for shape in SHAPES {
        same(
            [numbers(shape, 6.0, 10, &graph())],
            |[x]| gelu(x),
            |[x]| activation::gelu(x),
        );
    }
    slopes(numbers([40], 4.0, 11, &graph()), gelu);
    let ends = Tensor::<1>::from_data([-1e15f32, -40.0, 0.0, 40.0, 1e15], &graph());
    let x = ends.require_grad();
    let y = gelu(x.clone());
    let slope = x.grad(&y.clone().sum().backward()).unwrap();
    near(
        y,
        Tensor::from_data([0.0, 0.0, 0.0, 40.0, 1e15], &graph()),
        1e-6,
    );
    let expected = Tensor::from_data([0.0f32, 0.0, 0.5, 1.0, 1.0], &Device::flex());
    near(slope, expected, 1e-6);
}

#[test]
fn inputs_that_others_hold_are_left_alone() {
    let device = Device::flex();
    let x = || numbers([1, 2, 3, 20], 2.0, 12, &device);
    let bias = Tensor::zeros([1, 1, 1, 20], &device);
    let held = x();
    let _ = gelu(held.clone());
    let _ = silu_mul(held.clone(), held.clone());
    let _ = biased_softmax(held.clone(), &bias);
    near(held, x(), 0.0);
    // The same in a graph, where a frozen input needs no state.
    let frozen = numbers([1, 2, 3, 20], 2.0, 12, &graph());
    let _ = gelu(frozen.clone());
    let _ = silu_mul(frozen.clone(), frozen.clone());
    near(frozen, x(), 0.0);
}

#[test]
fn half_precision_takes_the_composed_formula() {
    use burn::tensor::DType;
    let device = Device::flex();
    let x = Tensor::<4>::random([1, 1, 4, 8], Distribution::Normal(0.0, 1.0), &device);
    let half = || x.clone().cast(DType::F16);
    let bias = Tensor::<4>::zeros([1, 1, 2, 8], &device).cast(DType::F16);
    for y in [
        gelu(half()),
        silu_mul(half(), half()),
        biased_softmax(half(), &bias),
    ] {
        assert_eq!(y.dtype(), DType::F16);
    }
    near(gelu(half()).cast(DType::F32), gelu(x.clone()), 5e-3);
    let softmax = biased_softmax(half(), &bias).cast(DType::F32);
    near(softmax, biased_softmax(x, &bias.cast(DType::F32)), 5e-3);
}
