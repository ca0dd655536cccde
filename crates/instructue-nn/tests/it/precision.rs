//! Operators and maps on half precision: computed in `f32`, given back as they
//! came, with gradients.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Bool, Device, Distribution, Int, Tensor};
use instructue_nn::Precision;
use instructue_nn::attention::AttentionBias;
use instructue_nn::checkpoint::{Checkpoint, write_safetensors};
use instructue_nn::initial::{Initialiser, Start};
use instructue_nn::kernels::{biased_softmax, gelu, layer_norm, rms_norm, silu_mul};
use instructue_nn::linear::{linear, normal_linear, scores};
use instructue_nn::lora::{LoraConfig, LoraLinear};
use instructue_nn::rope::Rope;
use instructue_nn::source::fill;

fn half(device: &Device) -> impl Iterator<Item = Precision> {
    let precisions = [Precision::Bf16, Precision::F16];
    let device = device.clone();
    precisions
        .into_iter()
        .filter(move |p| p.check(&device).is_ok())
}

fn normal<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

fn values<const D: usize>(x: Tensor<D>) -> Vec<f32> {
    x.into_data_as::<f32>().try_to_vec().unwrap()
}

/// Whether this workspace has operators for the device.
fn own(device: &Device) -> bool {
    device == &Device::flex()
}

/// Half a unit in the last place of either precision, relative.
fn unit(precision: Precision) -> f32 {
    match precision {
        Precision::F32 => f32::EPSILON,
        Precision::F16 => 1.0 / 2048.0,
        Precision::Bf16 => 1.0 / 256.0,
    }
}

/// What `f` gives for half precision is what it gives for the same numbers as
/// `f32`, rounded once; and so is its gradient.
fn rounded_once<const D: usize>(name: &str, x: Tensor<D>, f: impl Fn(Tensor<D>) -> Tensor<D>) {
    let device = x.device();
    for precision in half(&device) {
        let narrow = x.clone().cast(precision.dtype());
        let wide = narrow.clone().cast(Precision::F32.dtype());
        let leaf = |x: &Tensor<D>| x.clone().autodiff().require_grad();
        let weights = normal(f(wide.clone()).dims(), &device);
        let results = [leaf(&narrow), leaf(&wide)].map(|x| {
            let y = f(x.clone());
            assert_eq!(y.dtype(), x.dtype(), "{name}");
            let dtype = y.dtype();
            let loss = y.clone() * weights.clone().cast(dtype).autodiff();
            let gradients = loss.sum().backward();
            [values(y.inner()), values(x.grad(&gradients).unwrap())]
        });
        let [narrow, wide] = results;
        let scale = wide[1].iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        for (x, y) in narrow[0].iter().zip(&wide[0]) {
            let bound = unit(precision) * y.abs() + 1e-6;
            assert!((x - y).abs() <= bound, "{name} {precision}: {x} is not {y}");
        }
        for (x, y) in narrow[1].iter().zip(&wide[1]) {
            let bound = 4.0 * unit(precision) * scale;
            assert!(
                (x - y).abs() <= bound,
                "{name} {precision}: gradient {x} is not {y}"
            );
        }
    }
}

#[test]
fn operators_round_once() {
    let device = Device::default();
    device.seed(1);
    let gamma = normal([24], &device);
    let beta = normal([24], &device);
    rounded_once("rms_norm", normal([5, 24], &device) * 7.0, |x| {
        rms_norm(x, gamma.clone(), 1e-6)
    });
    rounded_once("layer_norm", normal([5, 24], &device) * 7.0, |x| {
        layer_norm(x, gamma.clone(), beta.clone(), 1e-6)
    });
    let tokens = Tensor::<2, Bool>::from_data([[true; 6], [true; 6]], &device);
    let bias = AttentionBias::causal(tokens);
    rounded_once("softmax", normal([2, 3, 6, 6], &device) * 5.0, |x| {
        biased_softmax(x, bias.tensor())
    });
    let positions = Tensor::<2, Int>::from_data([[0, 1, 900, 30_000, 5, 6]], &device);
    let rope = Rope::new(8, 1e4, None);
    let tables = rope.tables(positions, Precision::F32.dtype());
    rounded_once("rope", normal([1, 2, 6, 8], &device), |x| tables.apply(x));
    rounded_once("gelu", normal([5, 24], &device), gelu);
    let up = normal([5, 24], &device);
    rounded_once("silu_mul", normal([5, 24], &device), |x| {
        let up = up.clone().cast(Precision::Bf16.dtype());
        let up = up.cast(x.dtype());
        match x.is_autodiff() {
            true => silu_mul(x, up.autodiff()),
            false => silu_mul(x, up),
        }
    });
}

#[test]
fn a_map_gives_its_weights_precision_and_factors_stay_f32() {
    let device = Device::default();
    device.seed(2);
    for precision in half(&device) {
        let wide = Linear {
            weight: Param::from_tensor(normal([16, 8], &device)),
            bias: Some(Param::from_tensor(normal([8], &device))),
        };
        let narrow = precision.cast_weights(wide.clone());
        let rounded = Precision::F32.cast_weights(narrow.clone());
        let x = normal([3, 5, 16], &device);
        // In a graph and on other devices in the weight's type; here not even the
        // input is rounded.
        let graph = precision.cast_weights(Linear {
            weight: Param::from_tensor(wide.weight.val().autodiff()),
            bias: wide
                .bias
                .as_ref()
                .map(|b| Param::from_tensor(b.val().autodiff())),
        });
        let y = linear(&graph, x.clone().autodiff());
        assert_eq!(y.dtype(), precision.dtype());
        for (a, b) in values(linear(&wide, x.clone()))
            .iter()
            .zip(values(y.inner()))
        {
            assert!(
                (a - b).abs() <= 32.0 * unit(precision),
                "{precision}: {b} is not {a}"
            );
        }
        let [y, z] = [&narrow, &rounded].map(|map| values(linear(map, x.clone())));
        for (a, b) in y.iter().zip(z) {
            let bound = match own(&device) {
                true => 1e-5,
                false => 32.0 * unit(precision),
            };
            assert!((a - b).abs() <= bound, "{precision}: {a} is not {b}");
        }
        let table = normal([20_000, 16], &device);
        let rows = normal([3, 16], &device);
        let narrow_table = table.clone().cast(precision.dtype());
        let [a, b] = [&table, &narrow_table].map(|table| values(scores(table, rows.clone())));
        assert_eq!(a.len(), b.len());
        for (a, b) in a.iter().zip(b) {
            assert!(
                (a - b).abs() <= 32.0 * unit(precision),
                "{precision}: {b} is not {a}"
            );
        }

        let config = LoraConfig::new().with_rank(2);
        let mut map = LoraLinear::new(narrow, Some(&config), &device);
        let lora = map.lora.as_mut().unwrap();
        lora.b = Param::from_tensor(normal([2, 8], &device));
        assert_eq!(Precision::of(&lora.a.val()), Some(Precision::F32));
        let before = map.forward(x.clone());
        let merged = map.merge().unwrap();
        assert_eq!(Precision::of(&merged.linear.weight.val()), Some(precision));
        let after = merged.forward(x);
        for (a, b) in values(before).iter().zip(values(after)) {
            assert!(
                (a - b).abs() <= 4.0 * unit(precision) * (a.abs() + 16.0),
                "{precision}: {b} is not {a}"
            );
        }
    }
}

/// A checkpoint holds the weight of a map as `[output, input]`, and its file may
/// be mapped.
#[test]
fn maps_in_their_file_are_those_in_memory() {
    let device = Device::default();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    let x = normal([3, 5, 16], &device);
    for precision in [Precision::F32].into_iter().chain(half(&device)) {
        let own = precision.cast_weights(normal_linear(16, 8, true, 1.0, &device));
        let stored = own.weight.val().transpose().into_data();
        let bias = own.bias.as_ref().unwrap().val().into_data();
        let tensors = vec![("m.weight".into(), stored), ("m.bias".into(), bias)];
        write_safetensors(&path, tensors, None).unwrap();
        let read = |device: &Device| {
            let new = Initialiser {
                start: Start::Blank,
                precision,
                lora: None,
                device,
            };
            let mut file = Checkpoint::open_file(&path).unwrap();
            let named = |path: &str| format!("m.{path}");
            fill(new.linear(16, 8, true), &mut file, precision, named).unwrap()
        };
        let mapped = read(&device);
        let [a, b] = [&own, &mapped].map(|map| values(map.weight.val()));
        assert_eq!(a, b, "{precision}");
        let [a, b] = [&own, &mapped].map(|map| values(linear(map, x.clone())));
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= 1e-5, "{precision}: {b} is not {a}");
        }

        // In a graph, frozen and trained, and after an update.
        let graph = device.clone().autodiff();
        let mapped = read(&graph);
        let own = own.weight.val().autodiff();
        let [a, b] = [own, mapped.weight.val()].map(|weight| {
            let weight = weight.detach().require_grad();
            let x = x.clone().autodiff().require_grad();
            let y = x
                .clone()
                .reshape([15, 16])
                .cast(precision.dtype())
                .matmul(weight.clone());
            let gradients = y.sum().backward();
            let updated = weight.clone().inner() - weight.grad(&gradients).unwrap() * 0.5;
            [values(x.grad(&gradients).unwrap()), values(updated)].concat()
        });
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() <= 1e-5, "{precision}: {b} is not {a}");
        }
    }
}
