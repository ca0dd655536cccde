//! The operators of their own against the formulas composed of Burn's
//! operations, in values and gradients.

use burn::tensor::{Device, Distribution, Tensor, TensorData, activation};
use instructue_nn::attention::{AttentionBias, MASKED, attend};
use instructue_nn::kernels::{
    biased_softmax, entries_at_a_time, gelu, layer_norm, low_rank, product, rms_norm, rotate,
    side_by_side, silu_mul,
};

pub fn graph() -> Device {
    Device::flex().autodiff()
}

/// The same numbers at every call with the same seed.
pub fn numbers<const D: usize>(
    shape: [usize; D],
    scale: f32,
    seed: u32,
    device: &Device,
) -> Tensor<D> {
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

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Equal up to `tolerance`, relative above 1.
#[track_caller]
pub fn near<const D: usize>(found: Tensor<D>, expected: Tensor<D>, tolerance: f32) {
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

/// Attention as three operations, heads repeated.
fn textbook([q, k, v]: [Tensor<4>; 3], bias: &Tensor<4>) -> Tensor<4> {
    let [batch, heads, _, width] = q.dims();
    let [_, kv, keys, _] = k.dims();
    let repeat = |x: Tensor<4>| {
        let width = x.dims()[3];
        x.unsqueeze_dim::<5>(2)
            .expand([batch, kv, heads / kv, keys, width])
            .reshape([batch, heads, keys, width])
    };
    let scores = q.matmul(repeat(k).swap_dims(2, 3)) / (width as f64).sqrt();
    activation::softmax(scores + bias.clone(), 3).matmul(repeat(v))
}

/// Long enough to be cut into blocks, the last of which is not full.
#[test]
fn attention_in_blocks_equals_the_formula() {
    let device = Device::flex();
    let open = |shape: [usize; 3], f: &dyn Fn(usize, usize, usize) -> bool| {
        let [batch, rows, keys] = shape;
        let all = (0..batch * rows * keys)
            .map(|i| f(i / keys / rows, i / keys % rows, i % keys))
            .collect();
        AttentionBias::from_host(all, shape, &device).unwrap()
    };
    let (length, keys) = (301, 307);
    let biases = [
        ("none", open([2, 1, keys], &|_, _, _| true)),
        (
            "padding",
            open([2, 1, keys], &|entry, _, key| {
                key >= 5 && key < 200 + 50 * entry
            }),
        ),
        ("causal", open([2, length, keys], &|_, row, key| key <= row)),
        // As rows of several segments: all see the start, and themselves.
        (
            "packed",
            open([2, length, keys], &|entry, row, key| {
                let segment = |at: usize| at / (40 + entry);
                key <= row && (key < 80 || segment(key) == segment(row))
            }),
        ),
        (
            "far",
            open([2, length, keys], &|_, row, key| {
                key > 150 && key % 7 == row % 7
            }),
        ),
        // Whole blocks, and single rows of blocks, that may attend to nothing.
        (
            "nothing",
            open([2, length, keys], &|_, row, key| {
                row < 150 && row % 3 > 0 && key > row
            }),
        ),
    ];
    for (name, bias) in biases {
        let bias = bias.tensor();
        // Beside a bias of -3e4 a score is known to 2e-3.
        let exact = if name == "nothing" { 100.0 } else { 1.0 };
        // Transposed, as projections give them, and with values of another
        // width than the keys.
        let leaf = |heads, length, width, seed| {
            numbers([2, length, heads, width], 2.0, seed, &graph()).require_grad()
        };
        for (heads, kv) in [(4, 2), (2, 2), (3, 1)] {
            let leaves = [
                leaf(heads, length, 12, 21),
                leaf(kv, keys, 12, 22),
                leaf(kv, keys, 7, 23),
            ];
            let inputs = || leaves.each_ref().map(|x| x.clone().swap_dims(1, 2));
            let expected = textbook(inputs(), bias);
            let [q, k, v] = inputs();
            let found = attend(q, k, v, bias);
            let [q, k, v] = inputs().map(Tensor::inner);
            for found in [found.clone(), attend(q, k, v, bias)] {
                let worst = (found - expected.clone()).abs().max().into_scalar::<f32>();
                assert!(worst < 1e-5 * exact, "{name}: off by {worst}");
            }
            let weights = numbers(expected.dims(), 1.0, 24, &graph());
            let found = (found * weights.clone()).sum().backward();
            let expected = (expected * weights).sum().backward();
            for (i, leaf) in leaves.iter().enumerate() {
                let [found, expected] = [&found, &expected].map(|g| leaf.grad(g).unwrap());
                let worst = (found - expected).abs().max().into_scalar::<f32>();
                assert!(worst < 5e-5 * exact, "{name}, gradient {i}: off by {worst}");
            }
        }
    }
}

#[test]
fn what_is_masked_in_a_block_is_not_seen() {
    let device = Device::flex();
    let [q, k, v] = [1, 2, 3].map(|seed| numbers([1, 2, 200, 16], 2.0, seed, &device));
    let tokens = numbers([1, 200], 1.0, 1, &device)
        .greater_elem(2.0)
        .bool_not();
    let bias = AttentionBias::causal(tokens);
    let whole = attend(q.clone(), k.clone(), v.clone(), bias.tensor());
    // Other keys and values from 120 on.
    let after = |x: &Tensor<4>| {
        let rest = numbers([1, 2, 80, 16], 9.0, 9, &device);
        Tensor::cat(vec![x.clone().narrow(2, 0, 120), rest], 2)
    };
    let other = attend(q, after(&k), after(&v), bias.tensor());
    near(other.narrow(2, 0, 120), whole.narrow(2, 0, 120), 0.0);
}

#[test]
#[should_panic(expected = "does not fit")]
fn a_bias_of_other_queries_is_refused() {
    let device = Device::flex();
    let x = || Tensor::<4>::zeros([1, 1, 64, 8], &device);
    attend(x(), x(), x(), &Tensor::zeros([1, 1, 32, 64], &device));
}

#[test]
fn norms_equal_their_formulas() {
    let epsilon = 1e-5;
    for shape in SHAPES {
        // Transposed views have the width of the original.
        let width = shape[3];
        let gamma = || numbers([width], 1.5, 31, &graph()).require_grad();
        let beta = || numbers([width], 1.5, 32, &graph()).require_grad();
        let x = numbers(shape, 3.0, 33, &graph()).require_grad();
        let weights = numbers(shape, 1.0, 34, &graph());
        let view = || x.clone().swap_dims(1, 2);

        let (own, stock) = (gamma(), gamma());
        let found = rms_norm(view(), own.clone(), epsilon).swap_dims(1, 2);
        let mean = x.clone().square().mean_dim(3) + epsilon;
        let expected = x.clone() / mean.sqrt() * stock.clone().unsqueeze();
        near(found.clone(), expected.clone(), 2e-6);
        let (a, b) = (
            (found * weights.clone()).sum().backward(),
            (expected * weights.clone()).sum().backward(),
        );
        near(x.grad(&a).unwrap(), x.grad(&b).unwrap(), 1e-5);
        near(own.grad(&a).unwrap(), stock.grad(&b).unwrap(), 1e-4);

        let (own, stock) = ((gamma(), beta()), (gamma(), beta()));
        let found = layer_norm(view(), own.0.clone(), own.1.clone(), epsilon).swap_dims(1, 2);
        let centred = x.clone() - x.clone().mean_dim(3);
        let variance = centred.clone().square().mean_dim(3) + epsilon;
        let expected =
            centred / variance.sqrt() * stock.0.clone().unsqueeze() + stock.1.clone().unsqueeze();
        near(found.clone(), expected.clone(), 2e-6);
        let (a, b) = (
            (found * weights.clone()).sum().backward(),
            (expected * weights).sum().backward(),
        );
        // One column has no slope; its formula divides by √ε, 300.
        near(x.grad(&a).unwrap(), x.grad(&b).unwrap(), 1e-4);
        near(own.0.grad(&a).unwrap(), stock.0.grad(&b).unwrap(), 1e-4);
        near(own.1.grad(&a).unwrap(), stock.1.grad(&b).unwrap(), 1e-4);
    }
    let ones = || Tensor::ones([5], &graph());
    let x = || numbers([4, 5], 2.0, 35, &graph());
    slopes(x(), |x| rms_norm(x, ones(), epsilon));
    slopes(x(), |x| layer_norm(x, ones(), ones(), epsilon));
}

#[test]
fn rotation_equals_the_formula() {
    for [batch, heads, length, width] in [[1, 1, 1, 2], [2, 3, 5, 6], [3, 4, 120, 64]] {
        let table = |seed| numbers([batch, 1, length, width], 1.0, seed, &Device::flex());
        let (cos, sin) = (table(41), table(42));
        let formula = |x: Tensor<4>| {
            let first = x.clone().narrow(3, 0, width / 2);
            let second = x.clone().narrow(3, width / 2, width / 2);
            x * cos.clone() + Tensor::cat(vec![second.neg(), first], 3) * sin.clone()
        };
        for transposed in [true, false] {
            let shape = match transposed {
                true => [batch, length, heads, width],
                false => [batch, heads, length, width],
            };
            let leaf = numbers(shape, 2.0, 43, &graph()).require_grad();
            let x = || match transposed {
                true => leaf.clone().swap_dims(1, 2),
                false => leaf.clone(),
            };
            let (found, expected) = (rotate(x(), &cos, &sin), formula(x()));
            near(found.clone(), expected.clone(), 1e-6);
            let weights = numbers([batch, heads, length, width], 1.0, 44, &graph());
            let found = (found * weights.clone()).sum().backward();
            let expected = (expected * weights).sum().backward();
            near(
                leaf.grad(&found).unwrap(),
                leaf.grad(&expected).unwrap(),
                1e-6,
            );
        }
    }
}

/// Compares values and the gradients of all leaves.
#[track_caller]
fn same_products(leaves: &[Tensor<2>], found: Tensor<2>, expected: Tensor<2>) {
    near(found.clone(), expected.clone(), 1e-5);
    let weights = numbers(expected.dims(), 1.0, 99, &graph());
    let found = (found * weights.clone()).sum().backward();
    let expected = (expected * weights).sum().backward();
    for leaf in leaves {
        let of = |gradients| leaf.grad(gradients);
        match (of(&found), of(&expected)) {
            (Some(found), Some(expected)) => near(found, expected, 1e-5),
            (found, expected) => assert_eq!(found.is_some(), expected.is_some()),
        }
    }
}

#[test]
fn products_equal_burns() {
    let device = graph();
    for [rows, inner, columns] in [[1, 1, 1], [3, 5, 7], [40, 33, 17], [300, 200, 160]] {
        let x = numbers([rows, inner], 1.0, 1, &device).require_grad();
        let w = numbers([inner, columns], 1.0, 2, &device).require_grad();
        // As they lie, transposed, read backwards, and part of a larger one.
        let turned = |x: &Tensor<2>| (x.clone().transpose() * 1.0).transpose();
        let backwards = |x: &Tensor<2>| (x.clone().flip([0, 1]) * 1.0).flip([0, 1]);
        let wide = |x: &Tensor<2>| {
            let columns = x.dims()[1];
            Tensor::cat(vec![x.clone(), x.clone()], 1).narrow(1, columns, columns)
        };
        let views: [&dyn Fn(&Tensor<2>) -> Tensor<2>; 4] =
            [&|x| x.clone(), &turned, &backwards, &wide];
        for left in views {
            for right in views {
                let found = product(left(&x), right(&w));
                same_products(&[x.clone(), w.clone()], found, x.clone().matmul(w.clone()));
            }
        }
        // Where one factor is a constant, only the other gets a gradient.
        let frozen = w.clone().detach();
        let found = product(x.clone(), frozen.clone());
        same_products(&[x.clone(), w.clone()], found, x.clone().matmul(frozen));
        let found = product(x.clone().inner(), w.clone().inner());
        near(found, x.inner().matmul(w.inner()), 1e-5);
    }
}

#[test]
fn low_rank_factors_equal_their_formula() {
    let device = graph();
    let [rows, inner, columns, rank] = [23, 40, 31, 4];
    let x = numbers([rows, inner], 1.0, 1, &device).require_grad();
    let w = numbers([inner, columns], 1.0, 2, &device);
    let a = numbers([inner, rank], 1.0, 3, &device).require_grad();
    let b = numbers([rank, columns], 1.0, 4, &device).require_grad();
    let mask = numbers([rows, inner], 1.0, 5, &device);
    let formula = |z: Tensor<2>| {
        let low = z.matmul(a.clone()) * 0.7;
        x.clone().matmul(w.clone()) + low.matmul(b.clone())
    };
    for dropped in [false, true] {
        // Each backward pass consumes its own tape.
        let z = || dropped.then(|| x.clone() * mask.clone());
        let factors = [a.clone(), b.clone()];
        let found = low_rank(x.clone(), w.clone(), z(), factors, 0.7);
        let expected = formula(z().unwrap_or_else(|| x.clone()));
        same_products(&[x.clone(), a.clone(), b.clone()], found, expected);
    }
    let inner = low_rank(
        x.clone().inner(),
        w.clone().inner(),
        None,
        [a.clone().inner(), b.clone().inner()],
        0.7,
    );
    near(inner, formula(x.clone()).inner(), 1e-5);
}

#[test]
fn parts_keep_their_order_and_are_large_enough() {
    let device = Device::flex();
    for count in [0, 1, 2, 7] {
        let found = side_by_side(&device, count, |part| 2 * part);
        assert_eq!(found, (0..count).map(|part| 2 * part).collect::<Vec<_>>());
    }
    let x = Tensor::<2>::zeros([1, 1], &device);
    for [batch, length] in [[0, 5], [1, 4000], [3, 10], [8, 512], [100, 20], [5000, 1]] {
        let entries = entries_at_a_time(&x, [batch, length]);
        assert!(entries <= batch, "{entries} of {batch}");
        let rows = entries * length;
        assert!(entries == batch || entries == 1 || (128..=1024).contains(&rows));
    }
}
