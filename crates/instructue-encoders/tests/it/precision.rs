//! Encoders in half precision, from files and in them.

use crate::common::{golden, tiny};
use burn::prelude::*;
use burn::tensor::DType;
use instructue_encoders::{EncoderCheckpoint, LoraConfig, Pooling, Precision, TextEncoder};

/// Those that the device can compute in; the others it has to refuse.
fn half(device: &Device) -> Vec<Precision> {
    let (has, lacks): (Vec<_>, Vec<_>) = [Precision::Bf16, Precision::F16]
        .into_iter()
        .partition(|precision| device.supports_dtype(precision.dtype()));
    for precision in lacks {
        let config = tiny().with_precision(precision);
        let error = config.init(Pooling::Mean, None, device).unwrap_err();
        let said = format!("cannot compute in {precision}; it can in f32");
        assert!(error.to_string().contains(&said), "{error}");
    }
    has
}

fn tensors(encoder: &TextEncoder) -> Vec<(String, TensorData)> {
    encoder.save_tensors()
}

#[test]
fn a_file_comes_in_the_precision_asked_for_as_if_cast_afterwards() {
    let device = Device::default();
    let dir = golden().join("bert");
    for precision in half(&device) {
        let wide = tiny()
            .load_weights(&dir, Pooling::Cls, None, &device)
            .unwrap();
        let cast = wide.clone().with_precision(precision).unwrap();
        let config = tiny().with_precision(precision);
        let read = config
            .load_weights(&dir, Pooling::Cls, None, &device)
            .unwrap();
        let checkpoint = EncoderCheckpoint::open(&dir, Some(Pooling::Cls)).unwrap();
        let listed = checkpoint
            .with_precision(precision)
            .load(None, &device)
            .unwrap();
        for encoder in [read, listed] {
            assert_eq!(encoder.precision(), precision);
            assert_eq!(encoder.digest(), cast.digest());
            let (a, b) = (tensors(&cast), tensors(&encoder));
            assert_eq!(a.len(), b.len());
            for ((a, x), (b, y)) in a.iter().zip(&b) {
                assert_eq!((a, x.dtype()), (b, y.dtype()));
                let norm = a.contains("LayerNorm");
                assert_eq!(x.dtype() == DType::F32, norm, "{a}");
                assert_eq!(x.as_bytes(), y.as_bytes(), "{a}");
            }
        }
        assert_ne!(wide.digest(), cast.digest());
    }
}

#[test]
fn factors_of_lora_stay_f32_and_merge_into_the_weights() {
    let device = Device::default();
    let dir = golden().join("bert");
    let lora = LoraConfig::new().with_rank(2);
    for precision in half(&device) {
        let config = tiny().with_precision(precision);
        let encoder = config.load_weights(&dir, Pooling::Mean, Some(&lora), &device);
        let encoder = encoder.unwrap();
        let factors = tensors(&encoder);
        let factors = factors.iter().filter(|(name, _)| name.contains("lora_"));
        let mut count = 0;
        for (name, data) in factors {
            assert_eq!(data.dtype(), DType::F32, "{name}");
            count += 1;
        }
        assert!(count > 0);
        let merged = encoder.merge().unwrap();
        let query = "encoder.layer.0.attention.self.query.weight";
        let merged = tensors(&merged);
        let (_, weight) = merged.iter().find(|(name, _)| name == query).unwrap();
        assert_eq!(weight.dtype(), precision.dtype());
    }
}
