//! Gradients equal those of the whole step, losses fall, and training stops in time.

use std::collections::BTreeMap;

use instructue_model::InstructUe;
use instructue_trainer::{
    BatchConfig, CheckpointConfig, Event, LossConfig, Metrics, OptimizerConfig, Phase,
    ScheduleConfig, TrainConfig, ValidationConfig, evaluate, gradients,
};
use instructue_userqa::Split;

use crate::common::data::{data, few};
use crate::common::run::batches;
use crate::common::run::{
    alone, config, lines, model, objectives, of, run, spoilt, tensors, values,
};

fn flat(model: &InstructUe) -> Vec<f32> {
    let tensors = tensors(model).into_values();
    tensors
        .flat_map(|data| data.try_to_vec::<f32>().unwrap())
        .collect()
}

#[test]
fn several_passes_give_the_gradients_of_one() {
    let _alone = alone();
    // Dropout draws per pass, so it is off here.
    let model = model(data(), Some(0.0), 3);
    let weighted = TrainConfig {
        loss: LossConfig {
            contrastive_weight: 0.7,
            next_token_weight: 1.3,
            ..config().loss
        },
        ..config()
    };
    let rows = batches(Split::Train, &weighted).step(0).unwrap();
    let with = |slots_per_pass| TrainConfig {
        batch: BatchConfig {
            slots_per_pass,
            ..weighted.batch.clone()
        },
        ..weighted.clone()
    };
    let (whole, one_pass) = gradients(
        &model,
        &rows,
        &objectives(&with(1_000_000)),
        &with(1_000_000),
        0,
    )
    .unwrap();
    let expected = values(model.network(), &one_pass);
    // The passes have a row each, then about two rows each, then one pass per worker with its
    // tape kept.
    let passes = [(1, 1), (250, 1), (1_000_000, 2), (1_000_000, 3), (1, 2)];
    for (slots, workers) in passes {
        let model = model.clone().with_replicas(workers);
        let (losses, passes) =
            gradients(&model, &rows, &objectives(&with(slots)), &with(slots), 0).unwrap();
        assert!((losses.of("contrastive") - whole.of("contrastive")).abs() < 1e-5);
        assert!((losses.of("next_token") - whole.of("next_token")).abs() < 1e-5);
        let found = values(model.network(), &passes);
        let mut compared = 0;
        for (parameter, (a, b)) in expected.iter().zip(&found).enumerate() {
            assert_eq!(a.is_some(), b.is_some(), "parameter {parameter}");
            let (Some(a), Some(b)) = (a, b) else { continue };
            let worst = a
                .iter()
                .zip(b)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst <= 1e-5, "parameter {parameter} differs by {worst}");
            compared += usize::from(a.iter().any(|g| g.abs() > 1e-4));
        }
        assert!(compared > 20, "only {compared} parameters have a gradient");
    }
    let seen = evaluate(&model.frozen(), &rows, &objectives(&with(250)), &with(250)).unwrap();
    assert!((seen.of("contrastive") - whole.of("contrastive")).abs() < 1e-5);
    assert!((seen.of("next_token") - whole.of("next_token")).abs() < 1e-5);
}

#[test]
fn dropout_is_on_in_training_and_belongs_to_the_step() {
    let _alone = alone();
    let model = model(data(), Some(0.5), 3);
    // LoRA starts at zero, where dropout would change no loss.
    let name = "backbone.layers.0.self_attn.q_proj.lora.b";
    let model = spoilt(model, name, 3.0);
    let rows = batches(Split::Train, &config()).step(0).unwrap();
    for slots_per_pass in [150, 1_000_000] {
        let config = TrainConfig {
            batch: BatchConfig {
                slots_per_pass,
                ..config().batch
            },
            ..config()
        };
        let losses = |step| {
            gradients(&model, &rows, &objectives(&config), &config, step)
                .unwrap()
                .0
        };
        let first = losses(0);
        assert_ne!(first, losses(1));
        assert_eq!(first, losses(0));
    }
    let validated = || evaluate(&model.frozen(), &rows, &objectives(&config()), &config()).unwrap();
    assert_eq!(validated(), validated(), "and off in validation");
}

#[test]
fn a_loss_of_weight_zero_is_still_reported_but_not_trained() {
    let _alone = alone();
    let model = model(data(), None, 3);
    let rows = batches(Split::Train, &config()).step(0).unwrap();
    let (both, _) = gradients(&model, &rows, &objectives(&config()), &config(), 0).unwrap();
    for slots_per_pass in [1, 1_000_000] {
        let only_answers = TrainConfig {
            loss: LossConfig {
                contrastive_weight: 0.0,
                ..config().loss
            },
            batch: BatchConfig {
                slots_per_pass,
                ..config().batch
            },
            ..config()
        };
        let (losses, found) =
            gradients(&model, &rows, &objectives(&only_answers), &only_answers, 0).unwrap();
        assert!((losses.of("contrastive") - both.of("contrastive")).abs() < 1e-5);
        assert!((losses.of("next_token") - both.of("next_token")).abs() < 1e-5);
        let names = instructue_model::parameters::parameters(model.network());
        for (parameter, gradient) in names.iter().zip(values(model.network(), &found)) {
            let moved = gradient.iter().flatten().any(|g| *g != 0.0);
            assert!(
                !(moved && parameter.name.starts_with("head.")),
                "{}",
                parameter.name
            );
        }
    }
}

#[test]
fn both_losses_fall_on_a_few_users_seen_again_and_again() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let config = TrainConfig {
        steps: 120,
        optimizer: OptimizerConfig {
            learning_rate: 1e-2,
            ..config().optimizer
        },
        batch: BatchConfig {
            users_per_step: 6,
            families_per_step: 0,
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
    run(
        few(),
        model(few(), None, 3),
        &config,
        dir.path(),
        false,
        &mut |_| {},
    )
    .unwrap();
    let lines = lines(dir.path());
    let mean = |part: &[Metrics], of: fn(&Metrics) -> f64| {
        part.iter().map(of).sum::<f64>() / part.len() as f64
    };
    for (name, loss) in [
        (
            "contrastive",
            (|m| m.losses.of("contrastive")) as fn(&Metrics) -> f64,
        ),
        ("next token", |m| m.losses.of("next_token")),
    ] {
        let (start, end) = (mean(&lines[..3], loss), mean(&lines[117..], loss));
        assert!(end < 0.7 * start, "{name}: from {start} to {end}");
    }
}

#[test]
fn only_trainable_parameters_move() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let start = model(data(), Some(0.1), 3);
    let config = TrainConfig {
        steps: 3,
        validation: ValidationConfig {
            every: 0,
            ..config().validation
        },
        ..config()
    };
    let end = run(
        data(),
        start.clone(),
        &config,
        dir.path(),
        false,
        &mut |_| {},
    )
    .unwrap();
    let (before, after) = (tensors(&start), tensors(&end.model));
    let parameters = instructue_model::parameters::parameters(start.network());
    assert!(parameters.iter().any(|p| p.trainable) && parameters.iter().any(|p| !p.trainable));
    let moved = |name: &String| before[name] != after[name];
    for parameter in &parameters {
        assert!(
            parameter.trainable || !moved(&parameter.name),
            "{} is frozen",
            parameter.name
        );
    }
    for part in [
        "encoders.",
        "tabular.",
        "adapters.",
        "summary.",
        "reserved",
        "lora",
        "head.",
    ] {
        let of_part = before.keys().filter(|name| name.contains(part));
        assert!(of_part.clone().any(moved), "nothing of {part} moved");
    }
}

#[test]
fn a_model_that_no_longer_improves_stops_early_and_stays_stopped() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let config = TrainConfig {
        optimizer: OptimizerConfig {
            learning_rate: 1e-30,
            ..config().optimizer
        },
        validation: ValidationConfig {
            every: 2,
            patience: 2,
            ..config().validation
        },
        ..config()
    };
    let start = model(data(), None, 3);
    let mut stopped = None;
    let mut watch = |event: Event<'_>| {
        if let Event::EarlyStop { best_step } = event {
            stopped = Some(best_step);
        }
    };
    let end = run(
        data(),
        start.clone(),
        &config,
        dir.path(),
        false,
        &mut watch,
    )
    .unwrap();
    // The best step is 2; 4 and 6 are no better.
    assert_eq!((stopped, end.steps), (Some(2), 6));
    assert_eq!(end.best.unwrap().1, 2);
    let (before, after) = (flat(&start), flat(&end.model));
    let moved = before.iter().zip(&after).map(|(a, b)| (a - b).abs());
    assert!(moved.fold(0.0, f32::max) < 1e-20, "nothing could move");
    let resumed = run(data(), start, &config, dir.path(), true, &mut |_| {}).unwrap();
    assert_eq!((resumed.steps, resumed.best), (6, end.best));
}

#[test]
fn the_best_model_is_returned_not_the_last() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    // The learning rate rises until training does harm.
    let config = TrainConfig {
        optimizer: OptimizerConfig {
            learning_rate: 2.0,
            ..config().optimizer
        },
        schedule: ScheduleConfig {
            warmup: 1.0,
            ..config().schedule
        },
        validation: ValidationConfig {
            every: 1,
            patience: 3,
            ..config().validation
        },
        ..config()
    };
    let end = run(
        data(),
        model(data(), None, 3),
        &config,
        dir.path(),
        false,
        &mut |_| {},
    )
    .unwrap();
    let (loss, best_step) = end.best.unwrap();
    assert_eq!(end.steps, best_step + 3, "stopped by patience");
    let best = InstructUe::load(&dir.path().join("best"), end.model.device()).unwrap();
    assert!(tensors(&end.model) == tensors(&best));
    let lines = lines(dir.path());
    let lowest = of(&lines, Phase::Validation)
        .into_iter()
        .min_by(|a, b| a.loss.total_cmp(&b.loss))
        .unwrap()
        .clone();
    assert_eq!((lowest.loss as f32, lowest.step), (loss as f32, best_step));
    // The model itself is that of the best step, not just a file.
    let last = dir
        .path()
        .join(format!("checkpoints/step-{:08}", end.steps));
    let last = instructue_model::save::read_tensors(&last.join("model.safetensors")).unwrap();
    let best: BTreeMap<_, _> = tensors(&best);
    assert!(last != best);
}
