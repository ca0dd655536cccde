//! A killed run that is resumed ends where an uninterrupted one does.

use std::fs;

use instructue_trainer::{
    BatchConfig, CheckpointConfig, Event, OptimizerConfig, TrainConfig, ValidationConfig,
    checkpoint,
};

use crate::common::data::data;
use crate::common::run::{alone, config, copy, finished, killed_after, lines, model, run, tensors};

fn resumes_exactly(dropout: Option<f64>, config: &TrainConfig) {
    let (whole, parts) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let start = || model(data(), dropout, 3);
    let uninterrupted = run(data(), start(), config, whole.path(), false, &mut |_| {}).unwrap();
    killed_after(10, start(), config, parts.path());
    assert_eq!(lines(parts.path()).last().unwrap().step, 10);
    let mut resumed_at = None;
    // The model has other initial weights, so all of them must come from the checkpoint.
    let resumed = run(
        data(),
        model(data(), dropout, 99),
        config,
        parts.path(),
        true,
        &mut |e| {
            if let Event::Resumed { step, .. } = e {
                resumed_at = Some(step);
            }
        },
    )
    .unwrap();
    assert_eq!(resumed_at, Some(8));
    assert_eq!(lines(whole.path()), lines(parts.path()));
    let (whole, parts) = (tensors(&uninterrupted.model), tensors(&resumed.model));
    for (name, expected) in &whole {
        assert_eq!(expected, &parts[name], "{name}");
    }
    assert_eq!(uninterrupted.best, resumed.best);
    assert!(whole != tensors(&start()), "it did train");
}

#[test]
fn a_resumed_run_ends_bit_equal_to_an_uninterrupted_one() {
    let _alone = alone();
    resumes_exactly(None, &config());
}

#[test]
fn dropout_and_accumulated_steps_are_replayed() {
    let _alone = alone();
    let config = TrainConfig {
        batch: BatchConfig {
            gradient_accumulation_steps: 2,
            users_per_step: 3,
            // Several passes, so that GradCache's dropout is replayed too.
            slots_per_pass: 150,
            ..config().batch
        },
        optimizer: OptimizerConfig {
            // Numbers that JSON cannot be trusted with.
            learning_rate: 0.003_333_333_333_333_333_5,
            weight_decay: 1.0 / 30_000.0,
            ..config().optimizer
        },
        ..config()
    };
    resumes_exactly(Some(0.3), &config);
}

#[test]
fn a_finished_run_that_is_resumed_does_nothing_more() {
    let _alone = alone();
    let dir = finished();
    let before = lines(dir.path());
    let again = run(
        data(),
        model(data(), None, 99),
        &config(),
        dir.path(),
        true,
        &mut |_| {},
    );
    assert_eq!(again.unwrap().steps, 12);
    assert_eq!(lines(dir.path()), before);
}

#[test]
fn a_checkpoint_without_manifest_is_ignored() {
    let _alone = alone();
    let dir = finished();
    let checkpoints = dir.path().join("checkpoints");
    fs::remove_file(checkpoints.join("step-00000012/manifest.json")).unwrap();
    // An interrupted write leaves a directory under a temporary name.
    copy(
        &checkpoints.join("step-00000008"),
        &checkpoints.join(".partial-x"),
    );
    let mut resumed_at = None;
    let again = run(
        data(),
        model(data(), None, 99),
        &config(),
        dir.path(),
        true,
        &mut |e| {
            if let Event::Resumed { step, .. } = e {
                resumed_at = Some(step);
            }
        },
    )
    .unwrap();
    assert_eq!((resumed_at, again.steps), (Some(8), 12));
    let original = finished();
    assert_eq!(lines(dir.path()), lines(original.path()));
    let newest = checkpoint::list(&checkpoints).unwrap().pop().unwrap();
    assert!(newest.ends_with("step-00000012"), "written again, whole");
}

#[test]
fn a_new_run_does_not_mix_with_an_older_one() {
    let _alone = alone();
    let dir = finished();
    let short = TrainConfig {
        steps: 4,
        ..config()
    };
    run(
        data(),
        model(data(), None, 3),
        &short,
        dir.path(),
        false,
        &mut |_| {},
    )
    .unwrap();
    let left = checkpoint::list(&dir.path().join("checkpoints")).unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].ends_with("step-00000004"));
    assert!(lines(dir.path()).iter().all(|line| line.step <= 4));
}

#[test]
fn only_the_newest_checkpoints_are_kept() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let config = TrainConfig {
        steps: 5,
        checkpoint: CheckpointConfig { every: 1, keep: 2 },
        validation: ValidationConfig {
            every: 0,
            ..config().validation
        },
        ..config()
    };
    run(
        data(),
        model(data(), None, 3),
        &config,
        dir.path(),
        false,
        &mut |_| {},
    )
    .unwrap();
    let left = fs::read_dir(dir.path().join("checkpoints")).unwrap();
    let mut names: Vec<_> = left
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["step-00000004", "step-00000005"]);
}
