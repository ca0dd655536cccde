//! Benches of a joint training step (both losses, backward, clipping, AdamW) and of embedding
//! users, with the default model of `train_userqa`.
//!
//! The step's shapes are printed first, for the same step elsewhere:
//! `scripts/bench/torch_step.py` takes them as arguments.
#![expect(clippy::print_stdout, reason = "a benchmark prints its shapes")]

use std::hint::black_box;
use std::sync::Arc;

use burn::optim::AdamWConfig;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use instructue::features::{
    Batch, Profile, ProfileBuilder, Row, SourceBatch, SourceProfile, TextTokenizer,
};
use instructue::model::{InstructUe, ModelConfig, Normalisers, Preprocessor, Size};
use instructue::schema::Shard;
use instructue::schema::{DataText, Schema};
use instructue::trainer::{TrainConfig, clip_global_norm, gradients, objective};
use instructue_benches::{device, reference, shard, workers};

const USERS: usize = 24;
const INSTRUCTIONS: usize = 4;
const EVENTS: usize = 40;
const VOCABULARY: usize = 4_096;

const QUESTION: &str = "Will this customer buy garden repair in the next 30 days?";

fn schema() -> Schema {
    Schema::default_six()
}

fn profiles(builder: &ProfileBuilder, shard: &Shard) -> Vec<Profile> {
    shard
        .histories()
        .map(|history| builder.build(&history, reference(EVENTS)))
        .collect()
}

fn preprocessor(shard: &Shard) -> Preprocessor {
    let histories = || {
        shard
            .histories()
            .map(|history| (history, reference(EVENTS)))
    };
    let builder = ProfileBuilder::fit(&schema(), histories(), None, 1);
    let normalisers = Normalisers::fit(&builder, histories()).expect("rows of one layout");
    let mut texts = vec![QUESTION.to_string(), answer(0)];
    for profile in profiles(&builder, shard) {
        for source in profile.sources {
            if let SourceProfile::Events(events) = source {
                texts.extend(events.iter().map(|event| event.text.as_str().to_string()));
            }
        }
    }
    let tokenizer = Arc::new(
        TextTokenizer::train(texts.into_iter(), VOCABULARY).expect("a vocabulary of that size"),
    );
    Preprocessor::new(builder, normalisers, tokenizer.clone(), tokenizer, true)
}

fn answer(number: usize) -> String {
    format!("Yes, this user will buy garden repair {number} times in the next 30 days.")
}

fn model(preprocessor: Preprocessor, device: &instructue::Device) -> InstructUe {
    // The table is as large as that of the default run, however few texts there are.
    let config = ModelConfig::fresh(Size::Tiny, VOCABULARY, VOCABULARY);
    let model = InstructUe::new(config, preprocessor, 7, device).expect("a valid shape");
    model.with_replicas(workers())
}

fn rows(model: &InstructUe, profiles: &[Profile]) -> Vec<Row> {
    let preprocessor = model.preprocessor();
    let mut tokenizer = preprocessor.profile_tokenizer();
    let question = DataText::new(QUESTION);
    profiles
        .iter()
        .enumerate()
        .map(|(user, profile)| {
            let segments = (0..INSTRUCTIONS)
                .map(|k| {
                    let answer = DataText::new(answer(user * INSTRUCTIONS + k).as_str());
                    preprocessor.segment(Some(&question), Some(&answer))
                })
                .collect();
            preprocessor.row(&mut tokenizer, profile, user as u64, segments)
        })
        .collect()
}

fn print_shapes(model: &InstructUe, rows: &[Row]) {
    let batch = Batch::collate(model.preprocessor().layout(), rows);
    let texts: Vec<usize> = batch
        .sources
        .iter()
        .filter_map(|source| match source {
            SourceBatch::Events(events) => Some(events.texts.iter().map(|t| t.len())),
            SourceBatch::Tabular(_) => None,
        })
        .flatten()
        .collect();
    let mean = texts.iter().sum::<usize>() as f64 / texts.len().max(1) as f64;
    println!(
        "shapes: rows {}, length {}, texts {} of {mean:.1} tokens, answer tokens {}, vectors {}",
        batch.rows,
        batch.length,
        texts.len(),
        batch.targets.len(),
        batch.segments(),
    );
}

fn joint(criterion: &mut Criterion) {
    let device = device();
    let shard = shard(&schema(), USERS, EVENTS);
    let model = model(preprocessor(&shard), &device.clone().autodiff());
    let profiles = profiles(model.preprocessor().profiles(), &shard);
    let rows = rows(&model, &profiles);
    print_shapes(&model, &rows);

    let mut group = criterion.benchmark_group("joint");
    group.sample_size(10);
    group.throughput(Throughput::Elements(USERS as u64));

    let config = TrainConfig::default();
    let objectives = objective::standard(&config).expect("valid defaults");
    let mut optimizer = AdamWConfig::new().init();
    let mut trained = model.clone();
    group.bench_function("training step", |bencher| {
        bencher.iter(|| {
            let (losses, mut found) =
                gradients(&trained, &rows, &objectives, &config, 0).expect("finite losses");
            clip_global_norm(
                trained.network(),
                &mut found,
                1.0,
                config.optimizer.clip_norm,
            )
            .expect("finite gradients");
            let rate = ModuleLearningRate::from(1e-6);
            let network = optimizer.step(rate, trained.network().clone(), found);
            trained = trained.clone().with_network(network);
            black_box(losses)
        });
    });

    let frozen = model.frozen();
    let questions = vec![Some(DataText::new(QUESTION)); INSTRUCTIONS];
    group.bench_function("embedding of users", |bencher| {
        bencher.iter(|| black_box(frozen.embed(&profiles, &questions).expect("questions")));
    });
    group.finish();
}

/// One user under many instructions: each with a full pass, packed into rows of eight, and with a
/// profile that was read once (including the reading).
fn instructions(criterion: &mut Criterion) {
    const MANY: usize = 16;
    let device = device();
    let shard = shard(&schema(), 1, 150);
    let model = model(preprocessor(&shard), &device);
    let profiles = profiles(model.preprocessor().profiles(), &shard);
    let questions: Vec<Option<DataText>> = (0..MANY)
        .map(|k| Some(DataText::new(format!("{QUESTION} Variant {k}."))))
        .collect();
    let mut tokenizer = model.preprocessor().profile_tokenizer();
    let slots = tokenizer
        .tokenize(&profiles[0])
        .slots(model.preprocessor().layout());
    println!("a profile of {slots} slots, {MANY} instructions");

    let mut group = criterion.benchmark_group("instructions");
    group.sample_size(20);
    group.throughput(Throughput::Elements(MANY as u64));
    group.bench_function("a pass each", |bencher| {
        bencher.iter(|| {
            for question in &questions {
                let question = std::slice::from_ref(question);
                black_box(model.embed(&profiles, question).expect("a question"));
            }
        });
    });
    group.bench_function("packed", |bencher| {
        bencher.iter(|| {
            for questions in questions.chunks(8) {
                black_box(model.embed(&profiles, questions).expect("questions"));
            }
        });
    });
    group.bench_function("all at once", |bencher| {
        bencher.iter(|| black_box(model.embed(&profiles, &questions).expect("questions")));
    });
    group.bench_function("cached profile", |bencher| {
        bencher.iter(|| {
            let cache = model.profile_cache(&profiles).expect("profiles");
            black_box(model.embed_cached(&cache, &questions).expect("questions"))
        });
    });
    group.finish();
}

criterion_group!(benches, joint, instructions);
criterion_main!(benches);
