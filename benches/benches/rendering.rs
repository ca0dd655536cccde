//! Benches of the path from histories to token ids: rendering, profiles, tokenisation.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use instructue::features::{ProfileBuilder, ProfileTokenizer, TextTokenizer, render_event};
use instructue::schema::Shard;
use instructue::schema::{DataText, Schema};
use instructue_benches::{reference, shard};

const USERS: usize = 32;
const EVENTS: usize = 200;
const VOCABULARY: usize = 2_000;

/// All event texts of the first source.
fn texts(schema: &Schema, shard: &Shard) -> Vec<DataText> {
    let source = &schema.sources[0];
    let histories = shard.histories();
    let texts = histories.flat_map(|history| {
        let events = history.events(0);
        (0..events.len()).map(move |i| render_event(source, &events, i))
    });
    texts.collect()
}

fn rendering(criterion: &mut Criterion) {
    let schema = Schema::default_six();
    let shard = shard(&schema, USERS, EVENTS);
    let texts = texts(&schema, &shard);
    let words = texts
        .iter()
        .map(|text| text.as_str().to_owned())
        .collect::<Vec<_>>();
    let tokenizer = TextTokenizer::train(words.into_iter(), VOCABULARY).expect("a tokenizer");
    let tokenizer = Arc::new(tokenizer);

    let mut group = criterion.benchmark_group("data");
    group.throughput(Throughput::Elements(texts.len() as u64));
    let source = &schema.sources[0];
    group.bench_function("render events", |bencher| {
        bencher.iter(|| {
            for history in shard.histories() {
                let events = history.events(0);
                for i in 0..events.len() {
                    black_box(render_event(source, &events, i));
                }
            }
        });
    });
    group.bench_function("encode event texts", |bencher| {
        bencher.iter(|| {
            for text in &texts {
                black_box(tokenizer.encode(text));
            }
        });
    });

    group.throughput(Throughput::Elements(USERS as u64));
    let histories = || {
        shard
            .histories()
            .map(|history| (history, reference(EVENTS)))
    };
    let builder = ProfileBuilder::fit(&schema, histories(), None, 1);
    group.bench_function("build profiles", |bencher| {
        bencher.iter(|| {
            for (history, reference) in histories() {
                black_box(builder.build(&history, reference));
            }
        });
    });
    let profiles: Vec<_> = histories()
        .map(|(history, reference)| builder.build(&history, reference))
        .collect();
    // Each iteration needs a new tokenizer, because it caches texts.
    let fresh = || ProfileTokenizer::new(Arc::clone(&tokenizer), &schema);
    group.bench_function("tokenise profiles", |bencher| {
        bencher.iter_batched(
            fresh,
            |mut tokenizer| {
                for profile in &profiles {
                    black_box(tokenizer.tokenize(profile));
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, rendering);
criterion_main!(benches);
