//! Layers against their textbook formulas, in values and gradients.

use burn::module::Param;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, DType, Device, Distribution, Int, Tensor, TensorData};
use instructue_nn::attention::{AttentionBias, attend};
use instructue_nn::lora::{LoraConfig, LoraLinear, set_dropout};
use instructue_nn::norm::RmsNorm;
use instructue_nn::rope::Rope;

fn normal<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[track_caller]
fn near<const D: usize>(a: Tensor<D>, b: Tensor<D>, tolerance: f32) {
    assert_eq!(a.dims(), b.dims());
    let (a, b) = (values(a), values(b));
    for (i, (x, y)) in a.iter().zip(&b).enumerate() {
        // Written so that NaN fails.
        let close = (x - y).abs() <= tolerance;
        assert!(close, "element {i}: {x} and {y}");
    }
}

/// The formula as written, with repeated heads.
fn textbook(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, bias: Tensor<4>) -> Tensor<4> {
    let [batch, heads, _, width] = q.dims();
    let [_, kv, keys, _] = k.dims();
    let repeat = |x: Tensor<4>| {
        x.unsqueeze_dim::<5>(2)
            .expand([batch, kv, heads / kv, keys, width])
            .reshape([batch, heads, keys, width])
    };
    let scores = q.matmul(repeat(k).swap_dims(2, 3)) / (width as f64).sqrt() + bias;
    softmax(scores, 3).matmul(repeat(v))
}

fn tokens(rows: &[[bool; 5]], device: &Device) -> Tensor<2, Bool> {
    let flat: Vec<bool> = rows.concat();
    Tensor::from_data(TensorData::new(flat, [rows.len(), 5]), device)
}

#[test]
fn attention_equals_the_formula_in_values_and_gradients() {
    let plain = Device::default();
    let device = plain.clone().autodiff();
    let mask = [[true; 5], [false, true, true, true, false]];
    for (heads, kv) in [(4, 4), (4, 2), (6, 2), (3, 1)] {
        for bias in [
            AttentionBias::causal(tokens(&mask, &plain)),
            AttentionBias::padding(tokens(&mask, &plain)),
        ] {
            let bias = bias.tensor();
            let leaf = |heads| normal([2, heads, 5, 8], &device).require_grad();
            let [q, k, v] = [leaf(heads), leaf(kv), leaf(kv)];
            let weights = normal([2, heads, 5, 8], &plain);

            let expected = textbook(q.clone(), k.clone(), v.clone(), bias.clone());
            let found = attend(q.clone(), k.clone(), v.clone(), bias);
            near(found.clone(), expected.clone(), 1e-5);
            let inference = attend(
                q.clone().inner(),
                k.clone().inner(),
                v.clone().inner(),
                bias,
            );
            near(inference, expected.clone(), 1e-5);

            let expected = (expected * weights.clone()).sum().backward();
            let found = (found * weights).sum().backward();
            for leaf in [q, k, v] {
                near(
                    leaf.grad(&found).unwrap(),
                    leaf.grad(&expected).unwrap(),
                    2e-5,
                );
            }
        }
    }
}

#[test]
fn large_scores_neither_overflow_nor_lose_their_gradient() {
    let device = Device::default().autodiff();
    let q = (normal([1, 1, 3, 8], &device) * 30.0).require_grad();
    let k = normal([1, 1, 3, 8], &device) * 30.0;
    let v = normal([1, 1, 3, 8], &device);
    let bias = Tensor::zeros([1, 1, 3, 3], &Device::default());
    let expected = textbook(q.clone(), k.clone(), v.clone(), bias.clone());
    let found = attend(q.clone(), k, v, &bias);
    near(found.clone(), expected.clone(), 1e-4);
    let (found, expected) = (found.sum().backward(), expected.sum().backward());
    near(q.grad(&found).unwrap(), q.grad(&expected).unwrap(), 1e-3);
}

#[test]
fn masks_become_biases() {
    let device = Device::default();
    let host = AttentionBias::from_host(vec![true, false, true, true], [1, 2, 2], &device).unwrap();
    let causal = AttentionBias::causal(Tensor::from_data([[true, true]], &device));
    assert_eq!(
        values(host.tensor().clone()),
        values(causal.tensor().clone())
    );
    assert_eq!(host.shape(), [1, 2, 2]);
    let message = AttentionBias::from_host(vec![true; 3], [1, 2, 2], &device)
        .unwrap_err()
        .to_string();
    assert!(message.contains("needs 4 entries, found 3"), "{message}");
    // For the operators of the CPU there is nothing to repeat.
    assert_eq!(causal.grouped(3).shape(), [1, 2, 2]);
    let half = AttentionBias::new(causal.tensor().clone().cast(DType::F16));
    assert_eq!(half.grouped(3).shape(), [1, 6, 2]);
}

#[test]
fn rms_norm_equals_the_formula_in_values_and_gradients() {
    let device = Device::default().autodiff();
    let x = normal([2, 3, 8], &device).require_grad();
    let gamma = normal([8], &device);
    let norm = RmsNorm::from_gamma(gamma.clone(), 1e-5);
    let mean = x.clone().square().mean_dim(2) + 1e-5;
    let expected = x.clone() / mean.sqrt() * gamma.unsqueeze();
    let found = norm.forward(x.clone());
    near(found.clone(), expected.clone(), 1e-6);
    near(norm.forward(x.clone().inner()), expected.clone(), 1e-6);
    let weights = normal([2, 3, 8], &device);
    let expected = (expected * weights.clone()).sum().backward();
    let found = (found * weights).sum().backward();
    near(x.grad(&found).unwrap(), x.grad(&expected).unwrap(), 1e-5);
    assert!(norm.gamma.val().grad(&found).is_some());
}

#[test]
fn rope_rotates_pairs_of_halves() {
    let device = Device::default().autodiff();
    let rope = Rope::new(8, 100.0, None);
    let positions = [[0i64, 7, 2], [31_999, 1, 1]];
    let tables = rope.tables(Tensor::<2, Int>::from_data(positions, &device), DType::F32);
    let x = normal([2, 3, 2, 8], &device).require_grad();
    // As the decoder passes it: a transposed view.
    let found = tables.apply(x.clone().swap_dims(1, 2));
    let input = values(x.clone());
    let output = values(found.clone());
    for (batch, row) in positions.into_iter().enumerate() {
        for (head, (at, position)) in
            (0..2).flat_map(|head| row.into_iter().enumerate().map(move |at| (head, at)))
        {
            // An f32 angle near 32,000 is known to a thousandth.
            let tolerance = 1e-5 + 1e-2 * position as f64 / 32e3;
            for j in 0..4 {
                let angle = position as f64 * 100f64.powf(-(2.0 * j as f64) / 8.0);
                let from = ((batch * 3 + at) * 2 + head) * 8 + j;
                let to = ((batch * 2 + head) * 3 + at) * 8 + j;
                let (a, b) = (input[from] as f64, input[from + 4] as f64);
                let first = a * angle.cos() - b * angle.sin();
                let second = b * angle.cos() + a * angle.sin();
                assert!((output[to] as f64 - first).abs() < tolerance);
                assert!((output[to + 4] as f64 - second).abs() < tolerance);
            }
        }
    }
    // A rotation keeps lengths, so the gradient of half the square is x.
    let gradients = (found.square().sum() / 2.0).backward();
    near(x.grad(&gradients).unwrap(), x.inner(), 1e-4);
}

#[test]
fn dropout_keeps_the_mean() {
    let device = Device::default().autodiff();
    let base = LinearConfig::new(2_000, 1).init(&device);
    let lora = LoraConfig::new()
        .with_rank(1)
        .with_dropout(0.25)
        .with_alpha(1.0);
    let mut layer = LoraLinear::new(base.clone(), Some(&lora), &device);
    let factors = layer.lora.as_mut().unwrap();
    factors.a = Param::from_tensor(Tensor::ones([2_000, 1], &device));
    factors.b = Param::from_tensor(Tensor::ones([1, 1], &device));
    let x = Tensor::<2>::ones([50, 2_000], &device);
    let kept = layer.forward(x.clone()) - base.forward(x);
    let mean = values(kept.clone()).iter().sum::<f32>() / 50.0;
    // 100,000 draws: one standard deviation of this mean is 3.7 of 2,000.
    assert!((mean - 2_000.0).abs() < 25.0, "{mean}");
    // Ones become 0 or 4/3.
    for sum in values(kept) {
        let count = sum * 0.75;
        assert!((count - count.round()).abs() < 0.02, "{sum}");
    }
}

fn trained(lora: &LoraConfig, device: &Device) -> (LoraLinear, Linear) {
    let base = LinearConfig::new(6, 4).init(device);
    let mut layer = LoraLinear::new(base.clone(), Some(lora), device);
    let factors = layer.lora.as_mut().unwrap();
    factors.b = Param::from_tensor(normal([lora.rank, 4], device));
    (layer, base)
}

#[test]
fn lora_adds_the_scaled_product_and_freezes_the_base() {
    let device = Device::default().autodiff();
    let lora = LoraConfig::new()
        .with_rank(2)
        .with_alpha(6.0)
        .with_dropout(0.0);
    let (layer, base) = trained(&lora, &device);
    assert_eq!(layer.widths(), [6, 4]);
    let x = normal([3, 5, 6], &device).require_grad();
    let factors = layer.lora.as_ref().unwrap();
    let delta = factors.a.val().matmul(factors.b.val()) * 3.0;
    let expected = base.forward(x.clone()) + x.clone().matmul(delta.unsqueeze());
    let found = layer.forward(x.clone());
    near(found.clone(), expected.clone(), 1e-5);
    near(
        layer.clone().merge().unwrap().forward(x.clone()),
        expected.clone(),
        1e-5,
    );

    let weights = normal([3, 5, 4], &device);
    let expected = (expected * weights.clone()).sum().backward();
    let found = (found * weights).sum().backward();
    near(x.grad(&found).unwrap(), x.grad(&expected).unwrap(), 1e-5);
    for factor in [&factors.a, &factors.b] {
        near(
            factor.val().grad(&found).unwrap(),
            factor.val().grad(&expected).unwrap(),
            1e-4,
        );
    }
    assert!(layer.linear.weight.val().grad(&found).is_none());
}

#[test]
fn dropout_acts_in_training_only_and_is_shared() {
    let device = Device::default().autodiff();
    let lora = LoraConfig::new().with_rank(2).with_dropout(0.5);
    let (layer, _) = trained(&lora, &device);
    let x = normal([4, 6], &device);
    let shared = layer.input(x.clone());
    assert_eq!(
        values(layer.forward_shared(&shared)),
        values(layer.forward_shared(&shared))
    );
    assert_ne!(
        values(layer.forward(x.clone())),
        values(layer.forward(x.clone()))
    );
    let still = set_dropout(layer.clone(), false);
    near(
        still.forward(x.clone()),
        burn::module::Module::valid(&layer).forward(x.clone().inner()),
        1e-6,
    );
    let again = set_dropout(still, true);
    assert_ne!(values(again.forward(x.clone())), values(again.forward(x)));
}
