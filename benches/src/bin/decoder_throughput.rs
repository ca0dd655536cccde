//! The speed of a decoder on a device: tokens per second, TFLOP/s and the share of the device's
//! peak, for forward passes and for steps that train LoRA beside frozen weights. Weights and
//! tokens are random; nothing is read.
//!
//! ```sh
//! cargo run --release -p instructue-benches --features vulkan --bin decoder_throughput -- \
//!     --device wgpu --precision f16 --peak-tflops 989
//! ```
//!
//! `scripts/bench/decoder_throughput.py` is the same in PyTorch, with the same
//! arguments and the same count of operations.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program prints its results"
)]

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use clap::{Parser, ValueEnum};
use instructue::DeviceName;
use instructue::backbone::{
    Decoder, DecoderConfig, DecoderInput, LoraConfig, ModelType, Precision,
};
use instructue_benches::token_ids;

/// Tokens per second of a decoder of Qwen2's type; the default is the shape of
/// Qwen2.5-0.5B. Prints one line of JSON per mode.
#[derive(Debug, Parser)]
struct Arguments {
    /// cpu, wgpu, cuda or ndarray; default: INSTRUCTUE_DEVICE, or cpu.
    #[arg(long)]
    device: Option<DeviceName>,
    /// f32, bf16 or f16.
    #[arg(long, default_value = "f32")]
    precision: Precision,
    /// What to measure.
    #[arg(long, value_enum, default_value = "both")]
    mode: Mode,
    /// Rows of a batch.
    #[arg(long, default_value_t = 64)]
    rows: usize,
    /// Tokens of a row.
    #[arg(long, default_value_t = 256)]
    length: usize,
    /// Width of the residual stream.
    #[arg(long, default_value_t = 896)]
    hidden: usize,
    /// Width of the gated unit.
    #[arg(long, default_value_t = 4864)]
    intermediate: usize,
    /// Blocks.
    #[arg(long, default_value_t = 24)]
    layers: usize,
    /// Query heads.
    #[arg(long, default_value_t = 14)]
    heads: usize,
    /// Key and value heads.
    #[arg(long, default_value_t = 2)]
    kv_heads: usize,
    /// Rows of the tied embedding table.
    #[arg(long, default_value_t = 151_936)]
    vocab: usize,
    /// Rank of LoRA, on all seven maps of a block.
    #[arg(long, default_value_t = 64)]
    rank: usize,
    /// Dropout before LoRA.
    #[arg(long, default_value_t = 0.0)]
    dropout: f64,
    /// Tokens of each row that the next-token loss scores, the last ones.
    #[arg(long, default_value_t = 16)]
    targets: usize,
    /// Steps before timing.
    #[arg(long, default_value_t = 3)]
    warmup: usize,
    /// Timed steps.
    #[arg(long, default_value_t = 10)]
    steps: usize,
    /// The device's peak in TFLOP/s, for the share of it.
    #[arg(long)]
    peak_tflops: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Mode {
    Forward,
    Train,
    Both,
}

impl Arguments {
    fn config(&self) -> DecoderConfig {
        DecoderConfig {
            vocab_size: self.vocab,
            hidden_size: self.hidden,
            intermediate_size: self.intermediate,
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            num_key_value_heads: self.kv_heads,
            precision: self.precision,
            ..DecoderConfig::new(ModelType::Qwen2)
        }
    }

    fn check(&self) -> Result<(), String> {
        let positive = [
            ("rows", self.rows),
            ("length", self.length),
            ("steps", self.steps),
        ];
        for (name, value) in positive {
            if value == 0 {
                return Err(format!("--{name}: expected at least 1, found 0"));
            }
        }
        if !(1..self.length).contains(&self.targets) {
            return Err(format!(
                "--targets: expected a number from 1 to below --length ({}), found {}",
                self.length, self.targets
            ));
        }
        Ok(())
    }

    /// The numbers of floating-point operations of one forward pass and of one training step.
    /// They count products with matrices, and attention with all pairs of tokens, masked or not.
    /// Weights are frozen, so backward has one product per matrix and two per factor of LoRA.
    fn operations(&self) -> [f64; 2] {
        let config = self.config();
        let width = config.head_width();
        let (query, key) = (self.heads * width, self.kv_heads * width);
        let (hidden, inner) = (self.hidden, self.intermediate);
        let maps = [
            (hidden, query),
            (hidden, key),
            (hidden, key),
            (query, hidden),
            (hidden, inner),
            (hidden, inner),
            (inner, hidden),
        ];
        let tokens = (self.rows * self.length * self.layers) as f64;
        let sum = |of: fn((usize, usize)) -> usize| maps.into_iter().map(of).sum::<usize>() as f64;
        let matrices = 2.0 * tokens * sum(|(input, output)| input * output);
        let factors = 2.0 * tokens * (self.rank as f64) * sum(|(input, output)| input + output);
        let attention = 4.0 * tokens * (self.length * query) as f64;
        let scores = 2.0 * (self.rows * self.targets) as f64 * (hidden * self.vocab) as f64;
        [
            matrices + attention,
            2.0 * (matrices + scores) + 3.0 * (factors + attention),
        ]
    }
}

/// The states of a batch.
fn states(decoder: &Decoder, ids: &Tensor<2, Int>) -> Tensor<3> {
    let [rows, length] = ids.dims();
    let tokens = TensorData::new(vec![true; rows * length], [rows, length]);
    let tokens = Tensor::<2, Bool>::from_data(tokens, &ids.device());
    decoder.forward(DecoderInput::causal(decoder.embed(ids.clone()), tokens))
}

/// Next-token loss of the last `targets` tokens of each row.
fn loss(decoder: &Decoder, ids: &Tensor<2, Int>, targets: usize) -> Tensor<1> {
    let states = states(decoder, ids);
    let [rows, length, width] = states.dims();
    let first = length - targets;
    let states = states.narrow(1, first - 1, targets);
    let logits = decoder.logits(states.reshape([rows * targets, width]));
    let wanted = ids.clone().narrow(1, first, targets);
    let wanted = wanted.reshape([rows * targets, 1]);
    log_softmax(logits, 1).gather(1, wanted).mean().neg()
}

/// Reads a loss, which waits for the device.
fn number(tensor: Tensor<1>) -> Result<f32, String> {
    let value = tensor.into_scalar::<f32>();
    match value.is_finite() {
        true => Ok(value),
        false => Err(format!("expected a finite result, found {value}")),
    }
}

fn forward(arguments: &Arguments, device: &Device) -> Result<(), Box<dyn Error>> {
    device.seed(1);
    let decoder = arguments.config().init(None, device)?;
    let ids = ids(arguments, device);
    let step = || {
        number(
            states(&decoder, &ids)
                .narrow(1, arguments.length - 1, 1)
                .sum(),
        )
    };
    report(arguments, "forward", arguments.operations()[0], step)
}

fn train(arguments: &Arguments, device: &Device) -> Result<(), Box<dyn Error>> {
    let device = device.clone().autodiff();
    device.seed(1);
    let lora = LoraConfig::new()
        .with_rank(arguments.rank)
        .with_dropout(arguments.dropout);
    let mut decoder = Some(arguments.config().init(Some(&lora), &device)?);
    let ids = ids(arguments, &device);
    let mut optimizer = AdamWConfig::new().init();
    let step = || {
        let Some(current) = decoder.take() else {
            return Err("an earlier step failed".into());
        };
        let loss = loss(&current, &ids, arguments.targets);
        let gradients = GradientsParams::from_grads(loss.backward(), &current);
        let rate = ModuleLearningRate::from(2e-4);
        decoder = Some(optimizer.step(rate, current, gradients));
        number(loss.inner())
    };
    report(arguments, "train", arguments.operations()[1], step)
}

fn ids(arguments: &Arguments, device: &Device) -> Tensor<2, Int> {
    let rows = token_ids(arguments.rows, arguments.length, arguments.vocab as u64);
    let flat: Vec<i64> = rows.into_iter().flatten().map(i64::from).collect();
    let shape = [arguments.rows, arguments.length];
    Tensor::from_data(TensorData::new(flat, shape), device)
}

/// Times `step` and prints its speed.
fn report(
    arguments: &Arguments,
    mode: &str,
    operations: f64,
    mut step: impl FnMut() -> Result<f32, String>,
) -> Result<(), Box<dyn Error>> {
    let mut seconds = Vec::new();
    let mut result = 0.0;
    for number in 0..arguments.warmup + arguments.steps {
        let clock = Instant::now();
        result = step()?;
        if number >= arguments.warmup {
            seconds.push(clock.elapsed().as_secs_f64());
        }
    }
    seconds.sort_unstable_by(f64::total_cmp);
    let median = seconds[seconds.len() / 2];
    let tflops = operations / median / 1e12;
    let tokens = (arguments.rows * arguments.length) as f64 / median;
    let line = serde_json::json!({
        "mode": mode,
        "precision": arguments.precision,
        "tokens_per_second": tokens.round(),
        "tflops": tflops,
        "mfu": arguments.peak_tflops.map(|peak| tflops / peak),
        "median_s": median,
        "min_s": seconds[0],
        "operations": operations,
        "rows": arguments.rows,
        "length": arguments.length,
        "result": result,
    });
    println!("{line}");
    Ok(())
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    arguments.check()?;
    let name = arguments.device.map_or_else(DeviceName::from_env, Ok)?;
    let device = name.open()?;
    if arguments.mode != Mode::Train {
        forward(arguments, &device)?;
    }
    if arguments.mode != Mode::Forward {
        train(arguments, &device)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
