//! Benches of the decoder: four blocks with the shape of SmolLM2-135M, random weights.

use std::hint::black_box;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use instructue::backbone::{Decoder, DecoderConfig, DecoderInput, ModelType};
use instructue_benches::{device, token_ids};

const ROWS: usize = 8;
const LENGTH: usize = 256;
const VOCABULARY: usize = 8_192;

fn config() -> DecoderConfig {
    DecoderConfig {
        vocab_size: VOCABULARY,
        num_hidden_layers: 4,
        ..DecoderConfig::new(ModelType::Llama)
    }
}

fn run(decoder: &Decoder, ids: &TensorData, device: &Device) -> Tensor<3> {
    let ids = Tensor::<2, Int>::from_data(ids.clone(), device);
    let tokens = Tensor::<2, Bool>::from_data(
        TensorData::new(vec![true; ROWS * LENGTH], [ROWS, LENGTH]),
        device,
    );
    decoder.forward(DecoderInput::causal(decoder.embed(ids), tokens))
}

fn backbone(criterion: &mut Criterion) {
    let device = device();
    let rows = token_ids(ROWS, LENGTH, VOCABULARY as u64);
    let flat: Vec<i32> = rows.into_iter().flatten().map(|id| id as i32).collect();
    let ids = TensorData::new(flat, [ROWS, LENGTH]);

    let mut group = criterion.benchmark_group("backbone");
    group.sample_size(10);
    group.throughput(Throughput::Elements((ROWS * LENGTH) as u64));

    let decoder = config().init(None, &device).expect("a valid shape");
    group.bench_function("forward", |bencher| {
        // Reading the result waits for an asynchronous device.
        bencher.iter(|| black_box(run(&decoder, &ids, &device).into_data()));
    });

    let device = device.autodiff();
    let decoder = config().init(None, &device).expect("a valid shape");
    group.bench_function("forward and backward", |bencher| {
        bencher.iter(|| {
            let loss = run(&decoder, &ids, &device).powf_scalar(2.0).mean();
            let gradients = loss.backward();
            let first = decoder
                .embed_tokens
                .weight
                .val()
                .grad(&gradients)
                .expect("a gradient");
            black_box(first.sum().into_scalar::<f32>())
        });
    });
    group.finish();
}

criterion_group!(benches, backbone);
criterion_main!(benches);
