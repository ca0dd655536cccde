//! What must hold whatever the weights: causality, independence of padding and
//! batch, and LoRA that starts as nothing.

use crate::common::{CASES, distance, ids, load, mask, normal, small, values};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use instructue_backbone::{AttentionBias, DecoderInput, LoraConfig};
use instructue_nn::lora::{LoraLinear, set_dropout};

const T: bool = true;
const F: bool = false;

/// Hidden states of the tokens of one row.
fn states(hidden: &Tensor<3>, row: usize, from: usize, count: usize) -> Vec<f32> {
    values(hidden.clone().narrow(0, row, 1).narrow(1, from, count))
}

#[test]
fn padding_and_company_change_nothing() {
    for device in [Device::default(), Device::default().autodiff()] {
        let decoder = load("qwen2_tied", None, &device);
        let run = |rows: &[&[i64]], tokens: &[&[bool]]| {
            let inputs = decoder.embed(ids(rows, &device));
            decoder.forward(DecoderInput::causal(inputs, mask(tokens, &device)))
        };
        let alone = states(&run(&[&[5, 9, 11]], &[&[T, T, T]]), 0, 0, 3);
        let both = run(
            &[&[5, 9, 11, 60, 61], &[62, 63, 5, 9, 11], &[1, 2, 3, 4, 5]],
            &[&[T, T, T, F, F], &[F, F, T, T, T], &[T, T, T, T, T]],
        );
        let right = distance(&alone, &states(&both, 0, 0, 3));
        let left = distance(&alone, &states(&both, 1, 2, 3));
        assert!(right <= 1e-5, "right padding changes states by {right}");
        assert!(left <= 1e-5, "left padding changes states by {left}");
    }
}

/// Inference takes a large batch in parts.
#[test]
fn rows_of_a_large_batch_are_those_of_small_ones() {
    const LENGTH: usize = 300;
    let device = Device::default();
    let decoder = load("qwen3_tied", None, &device);
    let inputs = normal([8, LENGTH, 32], &device);
    // The rows differ in padding, too: a part has to take its own mask.
    let tokens: Vec<Vec<bool>> = (0..8)
        .map(|row| (0..LENGTH).map(|at| at >= 20 * row).collect())
        .collect();
    let tokens: Vec<&[bool]> = tokens.iter().map(Vec::as_slice).collect();
    let all = decoder.forward(DecoderInput::causal(inputs.clone(), mask(&tokens, &device)));
    assert_eq!(all.dims(), [8, LENGTH, 32]);
    for (row, tokens) in tokens.iter().enumerate() {
        let inputs = inputs.clone().narrow(0, row, 1);
        let alone = decoder.forward(DecoderInput::causal(inputs, mask(&[tokens], &device)));
        let (first, count) = (20 * row, LENGTH - 20 * row);
        let alone = states(&alone, 0, first, count);
        let apart = distance(&alone, &states(&all, row, first, count));
        assert!(apart <= 1e-5, "row {row} differs by {apart}");
    }
}

/// Asking the last layer at some slots alone changes neither their states nor any gradient.
#[test]
fn states_at_chosen_slots_are_those_of_all() {
    let device = Device::default();
    for case in CASES {
        let decoder = load(case, None, &device.clone().autodiff());
        let rows = [[F, F, T, T, T, T], [T, T, T, T, T, F], [T, T, T, T, T, T]];
        let tokens: Vec<&[bool]> = rows.iter().map(|row| &row[..]).collect();
        let places = [[5, 2, 5], [0, 4, 3], [1, 5, 0]];
        let device = device.clone().autodiff();
        let inputs = normal([3, 6, 32], &device).detach();
        let weights = normal([3, 3, 32], &device).detach();
        let slots = Tensor::<2, Int>::from_data(places, &device);
        let run = |at: bool| {
            let inputs = inputs.clone().require_grad();
            let input = DecoderInput::causal(inputs.clone(), mask(&tokens, &device));
            let states = if at {
                decoder.forward_at(input, slots.clone())
            } else {
                let all = decoder.forward(input);
                let index = slots.clone().unsqueeze_dim::<3>(2).expand([3, 3, 32]);
                all.gather(1, index)
            };
            let gradients = (states.clone() * weights.clone()).sum().backward();
            let of = |gradient: Option<Tensor<2>>| values(gradient.unwrap());
            let layer = decoder.layers.last().unwrap();
            let of_weight = |map: &LoraLinear| of(map.linear.weight.val().grad(&gradients));
            [
                values(states),
                values(inputs.grad(&gradients).unwrap()),
                of_weight(&layer.self_attn.q_proj),
                of_weight(&layer.self_attn.k_proj),
                of_weight(&layer.mlp.down_proj),
            ]
        };
        for (found, expected) in run(true).into_iter().zip(run(false)) {
            let d = distance(&found, &expected);
            assert!(d <= 2e-5, "{case}: {d}");
        }
        // Without a graph, where a large batch is taken in parts.
        let decoder = load(case, None, &Device::default());
        let device = Device::default();
        let tokens = vec![vec![true; 300]; 8];
        let tokens: Vec<&[bool]> = tokens.iter().map(Vec::as_slice).collect();
        let inputs = normal([8, 300, 32], &device);
        let input = DecoderInput::causal(inputs, mask(&tokens, &device));
        let places: Vec<i64> = (0..16).map(|at| 299 - 17 * at).collect();
        let slots = Tensor::<2, Int>::from_data(TensorData::new(places, [8, 2]), &device);
        let found = values(decoder.forward_at(input.clone(), slots.clone()));
        let index = slots.unsqueeze_dim::<3>(2).expand([8, 2, 32]);
        let expected = values(decoder.forward(input).gather(1, index));
        let d = distance(&found, &expected);
        assert!(d <= 1e-5, "{case}: {d} without a graph");
    }
}

#[test]
fn the_future_changes_nothing_at_all() {
    for device in [Device::default(), Device::default().autodiff()] {
        // The longest takes the backend's tiled path.
        for length in [6, 70, 400] {
            let decoder = load("llama_tied", None, &device);
            let tokens = vec![true; length];
            let inputs = normal([1, length, 32], &device);
            let changed = Tensor::cat(
                vec![
                    inputs.clone().narrow(1, 0, length - 2),
                    normal([1, 2, 32], &device) * 50.0,
                ],
                1,
            );
            let run = |inputs| {
                let input = DecoderInput::causal(inputs, mask(&[&tokens], &device));
                decoder.forward(input)
            };
            let before = states(&run(inputs), 0, 0, length - 2);
            let after = states(&run(changed), 0, 0, length - 2);
            assert_eq!(before, after);
        }
    }
}

#[test]
fn a_row_without_tokens_is_finite() {
    for device in [Device::default(), Device::default().autodiff()] {
        let decoder = load("qwen2_tied", None, &device);
        let mut inputs = normal([2, 4, 32], &device);
        if device.is_autodiff() {
            inputs = inputs.require_grad();
        }
        let tokens = mask(&[&[F, F, F, F], &[F, F, T, T]], &device);
        let hidden = decoder.forward(DecoderInput::causal(inputs.clone(), tokens));
        assert!(values(hidden.clone()).iter().all(|x| x.is_finite()));
        if device.is_autodiff() {
            let gradients = hidden.sum().backward();
            let gradient = values(inputs.grad(&gradients).unwrap());
            assert!(gradient.iter().all(|x| x.is_finite()));
        }
    }
}

/// One profile followed by two segments that cannot see each other, in one row,
/// equals two rows of one segment each.
#[test]
fn segments_of_one_row_equal_rows_of_their_own() {
    for device in [Device::default(), Device::default().autodiff()] {
        let decoder = load("llama_bias_untied", None, &device);
        let profile = normal([1, 3, 32], &device);
        let segments = [normal([1, 2, 32], &device), normal([1, 2, 32], &device)];

        // Which of [profile, segment 0, segment 1] a position belongs to.
        let part = [0, 0, 0, 1, 1, 2, 2];
        let allowed = (0..7)
            .flat_map(|q| (0..7).map(move |k| k <= q && (part[k] == 0 || part[k] == part[q])))
            .collect();
        let positions = TensorData::new(vec![0i64, 1, 2, 3, 4, 3, 4], [1, 7]);
        let packed = decoder.forward(DecoderInput {
            inputs: Tensor::cat(
                vec![profile.clone(), segments[0].clone(), segments[1].clone()],
                1,
            ),
            positions: Tensor::<2, Int>::from_data(positions, &device),
            bias: AttentionBias::from_host(allowed, [1, 7, 7], &device).unwrap(),
        });
        for (i, segment) in segments.into_iter().enumerate() {
            let inputs = Tensor::cat(vec![profile.clone(), segment], 1);
            let alone = decoder.forward(DecoderInput::causal(inputs, mask(&[&[T; 5]], &device)));
            let d = distance(&states(&alone, 0, 3, 2), &states(&packed, 0, 3 + 2 * i, 2));
            assert!(d <= 1e-5, "segment {i} differs by {d}");
        }
    }
}

#[test]
fn lora_starts_as_nothing_and_trains_alone() {
    let device = Device::default().autodiff();
    let lora = LoraConfig::new().with_rank(4);
    let base = load("qwen2_untied", None, &device);
    let adapted = load("qwen2_untied", Some(&lora), &device);
    let inputs = normal([1, 4, 32], &device);
    let tokens = mask(&[&[T; 4]], &device);
    let input = DecoderInput::causal(inputs, tokens);
    let expected = values(base.forward(input.clone()));
    // Dropout acts on the input of A, whose product with B is zero.
    let hidden = adapted.forward(input);
    assert_eq!(expected, values(hidden.clone()));

    let gradients = adapted.logits(hidden.reshape([4, 32])).sum().backward();
    assert!(adapted.embed_tokens.weight.val().grad(&gradients).is_none());
    assert!(adapted.norm.gamma.val().grad(&gradients).is_none());
    for layer in &adapted.layers {
        assert!(layer.input_layernorm.gamma.val().grad(&gradients).is_none());
        for map in [
            &layer.self_attn.q_proj,
            &layer.self_attn.o_proj,
            &layer.mlp.gate_proj,
            &layer.mlp.down_proj,
        ] {
            assert!(map.linear.weight.val().grad(&gradients).is_none());
            let b = &map.lora.as_ref().unwrap().b;
            let gradient = values(b.val().grad(&gradients).unwrap());
            assert!(gradient.iter().any(|g| *g != 0.0));
        }
    }
}

#[test]
fn every_parameter_has_a_gradient_without_lora() {
    let device = Device::default().autodiff();
    let decoder = small().init(None, &device).unwrap();
    let tokens = mask(&[&[T; 4]], &device);
    let inputs = decoder.embed(ids(&[&[1, 2, 3, 4]], &device));
    let hidden = decoder.forward(DecoderInput::causal(inputs, tokens));
    let loss = decoder.logits(hidden.reshape([4, 32])).square().sum();
    let gradients = burn::optim::GradientsParams::from_grads(loss.backward(), &decoder);
    // Table, final norm; per layer two norms, seven weights, three biases.
    assert_eq!(gradients.len(), 2 + 2 * (2 + 7 + 3));
}

#[test]
fn without_autodiff_a_model_with_dropout_is_deterministic() {
    let device = Device::default().autodiff();
    let lora = LoraConfig::new().with_rank(4).with_dropout(0.5);
    let mut decoder = small().init(Some(&lora), &device).unwrap();
    for layer in &mut decoder.layers {
        let b = &mut layer.self_attn.q_proj.lora.as_mut().unwrap().b;
        *b = b.clone().map(|b| b.ones_like());
    }
    let inputs = normal([1, 4, 32], &device);
    let input = DecoderInput::causal(inputs, mask(&[&[T; 4]], &device));
    let run = |decoder: &instructue_backbone::Decoder, input: &DecoderInput| {
        values(decoder.forward(input.clone()))
    };
    assert_ne!(run(&decoder, &input), run(&decoder, &input));

    let still = set_dropout(decoder.clone(), false);
    let expected = run(&still, &input);
    assert_eq!(expected, run(&still, &input));

    let plain = DecoderInput {
        inputs: input.inputs.clone().inner(),
        positions: input.positions.clone().inner(),
        bias: input.bias.clone(),
    };
    let valid = decoder.valid();
    assert_eq!(run(&valid, &plain), run(&valid, &plain));
    let d = distance(&expected, &run(&valid, &plain));
    assert!(d <= 1e-5, "training and inference differ by {d}");
    let d = distance(&expected, &run(&valid.merge().unwrap(), &plain));
    assert!(d <= 1e-5, "merging LoRA changes states by {d}");
}
