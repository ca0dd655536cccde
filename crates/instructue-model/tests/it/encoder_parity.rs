//! What a real encoder's directory gives here, for `scripts/parity/sentences.py` to
//! compare with the reference. `cargo xtask parity` runs both.

use std::path::PathBuf;

use burn::tensor::Device;
use instructue_encoders::cache::CacheConfig;
use instructue_model::SentenceEncoder;
use instructue_schema::DataText;
use safetensors::tensor::{Dtype, TensorView};

#[test]
#[ignore = "writes what scripts/parity/sentences.py reads"]
fn a_real_encoder_and_its_vectors() {
    let named = |name| PathBuf::from(std::env::var_os(name).expect(name));
    let texts = std::fs::read_to_string(named("INSTRUCTUE_PARITY_TEXTS")).unwrap();
    let texts: Vec<String> = serde_json::from_str(&texts).unwrap();
    let texts: Vec<DataText> = texts.into_iter().map(DataText::from).collect();
    let dir = named("INSTRUCTUE_PARITY_ENCODER");
    let (cache, device) = (CacheConfig::default(), Device::default());
    let encoder = SentenceEncoder::open(dir, None, &cache, &device).unwrap();
    let vectors = encoder.encode(&texts).unwrap();

    let ids = texts.iter().enumerate().map(|(at, text)| {
        let ids = encoder.tokens(text);
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
        (format!("ids.{at}"), Dtype::U32, vec![ids.len()], bytes)
    });
    let bytes = vectors.values.iter().flat_map(|value| value.to_le_bytes());
    let shape = vec![texts.len(), vectors.columns];
    let vectors = ("vectors".to_owned(), Dtype::F32, shape, bytes.collect());
    let parts: Vec<_> = ids.chain([vectors]).collect();
    let views = parts.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).expect("sized");
        (name.clone(), view)
    });
    let out = named("INSTRUCTUE_PARITY_OUT").join("ours.safetensors");
    safetensors::serialize_to_file(views, None, &out).unwrap();
}
