//! Equality with transformers: hidden states, logits and gradients of tiny
//! models (`scripts/golden/decoder.py`), read by the ordinary loader.

use crate::common::{CASES, distance, golden, load, values};
use burn::tensor::{Device, Int, Tensor, TensorData};
use instructue_backbone::DecoderInput;
use instructue_nn::attention::AttentionBias;
use safetensors::{Dtype, SafeTensors};

const TOLERANCE: f32 = 1e-4;

struct Golden {
    bytes: Vec<u8>,
}

impl Golden {
    fn open(case: &str) -> Self {
        let bytes = std::fs::read(golden(case).join("golden.safetensors")).unwrap();
        Self { bytes }
    }

    fn floats(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::F32);
        let (elements, _) = view.data().as_chunks::<4>();
        let values = elements.iter().map(|b| f32::from_le_bytes(*b)).collect();
        (values, view.shape().to_vec())
    }

    fn ints(&self, name: &str) -> Vec<i64> {
        let file = SafeTensors::deserialize(&self.bytes).unwrap();
        let view = file.tensor(name).unwrap();
        assert_eq!(view.dtype(), Dtype::I64);
        let (elements, _) = view.data().as_chunks::<8>();
        elements.iter().map(|b| i64::from_le_bytes(*b)).collect()
    }

    fn input(&self, device: &Device) -> (DecoderInput, Vec<bool>, [usize; 3]) {
        let (embeddings, shape) = self.floats("embeddings");
        let shape: [usize; 3] = shape.try_into().unwrap();
        let [batch, length, _] = shape;
        let tokens: Vec<bool> = self.ints("mask").into_iter().map(|m| m == 1).collect();
        let mask = TensorData::new(tokens.clone(), [batch, length]);
        let positions = TensorData::new(self.ints("positions"), [batch, length]);
        let input = DecoderInput {
            inputs: Tensor::from_data(TensorData::new(embeddings, shape), device),
            positions: Tensor::<2, Int>::from_data(positions, device),
            bias: AttentionBias::causal(Tensor::from_data(mask, device)),
        };
        (input, tokens, shape)
    }
}

/// Rows of `flat` (of the given width) where there is a token.
fn real(flat: &[f32], tokens: &[bool], width: usize) -> Vec<f32> {
    let rows = flat.chunks(width).zip(tokens);
    rows.filter(|(_, token)| **token)
        .flat_map(|(row, _)| row.iter().copied())
        .collect()
}

#[test]
fn hidden_states_and_logits_equal_transformers() {
    // Without autodiff the backend's own attention runs, with it ours: both.
    for device in [Device::default(), Device::default().autodiff()] {
        for case in CASES {
            let decoder = load(case, None, &device);
            let file = Golden::open(case);
            let (input, tokens, [batch, length, width]) = file.input(&device);
            let hidden = decoder.forward(input);
            let logits = decoder.logits(hidden.clone().reshape([batch * length, width]));
            let vocabulary = logits.dims()[1];

            let found = real(&values(hidden), &tokens, width);
            let expected = real(&file.floats("hidden").0, &tokens, width);
            let d = distance(&found, &expected);
            assert!(d <= TOLERANCE, "{case}: hidden states differ by {d}");

            let found = real(&values(logits), &tokens, vocabulary);
            let expected = real(&file.floats("logits").0, &tokens, vocabulary);
            let d = distance(&found, &expected);
            assert!(d <= TOLERANCE, "{case}: logits differ by {d}");
        }
    }
}

#[test]
fn embeddings_are_the_table_of_the_checkpoint() {
    let device = Device::default();
    for case in CASES {
        let file = Golden::open(case);
        let (embeddings, shape) = file.floats("embeddings");
        let ids = TensorData::new(file.ints("ids"), [shape[0], shape[1]]);
        let found = load(case, None, &device).embed(Tensor::from_data(ids, &device));
        assert_eq!(values(found), embeddings, "{case}");
    }
}

#[test]
fn gradients_of_the_embeddings_equal_transformers() {
    let device = Device::default().autodiff();
    for case in CASES {
        let decoder = load(case, None, &device);
        let file = Golden::open(case);
        let (mut input, tokens, [batch, length, width]) = file.input(&device);
        input.inputs = input.inputs.require_grad();
        let inputs = input.inputs.clone();

        // The loss of the script: a weighted sum of the real hidden states plus
        // the mean square of their logits.
        let rows: Vec<i64> = (0..tokens.len() as i64)
            .filter(|i| tokens[*i as usize])
            .collect();
        let count = rows.len();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &device);
        let hidden = decoder.forward(input).reshape([batch * length, width]);
        let hidden = hidden.select(0, rows);
        let step = 2.0 / (width - 1) as f32;
        let weights: Vec<f32> = (0..width).map(|i| -1.0 + step * i as f32).collect();
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [1, width]), &device);
        let loss = (hidden.clone() * weights).sum() + decoder.logits(hidden).square().mean();
        let d = distance(&values(loss.clone()), &file.floats("loss").0);
        assert!(d <= 1e-3, "{case}: losses differ by {d}");

        let gradients = loss.backward();
        let found = values(inputs.grad(&gradients).unwrap());
        let expected = file.floats("gradient").0;
        let scale = expected.iter().fold(0.0, |m: f32, x| m.max(x.abs()));
        let d = distance(&found, &expected);
        assert!(
            d <= 1e-4 * scale.max(1.0),
            "{case}: gradients of size {scale} differ by {d}"
        );
    }
}
