//! Gradients are those of the whole step, losses fall, and training stops in time.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use instructue_model::{InstructUe, Network};
use instructue_trainer::{Event, Metrics, Phase, TrainConfig, evaluate, gradients};
use instructue_userqa::Split;

use crate::batches::batches;
use crate::data::{data, few};
use crate::run::{alone, config, lines, model, of, run, spoilt, tensors};

fn flat(model: &InstructUe) -> Vec<f32> {
    let tensors = tensors(model).into_values();
    tensors
        .flat_map(|data| data.try_to_vec::<f32>().unwrap())
        .collect()
}

/// Gradients in module order.
pub fn values(network: &Network, gradients: &GradientsParams) -> Vec<Option<Vec<f32>>> {
    struct Read<'a>(&'a GradientsParams, Vec<Option<Vec<f32>>>);
    impl ModuleVisitor for Read<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.0.get::<D>(param.id);
            self.1
                .push(gradient.map(|g| g.into_data().try_to_vec::<f32>().unwrap()));
        }
    }
    let mut read = Read(gradients, Vec::new());
    network.visit(&mut read);
    read.1
}

#[test]
fn several_passes_give_the_gradients_of_one() {
    let _alone = alone();
    // Dropout draws by pass, so it is off here.
    let model = model(data(), Some(0.0), 3);
    let weighted = TrainConfig {
        contrastive_weight: 0.7,
        next_token_weight: 1.3,
        ..config()
    };
    let rows = batches(Split::Train, &weighted).step(0).unwrap();
    let with = |slots_per_pass| TrainConfig {
        slots_per_pass,
        ..weighted.clone()
    };
    let (whole, one_pass) = gradients(&model, &rows, &with(1_000_000), 0).unwrap();
    let expected = values(model.network(), &one_pass);
    // A row each, then about two rows each, then a pass per worker with its tape kept.
    let passes = [(1, 1), (250, 1), (1_000_000, 2), (1_000_000, 3), (1, 2)];
    for (slots, workers) in passes {
        let model = model.clone().with_replicas(workers);
        let (losses, passes) = gradients(&model, &rows, &with(slots), 0).unwrap();
        assert!((losses.contrastive - whole.contrastive).abs() < 1e-5);
        assert!((losses.next_token - whole.next_token).abs() < 1e-5);
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
    let seen = evaluate(&model.frozen(), &rows, &with(250)).unwrap();
    assert!((seen.contrastive - whole.contrastive).abs() < 1e-5);
    assert!((seen.next_token - whole.next_token).abs() < 1e-5);
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
            slots_per_pass,
            ..config()
        };
        let losses = |step| gradients(&model, &rows, &config, step).unwrap().0;
        let first = losses(0);
        assert_ne!(first, losses(1));
        assert_eq!(first, losses(0));
    }
    let validated = || evaluate(&model.frozen(), &rows, &config()).unwrap();
    assert_eq!(validated(), validated(), "and off in validation");
}

#[test]
fn a_loss_of_weight_zero_is_still_reported_but_not_trained() {
    let _alone = alone();
    let model = model(data(), None, 3);
    let rows = batches(Split::Train, &config()).step(0).unwrap();
    let (both, _) = gradients(&model, &rows, &config(), 0).unwrap();
    for slots_per_pass in [1, 1_000_000] {
        let only_answers = TrainConfig {
            contrastive_weight: 0.0,
            slots_per_pass,
            ..config()
        };
        let (losses, found) = gradients(&model, &rows, &only_answers, 0).unwrap();
        assert!((losses.contrastive - both.contrastive).abs() < 1e-5);
        assert!((losses.next_token - both.next_token).abs() < 1e-5);
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
        learning_rate: 1e-2,
        users_per_step: 6,
        families_per_step: 0,
        instruction_dropout: 0.0,
        validate_every: 0,
        checkpoint_every: 0,
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
        ("contrastive", (|m| m.contrastive) as fn(&Metrics) -> f64),
        ("next token", |m| m.next_token),
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
        validate_every: 0,
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
        learning_rate: 1e-30,
        validate_every: 2,
        patience: 2,
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
    // Best at 2, no better at 4 and 6.
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
    // Rises until it does harm.
    let config = TrainConfig {
        learning_rate: 2.0,
        warmup: 1.0,
        validate_every: 1,
        patience: 3,
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
    // And it is the model of that step, not just a file.
    let last = dir
        .path()
        .join(format!("checkpoints/step-{:08}", end.steps));
    let last = instructue_model::save::read_tensors(&last.join("model.safetensors")).unwrap();
    let best: BTreeMap<_, _> = tensors(&best);
    assert!(last != best);
}
