//! Benches of the text encoder with the shape of all-MiniLM-L6-v2, random weights.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use instructue::encoders::{BertConfig, Pooling};
use instructue_benches::{device, token_ids};

/// The rows of the embedding table. Rows are only looked up, so their number hardly matters.
const VOCABULARY: usize = 8_192;

/// The texts in a batch. An event text has 8 to 32 tokens.
const TEXTS: usize = 64;

fn forward(criterion: &mut Criterion) {
    let device = device();
    let config = BertConfig {
        vocab_size: VOCABULARY,
        hidden_size: 384,
        num_hidden_layers: 6,
        num_attention_heads: 12,
        intermediate_size: 1_536,
        ..BertConfig::default()
    };
    let encoder = config
        .init(Pooling::Mean, None, &device)
        .expect("a valid shape");

    let mut group = criterion.benchmark_group("text encoder forward");
    group.sample_size(10);
    for length in [8, 32] {
        let ids = token_ids(TEXTS, length, VOCABULARY as u64);
        group.throughput(Throughput::Elements(TEXTS as u64));
        let id = BenchmarkId::from_parameter(format!("{TEXTS} texts of {length} tokens"));
        group.bench_with_input(id, &ids, |bencher, ids| {
            bencher.iter(|| {
                let batch = encoder.batch(ids, &device).expect("a valid batch");
                // Reading the result waits for an asynchronous device.
                black_box(encoder.forward(batch).into_data())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, forward);
criterion_main!(benches);
