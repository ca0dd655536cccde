//! What a real GGUF file gives here, for `scripts/parity/gguf_*.py` to compare
//! with the references. `cargo xtask parity` runs both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Int, Tensor, TensorData};
use instructue_backbone::{Decoder, DecoderConfig, DecoderInput};
use instructue_gguf::Gguf;
use instructue_nn::attention::AttentionBias;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

/// Token ids, the logits of the last token and the best token at each place.
struct Seen {
    ids: Vec<u32>,
    last: Vec<f32>,
    best: Vec<u32>,
}

fn read(decoder: &Decoder, ids: &[u32]) -> Seen {
    let device = Device::default();
    let length = ids.len();
    let ints = |values: Vec<i64>| {
        Tensor::<2, Int>::from_data(TensorData::new(values, [1, length]), &device)
    };
    let causal = (0..length).flat_map(|query| (0..length).map(move |key| key <= query));
    let bias = AttentionBias::from_host(causal.collect(), [1, length, length], &device);
    let states = decoder.forward(DecoderInput {
        inputs: decoder.embed(ints(ids.iter().map(|&id| i64::from(id)).collect())),
        positions: ints((0..length as i64).collect()),
        bias: bias.expect("square"),
    });
    let [_, _, width] = states.dims();
    let logits = decoder.logits(states.reshape([length, width]));
    let [_, vocabulary] = logits.dims();
    let values = logits.into_data().try_to_vec::<f32>().expect("f32");
    let rows = values.chunks(vocabulary);
    let best = rows.clone().map(|row| {
        let better = |a: &usize, b: &usize| row[*a].total_cmp(&row[*b]).then(b.cmp(a));
        (0..vocabulary).max_by(better).expect("a vocabulary") as u32
    });
    Seen {
        ids: ids.to_vec(),
        best: best.collect(),
        last: rows.last().expect("a token").to_vec(),
    }
}

fn bytes<T: Copy, const N: usize>(values: &[T], of: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| of(value)).collect()
}

fn named(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(name).expect(name))
}

#[test]
#[ignore = "writes what scripts/parity/gguf_tensors.py and gguf_tokenizer.py read"]
fn a_real_files_tensors_and_ids() {
    let mut gguf = Gguf::open(&named("INSTRUCTUE_PARITY_GGUF")).unwrap();
    let out = named("INSTRUCTUE_PARITY_OUT");
    let json = gguf.tokenizer().unwrap().json;
    let tokenizer = Tokenizer::from_bytes(json).unwrap();
    let texts = std::fs::read_to_string(named("INSTRUCTUE_PARITY_TEXTS")).unwrap();
    let texts: Vec<String> = serde_json::from_str(&texts).unwrap();
    let ids: Vec<Vec<u32>> = texts
        .iter()
        .map(|text| {
            tokenizer
                .encode(text.as_str(), false)
                .unwrap()
                .get_ids()
                .to_vec()
        })
        .collect();
    std::fs::write(out.join("ids.json"), serde_json::to_vec(&ids).unwrap()).unwrap();

    // The values are gigabytes; their digests say the same.
    let shapes: Vec<(String, Vec<usize>)> = gguf
        .tensors()
        .iter()
        .map(|(name, info)| (name.clone(), info.shape.clone()))
        .collect();
    let mut digests = BTreeMap::new();
    for (name, shape) in shapes {
        let mut digest = Sha256::new();
        for values in gguf.read(&name, &shape).unwrap().chunks(1 << 16) {
            digest.update(bytes(values, f32::to_le_bytes));
        }
        digests.insert(name, (shape, format!("{:x}", digest.finalize())));
    }
    let digests = serde_json::to_vec(&digests).unwrap();
    std::fs::write(out.join("digests.json"), digests).unwrap();
}

#[test]
#[ignore = "writes what scripts/parity/gguf_model.py reads"]
fn a_real_file_and_what_it_says() {
    let file = named("INSTRUCTUE_PARITY_GGUF");
    let prompts = named("INSTRUCTUE_PARITY_PROMPTS");
    let out = named("INSTRUCTUE_PARITY_OUT");
    let mut gguf = Gguf::open(&file).unwrap();
    let tokenizer = gguf.tokenizer().unwrap();
    tokenizer.save(&out).unwrap();
    let tokenizer = Tokenizer::from_file(out.join("tokenizer.json")).unwrap();
    let config = DecoderConfig::from_gguf(&mut gguf).unwrap();
    let decoder = config
        .load_gguf(&mut gguf, None, &Device::default())
        .unwrap();
    let texts: Vec<String> =
        serde_json::from_str(&std::fs::read_to_string(prompts).unwrap()).unwrap();
    let mut parts: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
    for (place, text) in texts.iter().enumerate() {
        let encoding = tokenizer.encode(text.as_str(), false).unwrap();
        let seen = read(&decoder, encoding.get_ids());
        let count = seen.ids.len();
        let mut add = |name: &str, dtype, shape, bytes| {
            parts.insert(format!("{name}.{place}"), (dtype, shape, bytes));
        };
        add(
            "ids",
            Dtype::U32,
            vec![count],
            bytes(&seen.ids, u32::to_le_bytes),
        );
        add(
            "best",
            Dtype::U32,
            vec![count],
            bytes(&seen.best, u32::to_le_bytes),
        );
        let width = seen.last.len();
        add(
            "last",
            Dtype::F32,
            vec![width],
            bytes(&seen.last, f32::to_le_bytes),
        );
    }
    write(&parts, &out.join("ours.safetensors"));
}

fn write(parts: &BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>, path: &Path) {
    let views = parts.iter().map(|(name, (dtype, shape, bytes))| {
        (
            name,
            TensorView::new(*dtype, shape.clone(), bytes).expect("sized"),
        )
    });
    safetensors::serialize_to_file(views, None, path).expect("written");
}
