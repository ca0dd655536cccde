//! Runs that are refused, and the messages.

use std::fs::{self, OpenOptions};
use std::path::Path;

use instructue_features::Row;
use instructue_trainer::{
    BatchConfig, Error, Event, LossConfig, OptimizerConfig, Result, TrainConfig, Trained,
    checkpoint, gradients,
};
use instructue_userqa::{Split, UserQaConfig, build};

use crate::common::data::data;
use crate::common::run::batches;
use crate::common::run::{alone, config, finished, lines, model, objectives, run, run_on, spoilt};

fn resumed(config: &TrainConfig, dir: &Path) -> Result<Trained> {
    run(
        data(),
        model(data(), None, 3),
        config,
        dir,
        true,
        &mut |_| {},
    )
}

#[test]
fn a_checkpoint_of_another_configuration_is_refused_by_key() {
    let _alone = alone();
    let dir = finished();
    let others = [
        (
            TrainConfig {
                seed: 8,
                ..config()
            },
            "seed",
            "7",
            "8",
        ),
        (
            TrainConfig {
                optimizer: OptimizerConfig {
                    learning_rate: 0.5,
                    ..config().optimizer
                },
                ..config()
            },
            "config.optimizer.learning_rate",
            "0.003",
            "0.5",
        ),
        (
            TrainConfig {
                loss: LossConfig {
                    contrastive: instructue_losses::ContrastiveConfig {
                        symmetric: true,
                        ..config().loss.contrastive
                    },
                    ..config().loss
                },
                ..config()
            },
            "config.loss.contrastive.symmetric",
            "false",
            "true",
        ),
    ];
    for (other, wanted, theirs, ours) in others {
        match resumed(&other, dir.path()).unwrap_err() {
            Error::OtherRun {
                path,
                key,
                expected,
                found,
            } => {
                assert!(path.ends_with("step-00000012"));
                assert_eq!((&*key, &*found, &*expected), (wanted, theirs, ours));
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn a_checkpoint_of_another_model_is_refused_by_key() {
    let _alone = alone();
    let dir = finished();
    let other = model(data(), Some(0.1), 3);
    let error = run(data(), other, &config(), dir.path(), true, &mut |_| {}).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("`model.backbone_lora` was null"),
        "{message}"
    );
}

#[test]
fn a_checkpoint_of_other_data_is_refused() {
    let _alone = alone();
    let dir = finished();
    let userqa = UserQaConfig {
        triples_per_user: 5,
        ..data().userqa.clone()
    };
    let path = dir.path().join("userqa");
    build(&data().store(), &userqa, &path, &mut |_| {}).unwrap();
    let other = data().open_at(&path, Split::Train).unwrap();
    let start = model(data(), None, 3);
    let error = run_on(
        (&other, None),
        start,
        &config(),
        dir.path(),
        true,
        &mut |_| {},
    );
    let error = error.unwrap_err();
    assert!(error.to_string().contains("`fingerprint`"), "{error}");
}

#[test]
fn a_torn_checkpoint_is_named_and_an_older_one_is_taken() {
    let _alone = alone();
    let original = finished();
    for name in ["model.safetensors", "optimizer.bpk", "manifest.json"] {
        let dir = finished();
        let at = |step: usize| dir.path().join(format!("checkpoints/step-{step:08}"));
        let tear = |step: usize| {
            let file = at(step).join(name);
            let half = fs::metadata(&file).unwrap().len() / 2;
            let file = OpenOptions::new().write(true).open(&file).unwrap();
            file.set_len(half).unwrap();
        };
        tear(12);
        let (mut damaged, mut resumed_at) = (Vec::new(), None);
        let mut watch = |event: Event<'_>| match event {
            Event::Damaged { path, reason } => damaged.push((path.to_path_buf(), reason)),
            Event::Resumed { step, .. } => resumed_at = Some(step),
            _ => {}
        };
        let start = model(data(), None, 99);
        let again = run(data(), start, &config(), dir.path(), true, &mut watch).unwrap();
        assert_eq!((again.steps, resumed_at), (12, Some(8)), "{name}");
        assert_eq!(damaged.len(), 1);
        assert_eq!(damaged[0].0, at(12));
        assert!(damaged[0].1.contains(name), "{damaged:?}");
        assert_eq!(lines(dir.path()), lines(original.path()), "{name}");
        // If no checkpoint is whole, the run does not silently start anew.
        for path in checkpoint::list(&dir.path().join("checkpoints")).unwrap() {
            let step = path.file_name().unwrap().to_str().unwrap();
            tear(step.trim_start_matches("step-").parse().unwrap());
        }
        let message = resumed(&config(), dir.path()).unwrap_err().to_string();
        assert!(message.contains(name), "{name}: {message}");
    }
}

#[test]
fn a_loss_that_is_no_number_stops_training_before_anything_is_saved() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let bad = spoilt(model(data(), None, 3), "head.outer.weight", f32::NAN);
    let error = run(data(), bad, &config(), dir.path(), false, &mut |_| {}).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::NonFiniteLoss { step: 0, loss, .. } if loss == "contrastive"
        ),
        "{error}"
    );
    assert!(!dir.path().join("checkpoints").exists() && !dir.path().join("best").exists());
}

#[test]
fn a_gradient_that_is_no_number_stops_training_before_anything_is_saved() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    // Huge states give huge but finite losses. Their gradients overflow.
    let bad = spoilt(model(data(), None, 3), "backbone.norm.gamma", 1e30);
    let error = run(data(), bad, &config(), dir.path(), false, &mut |_| {}).unwrap_err();
    match &error {
        Error::NonFiniteGradient { step: 0, parameter } => assert!(!parameter.is_empty()),
        error => panic!("{error}"),
    }
    assert!(!dir.path().join("checkpoints").exists() && !dir.path().join("best").exists());
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let bad = TrainConfig {
        batch: BatchConfig {
            gradient_accumulation_steps: 0,
            ..config().batch
        },
        ..config()
    };
    let error = run(
        data(),
        model(data(), None, 3),
        &bad,
        dir.path(),
        false,
        &mut |_| {},
    );
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("`batch.gradient_accumulation_steps`")
    );
    let names = fs::read_dir(dir.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), [".instructue-run"]);
}

#[test]
fn rows_that_cannot_be_trained_on_are_an_error_and_no_panic() {
    let _alone = alone();
    let model = model(data(), None, 3);
    assert!(gradients(&model, &[], &objectives(&config()), &config(), 0).is_err());
    let mut rows: Vec<Row> = batches(Split::Train, &config()).step(0).unwrap();
    rows[0].segments[0].answer.clear();
    let error = gradients(&model, &rows, &objectives(&config()), &config(), 0).unwrap_err();
    assert!(error.to_string().contains("without an answer"), "{error}");
}
