//! Decoders from GGUF files: equal to those from the checkpoints that the files
//! were made of, and every way in which a file can be bad.

#[path = "../../../instructue-gguf/tests/it/common/writer.rs"]
mod writer;

use std::path::{Path, PathBuf};

use crate::common::{CASES, golden, load, small, values, without_scaling};
use burn::tensor::Device;
use instructue_backbone::{Decoder, DecoderConfig, Gguf, LoraConfig, ModelType, Result};
use tempfile::TempDir;
use writer::{BOOL, F32, STRING, Tensor, U32, Writer, string};

const F16: u32 = 1;
const FLOAT: u32 = 6;

fn file(case: &str) -> PathBuf {
    golden("gguf").join(format!("{case}.gguf"))
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn tensor(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
    Tensor {
        name: name.into(),
        axes: shape.iter().rev().map(|axis| *axis as u64).collect(),
        kind: F32,
        bytes: bytes(values),
        claimed_offset: None,
    }
}

/// The small decoder of the other tests, of type Qwen2, as a file.
fn good() -> Writer {
    let config = small();
    let decoder = config.init(None, &Device::default()).unwrap();
    let mut file = Writer::default()
        .key("general.architecture", STRING, string("qwen2"))
        .key(
            "qwen2.attention.layer_norm_rms_epsilon",
            FLOAT,
            1e-6_f32.to_le_bytes(),
        )
        .key("qwen2.rope.freq_base", FLOAT, 1e6_f32.to_le_bytes());
    for (key, size) in [
        ("block_count", config.num_hidden_layers),
        ("context_length", config.max_position_embeddings),
        ("embedding_length", config.hidden_size),
        ("feed_forward_length", config.intermediate_size),
        ("attention.head_count", config.num_attention_heads),
        ("attention.head_count_kv", config.num_key_value_heads),
    ] {
        file = file.key(&format!("qwen2.{key}"), U32, (size as u32).to_le_bytes());
    }
    for (name, data) in decoder.save_tensors() {
        let name = [
            ("model.embed_tokens", "token_embd"),
            ("model.norm", "output_norm"),
            ("model.layers.", "blk."),
            ("input_layernorm", "attn_norm"),
            ("post_attention_layernorm", "ffn_norm"),
            ("self_attn.o_proj", "attn_output"),
            ("self_attn.q_proj", "attn_q"),
            ("self_attn.k_proj", "attn_k"),
            ("self_attn.v_proj", "attn_v"),
            ("mlp.gate_proj", "ffn_gate"),
            ("mlp.up_proj", "ffn_up"),
            ("mlp.down_proj", "ffn_down"),
        ]
        .into_iter()
        .fold(name, |name, (ours, theirs)| name.replace(ours, theirs));
        let shape: Vec<usize> = data.shape().to_vec();
        file.tensors
            .push(tensor(&name, &shape, &data.try_to_vec::<f32>().unwrap()));
    }
    file
}

fn open(file: &Writer) -> Result<(DecoderConfig, Decoder)> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model.gguf");
    std::fs::write(&path, file.bytes()).unwrap();
    let mut file = Gguf::open(&path)?;
    let config = DecoderConfig::from_gguf(&mut file)?;
    let decoder = config.load_gguf(&mut file, None, &Device::default())?;
    Ok((config, decoder))
}

/// What loading says about a changed file, which it names.
fn refusal(change: impl FnOnce(&mut Writer)) -> String {
    let mut file = good();
    change(&mut file);
    let message = open(&file).unwrap_err().to_string();
    assert!(message.contains("model.gguf: "), "{message}");
    message
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

fn find<'a>(file: &'a mut Writer, name: &str) -> &'a mut Tensor {
    let tensors = &mut file.tensors;
    tensors
        .iter_mut()
        .find(|tensor| tensor.name == name)
        .unwrap()
}

/// The table of [`good`] and its values.
fn table(file: &Writer) -> (Tensor, Vec<f32>) {
    let table = file.tensors.iter().find(|t| t.name == "token_embd.weight");
    let table = table.unwrap().clone();
    let (elements, _) = table.bytes.as_chunks::<4>();
    let values = elements.iter().map(|x| f32::from_le_bytes(*x)).collect();
    (table, values)
}

#[test]
fn a_file_gives_the_checkpoint_it_was_made_of_bit_for_bit() {
    let device = Device::default();
    for case in CASES {
        let expected = load(case, None, &device);
        let decoder = Decoder::from_gguf(&file(case), None, &device).unwrap();
        // The scaling's form differs, see `rope.rs`.
        let [read, known] = [&decoder, &expected].map(|d| without_scaling(d.config()));
        assert_eq!(read.head_width(), known.head_width());
        // A head width that follows from the others is left out.
        let head_dim = known.head_dim;
        assert_eq!(DecoderConfig { head_dim, ..read }, known, "{case}");
        let (read, known) = (decoder.save_tensors(), expected.save_tensors());
        assert_eq!(read.len(), known.len());
        for ((a, x), (b, y)) in read.iter().zip(&known) {
            assert_eq!(a, b);
            assert_eq!(x.as_bytes(), y.as_bytes(), "{case}: {a}");
        }
    }
}

#[test]
fn quantised_tensors_are_read_into_their_places() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = path.join("../instructue-gguf/tests/golden/small.gguf");
    let lora = LoraConfig::new();
    let decoder = Decoder::from_gguf(&path, Some(&lora), &Device::default()).unwrap();
    assert!(decoder.has_lora());
    let config = decoder.config();
    assert_eq!(config.model_type, ModelType::Llama);
    assert_eq!((config.vocab_size, config.hidden_size), (272, 32));
    assert_eq!((config.rms_norm_eps, config.rope_theta), (1e-5, 1e5));
    assert!(config.tie_word_embeddings && !config.attention_bias);
    let mut file = Gguf::open(&path).unwrap();
    let query = file.read("blk.0.attn_q.weight", &[32, 32]).unwrap();
    let tensors = decoder.save_tensors();
    let read = |name: &str| {
        let data = tensors.iter().find(|t| t.0 == name).unwrap().1.clone();
        data.try_to_vec::<f32>().unwrap()
    };
    let down = file.read("blk.0.ffn_down.weight", &[32, 64]).unwrap();
    assert_eq!(read("model.layers.0.mlp.down_proj.weight"), down);
    // Heads of 8 rows; rows 2 and 3 of the file are a pair: one of each half.
    let rows = read("model.layers.0.self_attn.q_proj.weight");
    assert_eq!(rows[32..64], query[64..96]);
    assert_eq!(rows[5 * 32..6 * 32], query[96..128]);
}

#[test]
fn a_second_copy_of_the_table_is_told_from_a_head() {
    let good = good();
    let (stored, exact) = table(&good);
    let is_exact = |decoder: &Decoder| values(decoder.embed_tokens.weight.val()) == exact;
    // The table at half precision, its copy exact: tied, and the copy is taken.
    let mut file = good.clone();
    let halves = exact
        .iter()
        .flat_map(|x| half::f16::from_f32(*x).to_le_bytes());
    let coarse = find(&mut file, "token_embd.weight");
    (coarse.kind, coarse.bytes) = (F16, halves.collect());
    let mut copy = stored.clone();
    copy.name = "output.weight".into();
    file.tensors.push(copy);
    let (config, decoder) = open(&file).unwrap();
    assert!(config.tie_word_embeddings && decoder.lm_head.is_none());
    assert!(is_exact(&decoder));

    // The other way round the table itself is the finer one.
    let (last, coarse) = (
        file.tensors.len() - 1,
        find(&mut file, "token_embd.weight").clone(),
    );
    file.tensors[last].kind = coarse.kind;
    file.tensors[last].bytes = coarse.bytes;
    *find(&mut file, "token_embd.weight") = stored.clone();
    let (config, decoder) = open(&file).unwrap();
    assert!(config.tie_word_embeddings);
    assert!(is_exact(&decoder));

    // Another matrix is a head of its own.
    let mut file = good.clone();
    let other: Vec<f32> = exact.iter().rev().copied().collect();
    file.tensors
        .push(tensor("output.weight", &[40, 32], &other));
    let (config, decoder) = open(&file).unwrap();
    assert!(!config.tie_word_embeddings);
    assert!(is_exact(&decoder));
    let head = decoder.lm_head.unwrap().weight.val().transpose();
    assert!(values(head) == other);
}

#[test]
fn sizes_beyond_the_tensors_take_no_memory() {
    // Each would be more than any machine has.
    for key in ["embedding_length", "feed_forward_length"] {
        for size in [131_072_u32, u32::MAX] {
            let key = format!("qwen2.{key}");
            let message = refusal(|file| {
                file.keys.retain(|(name, _, _)| *name != key);
                file.keys
                    .push((key.clone(), U32, size.to_le_bytes().into()));
            });
            assert!(message.contains(&size.to_string()), "{message}");
        }
    }
}

#[test]
fn bad_tensors_are_named() {
    let message = refusal(|file| file.tensors.retain(|t| t.name != "blk.1.ffn_up.weight"));
    says(&message, &["`blk.1.ffn_up.weight` is missing"]);
    let message = refusal(|file| file.tensors.retain(|t| t.name != "token_embd.weight"));
    says(&message, &["`token_embd.weight` is missing"]);
    let message = refusal(|file| {
        file.tensors
            .push(tensor("blk.2.attn_norm.weight", &[2], &[0.0; 2]))
    });
    says(&message, &["blk.2.attn_norm.weight", "1 in all"]);
    let message = refusal(|file| find(file, "blk.0.attn_k.weight").axes = vec![16, 32]);
    says(&message, &["`blk.0.attn_k.weight`", "[16, 32]", "[32, 16]"]);
    for (bad, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let message = refusal(|file| {
            let mut values = [1.0; 32];
            values[7] = bad;
            find(file, "output_norm.weight").bytes = bytes(&values);
        });
        says(&message, &["`output_norm.weight`", shown, "element 7"]);
    }
}

#[test]
fn settings_are_refused_by_key() {
    let with = |key: &str, kind: u32, bytes: &[u8]| {
        refusal(|file| {
            file.keys.retain(|(name, _, _)| name != key);
            file.keys.push((key.into(), kind, bytes.to_vec()));
        })
    };
    let one = 1_u32.to_le_bytes();
    says(
        &with("general.architecture", STRING, &string("mamba")),
        &["`general.architecture`", "llama", "mamba"],
    );
    says(
        &with("qwen2.expert_count", U32, &one),
        &["expert_count`", "found 1"],
    );
    says(
        &with("qwen2.attention.sliding_window", U32, &one),
        &["sliding_window`", "found 1"],
    );
    says(
        &with("qwen2.rope.scaling.type", STRING, &string("longrope")),
        &["rope.scaling.type`", "linear or yarn", "longrope"],
    );
    says(
        &with("qwen2.rope.scaling.factor", FLOAT, &f32::NAN.to_le_bytes()),
        &["`factor`", "positive", "NaN"],
    );
    let yarn = |key: &str, value: f32| {
        refusal(|file| {
            let kind = "qwen2.rope.scaling.type";
            file.keys.push((kind.into(), STRING, string("yarn")));
            let key = format!("qwen2.rope.scaling.{key}");
            file.keys.push((key, FLOAT, value.to_le_bytes().into()));
        })
    };
    says(&yarn("attn_factor", 2.0), &["attn_factor`", "1", "found 2"]);
    says(&yarn("yarn_log_multiplier", 0.5), &["found 0.5"]);
    says(&yarn("yarn_beta_slow", 50.0), &["beta_fast", "50"]);
    says(
        &with("qwen2.rope.dimension_count", U32, &4_u32.to_le_bytes()),
        &["rope.dimension_count`", "8", "found 4"],
    );
    says(
        &with("qwen2.attention.causal", BOOL, &[0]),
        &["causal`", "true", "false"],
    );
    says(
        &with("qwen2.attention.head_count", FLOAT, &one),
        &["head_count`", "whole number", "f32"],
    );
    says(
        &with("qwen2.attention.head_count", U32, &3_u32.to_le_bytes()),
        &["num_attention_heads (3)", "found 2"],
    );
    says(
        &with("qwen2.block_count", U32, &u32::MAX.to_le_bytes()),
        &["num_hidden_layers", "4294967295"],
    );
    let message = refusal(|file| {
        for (key, width) in [("key", 8_u32), ("value", 4)] {
            let key = format!("qwen2.attention.{key}_length");
            file.keys.push((key, U32, width.to_le_bytes().into()));
        }
    });
    says(&message, &["value_length`", "8", "found 4"]);
    let message = refusal(|file| {
        file.tensors
            .push(tensor("rope_freqs.weight", &[5], &[1.0; 5]))
    });
    // All 1 would be fine; these are for heads of another width.
    says(&message, &["`rope_freqs.weight`", "[4]", "[5]"]);
    let message = refusal(|file| {
        file.tensors
            .push(tensor("rope_freqs.weight", &[4], &[1.0, 1.0, 0.0, 1.0]))
    });
    says(&message, &["factors", "positive", "found 0"]);
    let message = refusal(|file| {
        let factor = "qwen2.rope.scaling.factor";
        file.keys
            .push((factor.into(), FLOAT, 2_f32.to_le_bytes().into()));
        file.tensors
            .push(tensor("rope_freqs.weight", &[4], &[1.0, 2.0, 2.0, 2.0]))
    });
    says(&message, &["`rope_freqs.weight`", "Linear", "4 factors"]);
    for key in [
        "block_count",
        "embedding_length",
        "attention.layer_norm_rms_epsilon",
    ] {
        let key = format!("qwen2.{key}");
        let message = refusal(|file| file.keys.retain(|(name, _, _)| *name != key));
        says(&message, &[&key, "found nothing"]);
    }
    let message = refusal(|file| file.tensors.retain(|t| !t.name.ends_with("attn_q.bias")));
    says(&message, &["`blk.0.attn_q.bias` is missing"]);
}
