//! One side of a race: work with real weights, timed in seconds as JSON lines.
//! `scripts/bench/torch_real.py` is the other side, and `cargo xtask race` runs both.
//!
//! Each line is `{"seconds": …}` for one repetition or, at the end,
//! `{"values": […]}`: what was computed, for comparing the two. Before that come
//! `{"peak_bytes": …}`, the most memory that the process held, and of `forward`
//! `{"products_seconds": …}`, what its matrix products take by themselves.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use clap::{Parser, ValueEnum};
use instructue::backbone::{Chunk, Decoder, DecoderConfig, DecoderInput};
use instructue::encoders::cache::CacheConfig;
use instructue::losses::{ContrastiveConfig, ContrastiveInput, l2_normalize, next_token_loss};
use instructue::model::SentenceEncoder;
use instructue::schema::DataText;
use instructue::trainer::clip_global_norm;
use instructue_benches::device;
use instructue_gemm::{MatrixView, multiply};

/// The allocator of the examples.
#[global_allocator]
static ALLOCATOR: instructue_alloc::KeepingAllocator = instructue_alloc::KeepingAllocator;

#[derive(Clone, Copy, ValueEnum)]
enum Work {
    /// Last hidden states of 8 rows × 512 tokens.
    Forward,
    /// A joint training step with LoRA, 4 rows × 256 tokens.
    Train,
    /// One profile of 700 tokens under 16 instructions of 16 tokens.
    Users,
    /// From the files to the last hidden states of 32 tokens.
    Cold,
    /// Event texts through an encoder, from an empty cache.
    Encode,
}

#[derive(Parser)]
struct Arguments {
    work: Work,
    /// A directory that `scripts/bench/real_model.py` wrote; for `encode` one of
    /// sentence-transformers.
    #[arg(long)]
    model: PathBuf,
    /// Texts for `encode`, one a line.
    #[arg(long)]
    events: Option<PathBuf>,
    /// Timed repetitions, after one that is not.
    #[arg(long, default_value_t = 1)]
    repetitions: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let device = device();
    let values = match arguments.work {
        Work::Forward => forward(&arguments, &device)?,
        Work::Train => train(&arguments, &device)?,
        Work::Users => users(&arguments, &device)?,
        Work::Cold => cold(&arguments, &device)?,
        Work::Encode => encode(&arguments, &device)?,
    };
    if let Some(bytes) = peak_bytes() {
        println!("{{\"peak_bytes\": {bytes}}}");
    }
    let values: Vec<String> = values.iter().map(f32::to_string).collect();
    println!("{{\"values\": [{}]}}", values.join(", "));
    Ok(())
}

/// A token that both sides compute alike.
fn token(row: usize, at: usize, vocabulary: usize) -> i64 {
    let number = (row * 7_919 + at * 104_729 + 12_345) as u64 * 2_654_435_761;
    ((number % (1 << 32)) / 256 % vocabulary as u64) as i64
}

fn ids(rows: &[usize], from: usize, to: usize, decoder: &Decoder) -> Tensor<2, Int> {
    let vocabulary = decoder.config().vocab_size;
    let of_row = |&row: &usize| (from..to).map(move |at| token(row, at, vocabulary));
    let ids: Vec<i64> = rows.iter().flat_map(of_row).collect();
    let data = TensorData::new(ids, [rows.len(), to - from]);
    Tensor::from_data(data, &decoder.embed_tokens.weight.val().device())
}

fn load(model: &Path, device: &Device) -> Result<Decoder, Box<dyn Error>> {
    Ok(DecoderConfig::load(model)?.load_weights(model, None, device)?)
}

/// The states of causal rows without padding.
fn states(decoder: &Decoder, ids: Tensor<2, Int>) -> Tensor<3> {
    let shape = ids.dims();
    let all = TensorData::new(vec![true; shape[0] * shape[1]], shape);
    let tokens = Tensor::<2, Bool>::from_data(all, &ids.device());
    decoder.forward(DecoderInput::causal(decoder.embed(ids), tokens))
}

/// The last state of each row, flat.
fn last(states: Tensor<3>) -> Result<Vec<f32>, Box<dyn Error>> {
    let [_, length, _] = states.dims();
    let values = states.narrow(1, length - 1, 1).into_data();
    Ok(values.try_to_vec()?)
}

/// Runs the work once for warm-up, then with timing.
fn timed<T>(
    repetitions: usize,
    mut work: impl FnMut() -> Result<T, Box<dyn Error>>,
) -> Result<T, Box<dyn Error>> {
    let mut done = work()?;
    for _ in 0..repetitions {
        let start = Instant::now();
        done = work()?;
        println!("{{\"seconds\": {}}}", start.elapsed().as_secs_f64());
    }
    Ok(done)
}

fn forward(arguments: &Arguments, device: &Device) -> Result<Vec<f32>, Box<dyn Error>> {
    let decoder = load(&arguments.model, device)?;
    let rows: Vec<usize> = (0..8).collect();
    let ids = ids(&rows, 0, 512, &decoder);
    let values = timed(arguments.repetitions, || {
        last(states(&decoder, ids.clone()))
    })?;
    let seconds = products_seconds(&decoder, 8 * 512);
    println!("{{\"products_seconds\": {seconds}}}");
    Ok(values)
}

/// Seconds that the products of the decoder's linear maps take by themselves for
/// so many rows: what no forward pass is quicker than. The lesser of two tries.
fn products_seconds(decoder: &Decoder, rows: usize) -> f64 {
    /// Rows at a time: more leave the cache.
    const ROWS: usize = 1024;
    let Some(layer) = decoder.layers.first() else {
        return 0.0;
    };
    let (attention, mlp) = (&layer.self_attn, &layer.mlp);
    let maps = [
        &attention.q_proj,
        &attention.k_proj,
        &attention.v_proj,
        &attention.o_proj,
        &mlp.gate_proj,
        &mlp.up_proj,
        &mlp.down_proj,
    ];
    let numbers = |count: usize| {
        (0..count)
            .map(|i| (i % 13) as f32 * 0.1)
            .collect::<Vec<_>>()
    };
    let factors = maps.map(|map| {
        let [input, output] = map.widths();
        (
            input,
            output,
            numbers(ROWS * input),
            numbers(input * output),
        )
    });
    let mut out = Vec::new();
    let mut all = || {
        let start = Instant::now();
        for _ in 0..decoder.layers.len() * rows / ROWS {
            for (input, output, x, weight) in &factors {
                out.resize(ROWS * output, 0.0);
                let x = MatrixView::new(x, [ROWS, *input]);
                let weight = MatrixView::new(weight, [*input, *output]);
                multiply(&mut out, x, weight);
            }
        }
        start.elapsed().as_secs_f64()
    };
    all().min(all())
}

/// The most memory that this process held, where the system says so.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(1024 * kibibytes)
}

fn users(arguments: &Arguments, device: &Device) -> Result<Vec<f32>, Box<dyn Error>> {
    let decoder = load(&arguments.model, device)?;
    let instructions: Vec<usize> = (1..17).collect();
    let profile = ids(&[0], 0, 700, &decoder);
    let suffixes = ids(&instructions, 700, 716, &decoder);
    timed(arguments.repetitions, || {
        let (prefix, _) = decoder.prefill(Chunk::new(decoder.embed(profile.clone())));
        let mut cache = prefix.fork(instructions.len());
        let suffixes = Chunk::new(decoder.embed(suffixes.clone()));
        last(decoder.append(&mut cache, suffixes))
    })
}

fn cold(arguments: &Arguments, device: &Device) -> Result<Vec<f32>, Box<dyn Error>> {
    let start = Instant::now();
    let model = &arguments.model;
    let decoder = DecoderConfig::load(model)?.map_weights(model, None, device)?;
    let states = last(states(&decoder, ids(&[0], 0, 32, &decoder)))?;
    println!("{{\"seconds\": {}}}", start.elapsed().as_secs_f64());
    Ok(states)
}

/// The vectors of the first eight texts, flat. Each distinct text is encoded once.
fn encode(arguments: &Arguments, device: &Device) -> Result<Vec<f32>, Box<dyn Error>> {
    let events = arguments.events.as_ref().ok_or("encode wants --events")?;
    let events = std::fs::read_to_string(events)?;
    let events: Vec<DataText> = events.lines().map(DataText::from).collect();
    let cache = CacheConfig::default();
    let mut encoder = SentenceEncoder::open(&arguments.model, None, &cache, device)?;
    let vectors = timed(arguments.repetitions, || {
        encoder.forget()?;
        Ok(encoder.encode(&events)?)
    })?;
    let shown = events.len().min(8) * vectors.columns;
    Ok(vectors.values[..shown].to_vec())
}

const ROWS: usize = 4;
const LENGTH: usize = 256;
/// A row has four segments, each with `<USER>`, an answer and its end mark.
const SEGMENT: usize = 64;

fn train(arguments: &Arguments, device: &Device) -> Result<Vec<f32>, Box<dyn Error>> {
    let device = device.clone().autodiff();
    let decoder = load(&arguments.model, &device)?;
    let mut decoder = decoder.load_adapter(&arguments.model.join("adapter"))?;
    let mut optimizer = AdamWConfig::new()
        .with_beta_1(0.9)
        .with_beta_2(0.98)
        .with_epsilon(1e-6)
        .with_weight_decay(1e-5)
        .init();
    let rows: Vec<usize> = (0..ROWS).collect();
    let ids = ids(&rows, 0, LENGTH, &decoder);
    let contrastive = ContrastiveConfig::paper().init()?;
    let starts: Vec<usize> = (0..ROWS * LENGTH).step_by(SEGMENT).collect();
    let places = |places: Vec<usize>| {
        let places: Vec<i64> = places.into_iter().map(|place| place as i64).collect();
        let data = TensorData::new(places.clone(), [places.len()]);
        Tensor::<1, Int>::from_data(data, &device)
    };
    let user_places = places(starts.iter().map(|at| at + SEGMENT / 2 - 1).collect());
    let answer_places = places(starts.iter().map(|at| at + SEGMENT - 1).collect());
    let scored = |shift: usize| {
        let answer = SEGMENT / 2 + shift..SEGMENT - 1 + shift;
        let all = starts
            .iter()
            .flat_map(|at| answer.clone().map(move |a| at + a));
        places(all.collect())
    };
    let token_places = scored(0);
    let targets = ids.clone().reshape([ROWS * LENGTH]).select(0, scored(1));
    let mut losses = Vec::new();
    timed(arguments.repetitions, || {
        let [rows, length] = ids.dims();
        let states = states(&decoder, ids.clone()).reshape([rows * length, decoder.hidden_size()]);
        let vectors =
            |places: &Tensor<1, Int>| l2_normalize(states.clone().select(0, places.clone()));
        let keys = |divisor: u64| (0..starts.len() as u64).map(|i| i / divisor).collect();
        let contrast = contrastive.forward(ContrastiveInput {
            users: vectors(&user_places),
            answers: vectors(&answer_places),
            user_keys: keys(4),
            answer_keys: keys(1),
            extra_negatives: None,
        })?;
        let logits = decoder.logits(states.select(0, token_places.clone()));
        let next_token = next_token_loss(logits, targets.clone());
        let loss = contrast.loss + next_token;
        let mut gradients = GradientsParams::from_grads(loss.backward(), &decoder);
        clip_global_norm(&decoder, &mut gradients, 1.0, 1.0)?;
        decoder = optimizer.step(ModuleLearningRate::from(2e-4), decoder.clone(), gradients);
        losses.push(loss.into_scalar::<f32>());
        Ok(())
    })?;
    Ok(losses)
}
