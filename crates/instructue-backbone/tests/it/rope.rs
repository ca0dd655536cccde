//! Scaled rotary positions: the frequencies that transformers computes for published
//! and made-up settings (`scripts/golden/rope.py`), and what is refused.

use std::fs;

use crate::common::{distance, golden, ids, load, small, values};
use burn::tensor::{Bool, Device, Tensor};
use instructue_backbone::{
    Decoder, DecoderConfig, DecoderInput, Llama3Scaling, RopeScaling, YarnScaling,
};
use safetensors::SafeTensors;
use serde_json::{Value, json};

fn floats(file: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let view = file.tensor(name).unwrap();
    let (elements, _) = view.data().as_chunks::<4>();
    elements.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// The largest difference relative to the expected value.
fn far(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected);
    pairs.map(|(a, b)| ((a - b) / b).abs()).fold(0.0, f32::max)
}

fn read(text: &str) -> Result<DecoderConfig, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn frequencies_are_those_of_transformers() {
    let bytes = fs::read(golden("rope/golden.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut cases = 0;
    for entry in fs::read_dir(golden("rope")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension() != Some("json".as_ref()) {
            continue;
        }
        let case = path.file_stem().unwrap().to_str().unwrap();
        let config = read(&fs::read_to_string(&path).unwrap()).unwrap();
        let rope = config.rope();
        // Theirs is a power in single precision.
        let expected = floats(&file, &format!("{case}.frequencies"));
        let far = far(&rope.frequencies, &expected);
        assert!(far < 2e-6, "{case}: {far}");
        let scale = floats(&file, &format!("{case}.scale"))[0];
        assert!((rope.scale - scale).abs() < 1e-6, "{case}: {}", rope.scale);

        // What is written says the same.
        let written = serde_json::to_string(&config).unwrap();
        assert_eq!(read(&written).unwrap(), config, "{case}");
        assert_eq!(read(&written).unwrap().rope(), rope, "{case}");
        cases += 1;
    }
    assert_eq!(cases, 12);
}

#[test]
fn factors_are_written_as_what_transformers_reads() {
    let config = DecoderConfig {
        rope_scaling: Some(RopeScaling::Factors(vec![1.0, 1.1, 7.3, 8.0])),
        ..small()
    };
    let written = serde_json::to_value(&config).unwrap();
    let scaling = &written["rope_scaling"];
    assert_eq!(scaling["rope_type"], "longrope");
    assert_eq!(scaling["short_factor"], scaling["long_factor"]);
    assert_eq!(read(&written.to_string()).unwrap(), config);
    let plain = small().rope().frequencies;
    let divided: Vec<f32> = plain
        .iter()
        .zip([1.0, 1.1, 7.3, 8.0])
        .map(|(f, by)| f / by)
        .collect();
    assert!(far(&config.rope().frequencies, &divided) < 1e-6);
}

#[test]
fn a_gguf_file_holds_the_scaling_as_factors() {
    let device = Device::default();
    let path = golden("gguf/llama_scaled.gguf");
    let decoder = Decoder::from_gguf(&path, None, &device).unwrap();
    let scaling = decoder.config().rope_scaling.clone();
    assert!(
        matches!(scaling, Some(RopeScaling::Factors(_))),
        "{scaling:?}"
    );
    let expected = load("llama_scaled", None, &device);
    let found = decoder.config().rope().frequencies;
    assert!(far(&found, &expected.config().rope().frequencies) < 1e-6);
    // Saved as a directory it is the same decoder.
    let config = read(&serde_json::to_string(decoder.config()).unwrap()).unwrap();
    assert_eq!(config.rope(), decoder.config().rope());

    let states = |decoder: &Decoder| {
        let tokens = Tensor::<2, Bool>::full([1, 40], true, &device);
        let row: Vec<i64> = (0..40).collect();
        values(decoder.forward(DecoderInput::causal(
            decoder.embed(ids(&[&row], &device)),
            tokens,
        )))
    };
    let d = distance(&states(&decoder), &states(&expected));
    assert!(d < 1e-4, "{d}");
}

#[test]
fn what_is_not_supported_is_refused_by_key() {
    let text = fs::read_to_string(golden("rope/llama_3_2.json")).unwrap();
    let with = |key: &str, value: Value| {
        let mut config: Value = serde_json::from_str(&text).unwrap();
        config[key] = value;
        read(&config.to_string()).unwrap_err()
    };
    let llama3 = |key: &str, value: Value| {
        let mut scaling = json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
        });
        scaling[key] = value;
        with("rope_scaling", scaling)
    };
    let yarn = |key: &str, value: Value| {
        let mut scaling = json!({"type": "yarn", "factor": 4.0});
        scaling[key] = value;
        with("rope_scaling", scaling)
    };
    for (message, parts) in [
        (
            llama3("rope_type", json!("dynamic")),
            ["rope_scaling.rope_type", "\"dynamic\""],
        ),
        (
            llama3("rope_type", json!(7)),
            ["rope_scaling.rope_type", "found 7"],
        ),
        (yarn("type", json!("su")), ["rope_scaling.type", "\"su\""]),
        (
            llama3("factor", Value::Null),
            ["rope_scaling.factor", "nothing"],
        ),
        (
            llama3("factor", json!("8")),
            ["rope_scaling.factor", "\"8\""],
        ),
        (llama3("factor", json!(0)), ["`factor`", "found 0"]),
        (llama3("factor", json!(-1e300)), ["`factor`", "positive"]),
        (
            llama3("low_freq_factor", json!(4)),
            ["high_freq_factor", "more than"],
        ),
        (
            llama3("original_max_position_embeddings", json!(0)),
            ["original_max_position_embeddings", "at least 1"],
        ),
        (
            llama3("original_max_position_embeddings", json!(-1)),
            ["rope_scaling.original_max_position_embeddings", "-1"],
        ),
        (
            llama3("partial_rotary_factor", json!(0.5)),
            ["partial_rotary_factor", "0.5"],
        ),
        (
            yarn("truncate", json!("no")),
            ["rope_scaling.truncate", "true or false"],
        ),
        (yarn("beta_slow", json!(33)), ["beta_fast", "at least"]),
        (
            yarn("attention_factor", json!(-1)),
            ["attention_factor", "-1"],
        ),
        (
            yarn("rope_theta", json!(1.0)),
            ["rope_theta", "more than 1"],
        ),
        (
            with("rope_scaling", json!([1])),
            ["rope_scaling", "an object"],
        ),
        (
            with(
                "rope_scaling",
                json!({"rope_type": "longrope", "factor": 4.0}),
            ),
            ["rope_scaling.short_factor", "a list of numbers"],
        ),
        (
            with(
                "rope_scaling",
                json!({"rope_type": "longrope", "short_factor": [1.0], "long_factor": [2.0]}),
            ),
            ["rope_scaling.long_factor", "the same"],
        ),
    ] {
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
        assert!(!message.contains('\n'), "{message}");
    }
    // Beside the whole, a file names the share of the head that turns.
    let message = with("partial_rotary_factor", json!(0.25));
    assert!(message.contains("partial_rotary_factor"), "{message}");
    // One setting for each kind of layer: none of these families has it.
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["rope_scaling"] = Value::Null;
    config["rope_parameters"] = json!({"full_attention": {"rope_type": "yarn"}});
    let message = read(&config.to_string()).unwrap_err();
    assert!(
        message.contains("rope_parameters.full_attention"),
        "{message}"
    );
}

#[test]
fn numbers_that_make_no_rotation_are_refused() {
    let yarn = YarnScaling {
        factor: 4.0,
        beta_fast: 32.0,
        beta_slow: 1.0,
        attention_factor: 1.0,
        original_max_position_embeddings: 64,
        truncate: true,
    };
    let llama3 = Llama3Scaling {
        factor: 8.0,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 64,
    };
    for scaling in [
        RopeScaling::Linear { factor: f64::NAN },
        RopeScaling::Linear { factor: 1e300 },
        RopeScaling::Yarn(YarnScaling {
            factor: 0.0,
            ..yarn
        }),
        RopeScaling::Yarn(YarnScaling {
            beta_slow: f64::INFINITY,
            ..yarn
        }),
        RopeScaling::Llama3(Llama3Scaling {
            low_freq_factor: 4.0,
            ..llama3
        }),
        RopeScaling::Llama3(Llama3Scaling {
            factor: -8.0,
            ..llama3
        }),
        RopeScaling::Factors(vec![1.0; 3]),
        RopeScaling::Factors(vec![1.0, 1.0, 0.0, 1.0]),
    ] {
        let config = DecoderConfig {
            rope_scaling: Some(scaling),
            ..small()
        };
        config.validate().unwrap_err();
    }
    // Whatever passes turns by finite angles.
    for original_max_position_embeddings in [1, 3, 64, usize::MAX] {
        for truncate in [true, false] {
            let scaling = YarnScaling {
                original_max_position_embeddings,
                truncate,
                ..yarn
            };
            let config = DecoderConfig {
                rope_scaling: Some(RopeScaling::Yarn(scaling)),
                ..small()
            };
            config.validate().unwrap();
            let frequencies = config.rope().frequencies;
            assert!(frequencies.iter().all(|f| f.is_finite() && *f > 0.0));
        }
    }
}
