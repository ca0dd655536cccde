//! Loading holds the model and little else, whatever the types of file and model.
//! Each case is a process of its own.
#![cfg(target_os = "linux")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a process tells its parent what it used"
)]

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;

use burn::tensor::Device;
use instructue_backbone::{DecoderConfig, ModelType, Precision};
use instructue_nn::checkpoint::WEIGHTS;
use tempfile::TempDir;

fn config() -> DecoderConfig {
    DecoderConfig {
        vocab_size: 24_000,
        hidden_size: 512,
        intermediate_size: 1_536,
        num_hidden_layers: 8,
        num_attention_heads: 8,
        num_key_value_heads: 2,
        // The two largest tensors are the first and the last.
        tie_word_embeddings: false,
        ..DecoderConfig::new(ModelType::Qwen2)
    }
}

/// Names and shapes of the checkpoint.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let config = config();
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let key = config.num_key_value_heads * config.head_width();
    let mut out = vec![(
        "model.embed_tokens.weight".into(),
        vec![config.vocab_size, hidden],
    )];
    for layer in 0..config.num_hidden_layers {
        for (name, shape) in [
            ("input_layernorm.weight", vec![hidden]),
            ("self_attn.q_proj.weight", vec![hidden, hidden]),
            ("self_attn.q_proj.bias", vec![hidden]),
            ("self_attn.k_proj.weight", vec![key, hidden]),
            ("self_attn.k_proj.bias", vec![key]),
            ("self_attn.v_proj.weight", vec![key, hidden]),
            ("self_attn.v_proj.bias", vec![key]),
            ("self_attn.o_proj.weight", vec![hidden, hidden]),
            ("post_attention_layernorm.weight", vec![hidden]),
            ("mlp.gate_proj.weight", vec![inner, hidden]),
            ("mlp.up_proj.weight", vec![inner, hidden]),
            ("mlp.down_proj.weight", vec![hidden, inner]),
        ] {
            out.push((format!("model.layers.{layer}.{name}"), shape));
        }
    }
    out.push(("model.norm.weight".into(), vec![hidden]));
    out.push(("lm_head.weight".into(), vec![config.vocab_size, hidden]));
    out
}

/// A checkpoint of zeros: a file with a hole, which nobody had to hold.
fn zeros(dtype: &str, size: usize) -> (TempDir, usize) {
    let dir = TempDir::new().unwrap();
    let mut header = serde_json::Map::new();
    let (mut end, mut elements) = (0, 0);
    for (name, shape) in tensors() {
        let count = shape.iter().product::<usize>();
        let offsets = [end, end + count * size];
        end = offsets[1];
        elements += count;
        let info = serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": offsets});
        header.insert(name, info);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = File::create(dir.path().join(WEIGHTS)).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(&header).unwrap();
    file.set_len((8 + header.len() + end) as u64).unwrap();
    (dir, elements)
}

/// A line of the kernel's account of this process, in bytes.
fn account(key: &str) -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse::<usize>().unwrap() * 1024
}

/// What a process of its own is to measure: type in the file, precision.
const CASE: &str = "LOADING_CASE";

#[test]
fn the_peak_is_the_model_and_a_little() {
    if let Ok(case) = std::env::var(CASE) {
        let (dtype, precision) = case.split_once(' ').unwrap();
        return measure(dtype, precision.parse().unwrap());
    }
    // A process that freed memory would have some to spare.
    let program = std::env::current_exe().unwrap();
    for case in ["BF16 bf16", "F32 bf16", "BF16 f32", "F32 f32"] {
        let output = Command::new(&program)
            .args([
                "--exact",
                "the_peak_is_the_model_and_a_little",
                "--nocapture",
            ])
            .env(CASE, case)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        eprintln!("{said}");
        assert!(output.status.success(), "{case}: {said}");
    }
}

fn measure(dtype: &str, precision: Precision) {
    let device = Device::default();
    if precision.check(&device).is_err() {
        println!("skipped: the device does not compute in {precision:?}");
        return;
    }
    // Threads and tables of the backend are there before the measurement.
    let warm = DecoderConfig {
        vocab_size: 10,
        num_hidden_layers: 1,
        ..config()
    };
    drop(warm.init(None, &device).unwrap());
    let (dir, elements) = zeros(dtype, if dtype == "F32" { 4 } else { 2 });
    let before = account("VmRSS");
    let config = config().with_precision(precision);
    let decoder = config.load_weights(dir.path(), None, &device).unwrap();
    let peak = account("VmHWM") - before;
    drop(decoder);
    let size = precision.dtype().size();
    let share = peak as f64 / (elements * size) as f64;
    eprintln!("{dtype} as {precision}: peak {share:.3} of the weights");
    assert!(share < 1.3, "{dtype} as {precision}: {share}");
    assert!(
        share > 0.9,
        "{dtype} as {precision}: nothing measured, {share}"
    );
}
