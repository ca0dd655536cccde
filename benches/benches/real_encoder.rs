//! Event texts through a real encoder: tokenised, each distinct text encoded once, in
//! passes of similar length, from an empty cache. `scripts/bench/encode_events.py`
//! writes the texts and times sentence-transformers on them.
//!
//! `INSTRUCTUE_ENCODER` names the directory, `INSTRUCTUE_EVENTS` the file of texts, one
//! a line. Without them there is nothing to measure.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use instructue::encoders::cache::CacheConfig;
use instructue::model::SentenceEncoder;
use instructue::schema::DataText;
use instructue_benches::device;

fn encode(criterion: &mut Criterion) {
    let named = |name| std::env::var_os(name);
    let (Some(dir), Some(events)) = (named("INSTRUCTUE_ENCODER"), named("INSTRUCTUE_EVENTS"))
    else {
        return;
    };
    let events = std::fs::read_to_string(events).expect("INSTRUCTUE_EVENTS names a file");
    let events: Vec<DataText> = events.lines().map(DataText::from).collect();
    let cache = CacheConfig::default();
    let open = SentenceEncoder::open(Path::new(&dir), None, &cache, &device());
    let mut encoder = open.expect("INSTRUCTUE_ENCODER names a directory");

    let mut group = criterion.benchmark_group("real text encoder");
    group.sample_size(10);
    group.throughput(Throughput::Elements(events.len() as u64));
    group.bench_function(format!("{} events", events.len()), |bencher| {
        bencher.iter_custom(|times| {
            let mut taken = Duration::ZERO;
            for _ in 0..times {
                encoder.forget().expect("a cache in memory");
                let start = Instant::now();
                black_box(encoder.encode(&events).expect("finite vectors"));
                taken += start.elapsed();
            }
            taken
        });
    });
    group.finish();
}

criterion_group!(benches, encode);
criterion_main!(benches);
