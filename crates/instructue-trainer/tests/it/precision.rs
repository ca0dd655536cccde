//! LoRA beside frozen weights in `bf16`.

use burn::tensor::{DType, Device};
use instructue_model::{InstructUe, Precision, parameters};
use instructue_trainer::{
    BatchConfig, CheckpointConfig, OptimizerConfig, Phase, TrainConfig, ValidationConfig,
    checkpoint,
};

use crate::common::data::{data, few};
use crate::common::run::{alone, config, lines, model, of, run, tensors};

fn supported() -> bool {
    Device::default().supports_dtype(DType::BF16)
}

fn bf16(model: InstructUe) -> InstructUe {
    model.with_precision(Precision::Bf16).unwrap()
}

#[test]
fn factors_learn_in_f32_and_the_rest_stays_bit_for_bit() {
    let _alone = alone();
    if !supported() {
        println!("skipped: the device does not compute in bf16");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let config = TrainConfig {
        steps: 90,
        optimizer: OptimizerConfig {
            learning_rate: 1e-2,
            ..config().optimizer
        },
        batch: BatchConfig {
            users_per_step: 6,
            instruction_dropout: 0.0,
            ..config().batch
        },
        validation: ValidationConfig {
            every: 0,
            ..config().validation
        },
        checkpoint: CheckpointConfig {
            every: 0,
            ..config().checkpoint
        },
        ..config()
    };
    let start = bf16(model(few(), Some(0.0), 3));
    let trained = run(
        few(),
        start.clone(),
        &config,
        dir.path(),
        false,
        &mut |_| {},
    );
    let trained = trained.unwrap().model;
    let lines = lines(dir.path());
    let losses: Vec<f64> = of(&lines, Phase::Train).iter().map(|m| m.loss).collect();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let (first, last) = (mean(&losses[..10]), mean(&losses[80..]));
    assert!(last < 0.8 * first, "{first} and then {last}");

    let (before, after) = (tensors(&start), tensors(&trained));
    let mut moved = 0;
    for parameter in parameters::parameters(trained.network()) {
        let (before, after) = (&before[&parameter.name], &after[&parameter.name]);
        if parameter.trainable {
            assert_eq!(after.dtype(), DType::F32, "{}", parameter.name);
            moved += usize::from(before.as_bytes() != after.as_bytes());
        } else {
            assert_eq!(before, after, "{}", parameter.name);
        }
    }
    assert!(moved > 30, "{moved} parameters moved");
    let table = &after["backbone.embed_tokens.weight"];
    assert_eq!(table.dtype(), DType::BF16);
}

#[test]
fn a_run_in_bf16_resumes_exactly() {
    let _alone = alone();
    if !supported() {
        println!("skipped: the device does not compute in bf16");
        return;
    }
    let start = |seed| bf16(model(data(), Some(0.1), seed));
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = run(
        data(),
        start(3),
        &config(),
        whole.path(),
        false,
        &mut |_| {},
    );
    let expected = expected.unwrap();
    crate::common::run::copy(whole.path(), parts.path());
    let checkpoints = checkpoint::list(&parts.path().join("checkpoints")).unwrap();
    let [.., before, last] = &checkpoints[..] else {
        panic!("two checkpoints, found {checkpoints:?}");
    };
    assert!(before.is_dir());
    std::fs::remove_dir_all(last).unwrap();
    let resumed = run(
        data(),
        start(99),
        &config(),
        parts.path(),
        true,
        &mut |_| {},
    );
    let resumed = resumed.unwrap();
    assert_eq!(resumed.steps, expected.steps);
    let (a, b) = (tensors(&expected.model), tensors(&resumed.model));
    assert!(a.keys().eq(b.keys()));
    for (name, expected) in &a {
        assert_eq!(expected, &b[name], "{name}");
    }
    assert_eq!(lines(whole.path()), lines(parts.path()));
}

#[test]
fn a_decoder_that_is_trained_itself_is_refused_in_bf16() {
    let _alone = alone();
    if !supported() {
        println!("skipped: the device does not compute in bf16");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let start = bf16(model(data(), None, 3));
    let error = run(data(), start, &config(), dir.path(), false, &mut |_| {});
    let error = error.unwrap_err().to_string();
    for part in ["precision", "bf16", "LoRA"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!dir.path().join("metrics.jsonl").exists(), "it began");
}
