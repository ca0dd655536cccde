//! What the tests share: small decoders, inputs and comparisons.
#![allow(dead_code)] // each test binary uses its own part

use std::path::PathBuf;

use burn::tensor::{Bool, Device, Distribution, Int, Tensor, TensorData};
use instructue_backbone::{Decoder, DecoderConfig, LoraConfig, ModelType};

pub const CASES: [&str; 8] = [
    "qwen2_tied",
    "qwen2_untied",
    "llama_tied",
    "llama_bias_untied",
    "qwen3_tied",
    "qwen3_bias_untied",
    "llama_scaled",
    "qwen2_yarn",
];

pub fn golden(case: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(case)
}

pub fn small() -> DecoderConfig {
    DecoderConfig {
        vocab_size: 40,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        ..DecoderConfig::new(ModelType::Qwen2)
    }
}

/// A decoder of the golden weights: large enough for every term to matter.
pub fn load(case: &str, lora: Option<&LoraConfig>, device: &Device) -> Decoder {
    let dir = golden(case);
    let config = DecoderConfig::load(&dir).unwrap();
    config.load_weights(&dir, lora, device).unwrap()
}

pub fn ids(rows: &[&[i64]], device: &Device) -> Tensor<2, Int> {
    let length = rows[0].len();
    let flat: Vec<i64> = rows.iter().flat_map(|row| row.iter().copied()).collect();
    Tensor::from_data(TensorData::new(flat, [rows.len(), length]), device)
}

pub fn mask(rows: &[&[bool]], device: &Device) -> Tensor<2, Bool> {
    let length = rows[0].len();
    let flat: Vec<bool> = rows.iter().flat_map(|row| row.iter().copied()).collect();
    Tensor::from_data(TensorData::new(flat, [rows.len(), length]), device)
}

pub fn normal<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// The largest absolute difference; NaN counts as infinite.
pub fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |worst: f32, (x, y)| {
        let d = (x - y).abs();
        if d.is_nan() {
            f32::INFINITY
        } else {
            worst.max(d)
        }
    })
}

/// A configuration whose rotation is written down: GGUF files hold `llama3` as the
/// factors that come of it.
pub fn without_scaling(config: &DecoderConfig) -> DecoderConfig {
    DecoderConfig {
        rope_scaling: None,
        ..config.clone()
    }
}
