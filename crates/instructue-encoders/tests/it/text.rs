//! What must not change a text's vector, and what LoRA may change.

use crate::common;
use crate::common::{distance, golden, pad, tiny};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::prelude::*;
use burn::tensor::{Distribution, Gradients};
use instructue_encoders::{LoraConfig, Pooling, TextEncoder};
use instructue_nn::checkpoint::write_safetensors;

const BOTH: [Pooling; 2] = [Pooling::Cls, Pooling::Mean];

fn encoder(pooling: Pooling, lora: Option<&LoraConfig>, device: &Device) -> TextEncoder {
    let dir = golden().join("bert");
    tiny().load_weights(dir, pooling, lora, device).unwrap()
}

fn texts() -> Vec<Vec<u32>> {
    vec![
        vec![5, 9, 33, 2],
        vec![7],
        vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        vec![40, 41],
    ]
}

#[test]
fn neighbours_and_padding_change_no_vector() {
    for device in [Device::default(), Device::default().autodiff()] {
        for pooling in BOTH {
            let encoder = encoder(pooling, None, &device);
            let batch = encoder.batch(&texts(), &device).unwrap();
            let all = encoder.forward(batch.clone());
            let longer = encoder.forward(pad(batch, 5));
            assert!(distance(all.clone(), longer) <= 1e-5);
            for (row, text) in texts().iter().enumerate() {
                let alone = encoder.batch(&[text], &device).unwrap();
                let alone = encoder.forward(alone);
                assert!(distance(all.clone().narrow(0, row, 1), alone) <= 1e-5);
            }
        }
    }
}

#[test]
fn a_permutation_of_texts_permutes_the_vectors() {
    let device = Device::default();
    let encoder = encoder(Pooling::Cls, None, &device);
    let order = [2, 0, 3, 1];
    let shuffled: Vec<_> = order.iter().map(|&i| texts()[i].clone()).collect();
    let all = encoder.forward(encoder.batch(&texts(), &device).unwrap());
    let found = encoder.forward(encoder.batch(&shuffled, &device).unwrap());
    let order = Tensor::from_data(order.map(|i| i as i32), &device);
    assert!(distance(all.select(0, order), found) <= 1e-6);
}

#[test]
fn a_text_without_tokens_gives_zeros() {
    for device in [Device::default(), Device::default().autodiff()] {
        for pooling in BOTH {
            let encoder = encoder(pooling, None, &device);
            let batch = [vec![], vec![3, 4]];
            let batch = encoder.batch(&batch, &device).unwrap();
            let states = encoder.states(batch.clone()).into_data();
            let states: Vec<f32> = states.try_into_vec().unwrap();
            assert!(states.iter().all(|x| x.is_finite()));
            let found = encoder.forward(batch);
            let none = found.clone().narrow(0, 0, 1);
            assert_eq!(none.abs().max().into_scalar::<f32>(), 0.0);
            let alone = encoder.batch(&[vec![3, 4]], &device).unwrap();
            let alone = encoder.forward(alone);
            assert!(distance(found.narrow(0, 1, 1), alone) <= 1e-5);
        }
    }
}

/// Counts the parameters whose gradient is there and finite.
struct Finite<'a>(&'a Gradients, usize);

impl ModuleVisitor for Finite<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let grad = param.val().grad(self.0).expect("a gradient");
        self.1 += usize::from(grad.abs().sum().into_scalar::<f32>().is_finite());
    }
}

#[test]
fn normalized_vectors_have_length_one_and_finite_gradients() {
    let device = Device::default().autodiff();
    for pooling in BOTH {
        let plain = encoder(pooling, None, &device);
        let unit = plain.clone().with_normalized(true);
        assert!(unit.normalized() && !plain.normalized());
        // A text without tokens has no direction.
        let batch = unit.batch(&[vec![], vec![3, 4], vec![5]], &device).unwrap();
        let expected = plain.forward(batch.clone());
        let length = expected.clone().square().sum_dim(1).sqrt();
        let found = unit.forward(batch);
        let none = found.clone().narrow(0, 0, 1);
        assert_eq!(none.abs().max().into_scalar::<f32>(), 0.0);
        assert!(distance(found.clone() * length, expected) <= 1e-5);
        let lengths = found.clone().narrow(0, 1, 2).square().sum_dim(1);
        assert!(distance(lengths.clone(), Tensor::ones_like(&lengths)) <= 1e-5);

        let weights = Tensor::random([3, 32], Distribution::Normal(0.0, 1.0), &device);
        let gradients = (found * weights).sum().backward();
        let mut finite = Finite(&gradients, 0);
        unit.visit(&mut finite);
        assert_eq!(finite.1, unit.save_tensors().len());
    }
}

#[test]
fn empty_batches_have_no_rows_and_wordless_ones_zeros() {
    let device = Device::default();
    let encoder = encoder(Pooling::Cls, None, &device);
    let none: [Vec<u32>; 0] = [];
    let batch = encoder.batch(&none, &device).unwrap();
    assert_eq!(encoder.forward(batch).dims(), [0, 32]);
    let batch = encoder.batch(&[[0u32; 0], []], &device).unwrap();
    let found = encoder.forward(batch).into_data();
    assert_eq!(found, TensorData::zeros::<f32, _>([2, 32]));
}

#[test]
fn limits_are_named() {
    let device = Device::default();
    let encoder = encoder(Pooling::Cls, None, &device);
    assert!(encoder.batch(&[vec![1; 16]], &device).is_ok());
    let error = |texts: &[Vec<u32>]| encoder.batch(texts, &device).unwrap_err().to_string();
    assert_eq!(
        error(&[vec![1], vec![1; 17]]),
        "text 1 has 17 tokens, the encoder allows 16"
    );
    assert_eq!(
        error(&[vec![1, 64]]),
        "text 0, token 1: id 64 is outside the vocabulary of 64"
    );
}

#[test]
#[should_panic(expected = "rows of 17 tokens, the encoder allows 16")]
fn a_batch_made_by_hand_is_checked_too() {
    let device = Device::default();
    let encoder = encoder(Pooling::Cls, None, &device);
    let batch = encoder.batch(&[vec![1; 16]], &device).unwrap();
    encoder.forward(pad(batch, 1));
}

/// Makes every LoRA `B` non-zero: it is the only parameter that starts at zero
/// and is a matrix.
struct Disturb;

impl ModuleMapper for Disturb {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let zero = param.val().abs().max().into_scalar::<f32>() == 0.0;
        match D == 2 && zero {
            true => param.map(|b| {
                let moved = (b + 0.1).detach();
                match moved.is_autodiff() {
                    true => moved.require_grad(),
                    false => moved,
                }
            }),
            false => param,
        }
    }
}

#[test]
fn lora_changes_nothing_until_b_moves() {
    let device = Device::default();
    let config = LoraConfig::new().with_rank(4);
    for pooling in BOTH {
        let base = encoder(pooling, None, &device);
        let lora = encoder(pooling, Some(&config), &device);
        let batch = base.batch(&texts(), &device).unwrap();
        let (a, b) = (base.forward(batch.clone()), lora.forward(batch.clone()));
        assert_eq!(a.clone().into_data(), b.into_data());
        let moved = lora.map(&mut Disturb).forward(batch);
        assert!(distance(a, moved) > 1e-2);
    }
}

/// How many parameters of a module have a gradient other than zero, and how
/// many have none.
fn learning(encoder: &TextEncoder, device: &Device) -> (usize, usize) {
    struct Count<'a>(&'a Gradients, usize, usize);
    impl ModuleVisitor for Count<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            match param.val().grad(self.0) {
                Some(grad) => self.1 += usize::from(grad.abs().max().into_scalar::<f32>() > 0.0),
                None => self.2 += 1,
            }
        }
    }
    let batch = encoder.batch(&texts(), device).unwrap();
    let grads = encoder.forward(batch).powi_scalar(2).sum().backward();
    let mut count = Count(&grads, 0, 0);
    encoder.visit(&mut count);
    (count.1, count.2)
}

#[test]
fn with_lora_only_its_factors_learn() {
    let device = Device::default().autodiff();
    let config = LoraConfig::new().with_rank(4).with_dropout(0.0);
    // Three tables, a norm, and 16 tensors in each of two blocks.
    let base = 3 + 2 + 2 * 16;
    for pooling in BOTH {
        let plain = encoder(pooling, None, &device);
        let (learn, frozen) = learning(&plain, &device);
        // A key's bias shifts all scores of a query alike: its gradient is zero
        // but for rounding, in both blocks.
        assert!(learn >= base - 2 && frozen == 0, "{learn}, {frozen}");
        let lora = encoder(pooling, Some(&config), &device).map(&mut Disturb);
        // Two blocks, four maps each, two factors per map.
        assert_eq!(learning(&lora, &device), (16, base));
    }
}

#[test]
fn saved_and_loaded_is_equal_bit_by_bit() {
    let device = Device::default();
    let config = LoraConfig::new().with_rank(4);
    for lora in [None, Some(&config)] {
        let encoder = tiny().init(Pooling::Mean, lora, &device).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.safetensors");
        let saved = encoder.map(&mut Disturb).save_tensors();
        write_safetensors(&path, saved.clone(), None).unwrap();
        std::fs::write(dir.path().join("config.json"), tiny().to_json()).unwrap();

        let loaded = instructue_encoders::BertConfig::load(dir.path())
            .unwrap()
            .load_weights(dir.path(), Pooling::Mean, lora, &device)
            .unwrap()
            .save_tensors();
        assert_eq!(saved.len(), loaded.len());
        for ((name, a), (other, b)) in saved.iter().zip(&loaded) {
            assert_eq!(name, other);
            assert_eq!(a, b, "{name}");
        }
    }
}

#[test]
fn saved_names_are_those_of_the_checkpoint() {
    let device = Device::default();
    let file = common::read(&golden().join("bert/model.safetensors"));
    let saved = encoder(Pooling::Cls, None, &device).save_tensors();
    let wanted = file.keys().filter(|name| !name.starts_with("pooler."));
    assert_eq!(saved.len(), wanted.clone().count());
    for name in wanted {
        let (_, data) = saved.iter().find(|(saved, _)| saved == name).unwrap();
        assert_eq!(data.as_bytes(), file[name].2, "{name}");
    }
}
