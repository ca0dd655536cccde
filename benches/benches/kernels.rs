//! Each operator of our own beside the same formula of Burn's operations, at the shapes of a
//! training step of `tiny`: twelve rows of 243 slots. With gradients both go backward, too.

use std::hint::black_box;

use burn::tensor::{Bool, Device, Distribution, Int, Tensor, TensorData, activation};
use criterion::{Criterion, criterion_group, criterion_main};
use instructue::backbone::{AttentionBias, Decoder, DecoderConfig, DecoderInput, ModelType};
use instructue::nn::attention::attend;
use instructue::nn::kernels::{cross_entropy, low_rank, product, rms_norm, silu_mul};
use instructue_benches::device;

const ROWS: usize = 12;
const LENGTH: usize = 243;
const SLOTS: usize = ROWS * LENGTH;
const HIDDEN: usize = 128;
const FEED_FORWARD: usize = 256;
const RANK: usize = 16;
const HEADS: usize = 4;
const EPSILON: f64 = 1e-6;
/// Answers' tokens, over a vocabulary of a pretrained decoder.
const TARGETS: usize = 256;
const VOCABULARY: usize = 49_152;

fn normal<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 0.1), device)
}

/// A token for each row.
fn targets(logits: &Tensor<2>) -> Tensor<1, Int> {
    let ids: Vec<i64> = (0..TARGETS as i64)
        .map(|row| row * 101 % VOCABULARY as i64)
        .collect();
    Tensor::from_data(TensorData::new(ids, [TARGETS]), &logits.device())
}

/// Times both with and without gradients, which go to all of `inputs`.
fn compare<const D: usize, const N: usize>(
    criterion: &mut Criterion,
    name: &str,
    inputs: impl Fn(&Device) -> [Tensor<D>; N],
    here: impl Fn([Tensor<D>; N]) -> Tensor<D>,
    burn: impl Fn([Tensor<D>; N]) -> Tensor<D>,
) {
    let device = device();
    let mut group = criterion.benchmark_group(format!("operator {name}"));
    group.sample_size(20);
    let given = inputs(&device);
    for (side, run) in [
        ("here", &here as &dyn Fn([Tensor<D>; N]) -> Tensor<D>),
        ("of Burn's operations", &burn),
    ] {
        // Reading the result waits for an asynchronous device.
        group.bench_function(side, |bencher| {
            bencher.iter(|| black_box(run(given.clone()).into_data()));
        });
        let device = device.clone().autodiff();
        let given = inputs(&device).map(|x| x.detach().require_grad());
        group.bench_function(format!("{side}, with gradients"), |bencher| {
            bencher.iter(|| {
                let gradients = run(given.clone()).sum().backward();
                let first = given[0].grad(&gradients).expect("a gradient");
                black_box(first.into_data())
            });
        });
    }
    group.finish();
}

fn operators(criterion: &mut Criterion) {
    compare(
        criterion,
        "product",
        |device| {
            [
                normal([SLOTS, HIDDEN], device),
                normal([HIDDEN, FEED_FORWARD], device),
            ]
        },
        |[x, w]| product(x, w),
        |[x, w]| x.matmul(w),
    );
    // Logits are doubled first, because in a model nobody else holds them.
    compare(
        criterion,
        "cross_entropy",
        |device| [normal([TARGETS, VOCABULARY], device)],
        |[logits]| {
            let targets = targets(&logits);
            cross_entropy(logits.mul_scalar(2.0), targets).reshape([TARGETS, 1])
        },
        |[logits]| {
            let targets = targets(&logits).reshape([TARGETS, 1]);
            let logits = logits.mul_scalar(2.0);
            activation::log_softmax(logits, 1).gather(1, targets).neg()
        },
    );
    compare(
        criterion,
        "low_rank",
        |device| {
            [
                normal([SLOTS, HIDDEN], device),
                normal([HIDDEN, RANK], device),
                normal([RANK, HIDDEN], device),
                normal([HIDDEN, HIDDEN], device),
            ]
        },
        |[x, a, b, w]| low_rank(x, w, None, [a, b], 2.0),
        |[x, a, b, w]| x.clone().matmul(w.detach()) + x.matmul(a).mul_scalar(2.0).matmul(b),
    );
    compare(
        criterion,
        "silu_mul",
        |device| [(); 2].map(|()| normal([SLOTS, FEED_FORWARD], device)),
        |[gate, up]| silu_mul(gate, up),
        |[gate, up]| activation::silu(gate) * up,
    );
    compare(
        criterion,
        "rms_norm",
        |device| [normal([SLOTS, HIDDEN], device)],
        |[x]| {
            let scale = Tensor::ones([HIDDEN], &x.device());
            rms_norm(x, scale, EPSILON)
        },
        |[x]| {
            let square = x.clone().powi_scalar(2).mean_dim(1);
            x * (square + EPSILON).sqrt().recip()
        },
    );
    let width = HIDDEN / HEADS;
    compare(
        criterion,
        "attention",
        |device| [(); 3].map(|()| normal([ROWS, HEADS, LENGTH, width], device)),
        |[q, k, v]| {
            let bias = causal(&q.device());
            attend(q, k, v, bias.tensor())
        },
        |[q, k, v]| {
            let bias = causal(&q.device()).tensor().clone();
            let bias = if q.is_autodiff() {
                bias.autodiff()
            } else {
                bias
            };
            let scores = q.matmul(k.swap_dims(2, 3)) / (width as f64).sqrt();
            activation::softmax(scores + bias, 3).matmul(v)
        },
    );
}

fn causal(device: &Device) -> AttentionBias {
    AttentionBias::causal(all(device))
}

fn all(device: &Device) -> Tensor<2, Bool> {
    Tensor::from_data(TensorData::new(vec![true; SLOTS], [ROWS, LENGTH]), device)
}

/// A decoder of three layers, asked for all states or for those that a training step reads, a
/// third.
fn last_layer(criterion: &mut Criterion) {
    let device = device();
    let config = DecoderConfig {
        vocab_size: 64,
        hidden_size: HIDDEN,
        intermediate_size: FEED_FORWARD,
        num_hidden_layers: 3,
        num_attention_heads: HEADS,
        num_key_value_heads: HEADS / 2,
        ..DecoderConfig::new(ModelType::Qwen3)
    };
    let asked = LENGTH / 3;
    let places = (0..ROWS).flat_map(|_| (0..asked).map(|at| (LENGTH - asked + at) as i32));
    let places = TensorData::new(places.collect::<Vec<_>>(), [ROWS, asked]);
    let mut group = criterion.benchmark_group("last layer");
    group.sample_size(10);
    for (name, device) in [
        ("", device.clone()),
        (", with gradients", device.autodiff()),
    ] {
        let decoder: Decoder = config.init(None, &device).expect("a valid shape");
        let inputs = normal([ROWS, LENGTH, HIDDEN], &device);
        let slots = Tensor::<2, Int>::from_data(places.clone(), &device);
        let read = |states: Tensor<3>| match states.is_autodiff() {
            true => {
                let gradients = states.powf_scalar(2.0).mean().backward();
                let first = decoder.layers[0].mlp.down_proj.linear.weight.val();
                let first = first.grad(&gradients).expect("a gradient");
                black_box(first.into_data())
            }
            false => black_box(states.into_data()),
        };
        let input = || DecoderInput::causal(inputs.clone(), all(&device));
        group.bench_function(format!("all states{name}"), |bencher| {
            bencher.iter(|| read(decoder.forward(input())));
        });
        group.bench_function(format!("a third of the states{name}"), |bencher| {
            bencher.iter(|| read(decoder.forward_at(input(), slots.clone())));
        });
    }
    group.finish();
}

criterion_group!(benches, operators, last_layer);
criterion_main!(benches);
