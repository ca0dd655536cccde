//! Decoders in half precision: near those in `f32`, from every kind of file,
//! with a cache of half the size, and back.

use crate::common;
use std::fs;

use crate::common::{CASES, golden, ids, load, mask, normal, values};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Device, Tensor};
use instructue_backbone::{
    Chunk, Decoder, DecoderConfig, DecoderInput, LoraConfig, ModelType, Precision,
};
use instructue_nn::checkpoint::{CONFIG, WEIGHTS, write_safetensors};
use tempfile::TempDir;

/// Those that the device can compute in; the others it has to refuse.
fn half(device: &Device) -> Vec<Precision> {
    let (has, lacks): (Vec<_>, Vec<_>) = [Precision::Bf16, Precision::F16]
        .into_iter()
        .partition(|precision| device.supports_dtype(precision.dtype()));
    for precision in lacks {
        let config = common::small().with_precision(precision);
        let error = config.init(None, device).unwrap_err().to_string();
        let said = format!("cannot compute in {precision}; it can in f32");
        assert!(error.contains(&said), "{error}");
        let decoder = common::small().init(None, device).unwrap();
        let error = decoder.with_precision(precision).unwrap_err().to_string();
        assert!(error.contains(&said), "{error}");
    }
    has
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Wide and deep enough that rounding adds up.
fn deep(model_type: ModelType) -> DecoderConfig {
    DecoderConfig {
        vocab_size: 120,
        hidden_size: 96,
        intermediate_size: 160,
        num_hidden_layers: 8,
        num_attention_heads: 6,
        num_key_value_heads: 2,
        head_dim: Some(16),
        initializer_range: 0.1,
        ..DecoderConfig::new(model_type)
    }
}

const TYPES: [ModelType; 3] = [ModelType::Qwen2, ModelType::Qwen3, ModelType::Llama];

/// The states of rows of embeddings without padding.
fn states(decoder: &Decoder, inputs: Tensor<3>) -> Tensor<3> {
    let [rows, length, _] = inputs.dims();
    let row = vec![true; length];
    let tokens = mask(&vec![&row[..]; rows], &inputs.device());
    decoder.forward(DecoderInput::causal(inputs, tokens))
}

/// The smallest cosine over rows of `width`.
fn nearest(a: &[f32], b: &[f32], width: usize) -> f64 {
    assert_eq!(a.len(), b.len());
    let rows = a.chunks(width).zip(b.chunks(width));
    rows.map(|(a, b)| cosine(a, b)).fold(1.0, f64::min)
}

/// Bytes of all parameters.
fn bytes<M: Module>(module: &M) -> usize {
    struct Sum(usize);
    impl ModuleVisitor for Sum {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = param.val();
            self.0 += tensor.shape().num_elements() * tensor.dtype().size();
        }
    }
    let mut sum = Sum(0);
    module.visit(&mut sum);
    sum.0
}

#[test]
fn states_are_near_those_of_f32_and_the_weights_half_as_large() {
    let device = Device::default();
    for precision in half(&device) {
        for model_type in TYPES {
            device.seed(5);
            let config = deep(model_type);
            let lora = LoraConfig::new().with_rank(4);
            let wide = config.init(Some(&lora), &device).unwrap();
            let narrow = wide.clone().with_precision(precision).unwrap();
            assert_eq!(narrow.precision(), precision);

            let tokens: Vec<i64> = (0..75).map(|i| i * 37 % 120).collect();
            let tokens = ids(&[&tokens], &device);
            let [a, b] = [&wide, &narrow].map(|d| states(d, d.embed(tokens.clone())));
            assert_eq!(b.dtype(), DType::F32);
            let width = config.hidden_size;
            let scores = [(&wide, a.clone()), (&narrow, b.clone())].map(|(decoder, states)| {
                let scores = decoder.logits(states.reshape([75, width]));
                assert_eq!(scores.dtype(), DType::F32);
                values(scores)
            });
            let near = nearest(&values(a), &values(b), width);
            assert!(
                near > 0.999 && near < 1.0,
                "{model_type:?} {precision}: {near}"
            );
            let near = nearest(&scores[0], &scores[1], config.vocab_size);
            assert!(near > 0.999, "scores, {model_type:?} {precision}: {near}");

            // All but norms and factors.
            let (before, after) = (bytes(&wide), bytes(&narrow));
            let factors: usize = wide
                .lora_tensors()
                .iter()
                .map(|(_, data)| data.as_bytes().len())
                .sum();
            let share = (after - factors) as f64 / (before - factors) as f64;
            assert!(share < 0.51, "{share}");
        }
    }
}

#[test]
fn a_cached_prefix_gives_what_full_passes_give() {
    let device = Device::default();
    for precision in half(&device) {
        let mut random = 11_usize;
        let mut between = |from: usize, to: usize| {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            from + (random >> 33) % (to - from + 1)
        };
        for (number, model_type) in TYPES.into_iter().cycle().take(9).enumerate() {
            device.seed(number as u64);
            let config = deep(model_type).with_precision(precision);
            let decoder = config.init(None, &device).unwrap();
            let width = config.hidden_size;
            let prefix = normal([between(1, 90), width], &device);
            let (mut cache, _) = decoder.prefill(Chunk::new(prefix.clone().unsqueeze()));
            let count = between(1, 6);
            let lanes: Vec<Tensor<2>> = (0..count)
                .map(|_| normal([between(1, 12), width], &device))
                .collect();
            let longest = lanes.iter().map(|lane| lane.dims()[0]).max().unwrap();
            let mut marks = Vec::new();
            let rows = lanes.iter().map(|lane| {
                let length = lane.dims()[0];
                marks.extend((0..longest).map(|slot| slot < length));
                let padding = Tensor::zeros([longest - length, width], &device);
                Tensor::cat(vec![lane.clone(), padding], 0)
            });
            let chunk = Tensor::stack(rows.collect(), 0);
            cache = cache.fork(count);
            let found = decoder.append(&mut cache, Chunk::new(chunk).with_tokens(marks));
            assert_eq!(found.dtype(), DType::F32);
            for (place, lane) in lanes.into_iter().enumerate() {
                let (before, length) = (prefix.dims()[0], lane.dims()[0]);
                let whole = Tensor::cat(vec![prefix.clone(), lane], 0).unsqueeze::<3>();
                let whole = states(&decoder, whole).narrow(1, before, length);
                let lane = found.clone().narrow(0, place, 1).narrow(1, 0, length);
                let near = nearest(&values(lane), &values(whole), width);
                assert!(near >= 0.9999, "{number} {precision} lane {place}: {near}");
            }
        }
    }
}

#[test]
fn keys_and_values_take_half_the_memory() {
    let device = Device::default();
    for precision in half(&device) {
        let sizes = [Precision::F32, precision].map(|precision| {
            let config = deep(ModelType::Qwen2).with_precision(precision);
            let decoder = config.init(None, &device).unwrap();
            let chunk = Chunk::new(normal([2, 7, config.hidden_size], &device));
            let (mut cache, _) = decoder.prefill(chunk);
            let more = Chunk::new(normal([2, 1, config.hidden_size], &device));
            decoder.append(&mut cache, more);
            cache.bytes()
        });
        assert_eq!(sizes[0], 2 * sizes[1]);
    }
}

#[test]
fn files_come_in_the_precision_asked_for_as_if_cast_afterwards() {
    let device = Device::default();
    for precision in half(&device) {
        for case in CASES {
            let expected = load(case, None, &device).with_precision(precision).unwrap();
            let config = DecoderConfig::load(&golden(case)).unwrap();
            assert_eq!(config.precision, Precision::F32);
            let config = config.with_precision(precision);
            let read = config.load_weights(&golden(case), None, &device).unwrap();
            let gguf = golden("gguf").join(format!("{case}.gguf"));
            let mut gguf = instructue_backbone::Gguf::open(&gguf).unwrap();
            let config = DecoderConfig::from_gguf(&mut gguf).unwrap();
            let config = config.with_precision(precision);
            let quantised = config.load_gguf(&mut gguf, None, &device).unwrap();
            for decoder in [read, quantised] {
                assert_eq!(decoder.precision(), precision);
                let pairs = expected.save_tensors().into_iter();
                for ((a, x), (b, y)) in pairs.zip(decoder.save_tensors()) {
                    assert_eq!((&a, x.dtype()), (&b, y.dtype()));
                    let norm = a.contains("norm");
                    assert_eq!(x.dtype() == DType::F32, norm, "{case}: {a}");
                    assert_eq!(x.as_bytes(), y.as_bytes(), "{case}: {a}");
                }
            }
        }
    }
}

#[test]
fn what_was_saved_in_half_precision_is_read_bit_for_bit() {
    let device = Device::default();
    for precision in half(&device) {
        device.seed(3);
        let config = deep(ModelType::Qwen3).with_precision(precision);
        let decoder = config.init(None, &device).unwrap();
        let dir = TempDir::new().unwrap();
        decoder.save_weights(&dir.path().join(WEIGHTS)).unwrap();
        let json = serde_json::to_string(decoder.config()).unwrap();
        let name = match precision {
            Precision::Bf16 => "\"torch_dtype\":\"bfloat16\"",
            _ => "\"torch_dtype\":\"float16\"",
        };
        assert!(json.contains(name), "{json}");
        fs::write(dir.path().join(CONFIG), json).unwrap();

        let bytes = fs::read(dir.path().join(WEIGHTS)).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let table = file.tensor("model.embed_tokens.weight").unwrap();
        assert_eq!(table.data().len(), 2 * 120 * 96);

        let config = DecoderConfig::load(dir.path()).unwrap();
        let wide = config.load_weights(dir.path(), None, &device).unwrap();
        let again = config.with_precision(precision);
        let again = again.load_weights(dir.path(), None, &device).unwrap();
        // Half precision fits into f32: there and back is the same.
        let cast = wide.with_precision(precision).unwrap();
        for other in [again, cast] {
            let pairs = decoder.save_tensors().into_iter().zip(other.save_tensors());
            for ((a, x), (b, y)) in pairs {
                assert_eq!((&a, x.dtype()), (&b, y.dtype()));
                assert_eq!(x.as_bytes(), y.as_bytes(), "{a}");
            }
        }
    }
}

#[test]
fn a_weight_that_f16_cannot_hold_is_named() {
    let device = Device::default();
    if !half(&device).contains(&Precision::F16) {
        println!("skipped: the device does not compute in f16");
        return;
    }
    let dir = TempDir::new().unwrap();
    let mut tensors = common::small().init(None, &device).unwrap().save_tensors();
    let name = "model.layers.1.mlp.up_proj.weight";
    let place = tensors.iter().position(|(other, _)| other == name).unwrap();
    let shape = tensors[place].1.shape().to_vec();
    let mut numbers: Vec<f32> = tensors[place].1.try_to_vec().unwrap();
    numbers[70] = -70_000.0;
    tensors[place].1 = burn::tensor::TensorData::new(numbers, shape);
    write_safetensors(&dir.path().join(WEIGHTS), tensors, None).unwrap();
    let config = common::small().with_precision(Precision::F16);
    let error = config.load_weights(dir.path(), None, &device).unwrap_err();
    let text = error.to_string();
    for part in [name, "-70000 at element 70", "f16"] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    // The others can.
    common::small()
        .load_weights(dir.path(), None, &device)
        .unwrap();
}

#[test]
fn factors_of_lora_train_in_f32_beside_weights_of_half_precision() {
    let device = Device::default();
    for precision in half(&device) {
        let device = device.clone().autodiff();
        device.seed(9);
        let lora = LoraConfig::new().with_rank(4).with_dropout(0.0);
        let wide = deep(ModelType::Qwen2).init(Some(&lora), &device).unwrap();
        // B starts at zero, which would hide a wrong gradient of A.
        let mut wide = wide;
        for layer in &mut wide.layers {
            let lora = layer.self_attn.q_proj.lora.as_mut().unwrap();
            lora.b = Param::from_tensor(normal([4, 96], &device) * 0.3);
        }
        let narrow = wide.clone().with_precision(precision).unwrap();
        let tokens = ids(&[&[5, 9, 3, 77, 2, 6], &[1, 8, 110, 4, 7, 30]], &device);
        let gradients = [&wide, &narrow].map(|decoder| {
            let states = states(decoder, decoder.embed(tokens.clone()));
            let gradients = states.slice([0..2, 5..6, 0..40]).sum().backward();
            let layer = &decoder.layers[2];
            assert!(
                layer
                    .self_attn
                    .q_proj
                    .linear
                    .weight
                    .grad(&gradients)
                    .is_none()
            );
            let lora = layer.self_attn.q_proj.lora.as_ref().unwrap();
            [&lora.a, &lora.b].map(|factor| {
                assert_eq!(factor.val().dtype(), DType::F32);
                let gradient = factor.grad(&gradients).unwrap();
                assert_eq!(gradient.dtype(), DType::F32);
                values(gradient)
            })
        });
        for (a, b) in gradients[0].iter().zip(&gradients[1]) {
            let near = cosine(a, b);
            assert!(near > 0.99, "{precision}: {near}");
        }
    }
}
