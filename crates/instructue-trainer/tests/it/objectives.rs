//! Losses of one's own, and runs that are stopped on request.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Tensor;
use instructue_trainer::{Error, Event, Objective, Phase, Result, StepVectors};

use crate::common::data::data;
use crate::common::run::{
    alone, config, finished, lines, model, objectives, of, run, run_with, tensors,
};

/// The squares of the users' mean vector: their sum, or the first `width` of them.
#[derive(Debug)]
struct Mean {
    name: &'static str,
    width: usize,
}

impl Objective for Mean {
    fn name(&self) -> &str {
        self.name
    }

    fn weight_at(&self, _step: usize) -> f64 {
        0.5
    }

    fn of_step(&self, step: &StepVectors) -> Result<Option<Tensor<1>>> {
        let mean = step.users.clone().mean_dim(0).flatten::<1>(0, 1);
        let squared = mean.clone().mul(mean);
        Ok(Some(match self.width {
            1 => squared.sum(),
            width => squared.narrow(0, 0, width),
        }))
    }
}

fn with(name: &'static str, width: usize) -> Vec<Box<dyn Objective>> {
    let mut list = objectives(&config());
    list.push(Box::new(Mean { name, width }));
    list
}

#[test]
fn a_loss_of_ones_own_moves_the_weights_and_is_reported() {
    let _alone = alone();
    let (plain, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let never = AtomicBool::new(false);
    let without = run_with(
        &objectives(&config()),
        &never,
        plain.path(),
        false,
        &mut |_| {},
    );
    let trained = run_with(&with("mean", 1), &never, own.path(), false, &mut |_| {});
    let written = lines(own.path());
    for line in &written {
        let parts = line.losses.of("contrastive") + line.losses.of("next_token");
        let expected = parts + 0.5 * line.losses.of("mean");
        assert!((line.loss - expected).abs() < 1e-9, "{line:?}");
    }
    assert!(!of(&written, Phase::Validation).is_empty());
    assert!(lines(plain.path())[0].losses.of("mean").is_nan());
    // It moves the weights.
    let weights = |trained: Result<instructue_trainer::Trained>| tensors(&trained.unwrap().model);
    assert_ne!(weights(trained), weights(without));
}

#[test]
fn losses_that_make_no_sense_are_refused() {
    let _alone = alone();
    let never = AtomicBool::new(false);
    for (losses, says) in [
        (with("contrastive", 1), "`contrastive` twice"),
        (with("loss", 1), "`loss` twice"),
        (Vec::new(), "found none"),
        (with("wide", 2), "one element of the loss `wide`, found 2"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let error = run_with(&losses, &never, dir.path(), false, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_run_of_other_losses_is_not_resumed() {
    let _alone = alone();
    let dir = finished();
    let never = AtomicBool::new(false);
    let error = run_with(&with("mean", 1), &never, dir.path(), true, &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, Error::OtherRun { key, .. } if key == "objectives"),
        "{error}"
    );
}

#[test]
fn an_interrupted_run_goes_on_as_if_it_had_not_been() {
    let _alone = alone();
    let (whole, stopped) = (finished(), tempfile::tempdir().unwrap());
    // In the middle, and behind the last step.
    for at in [5, 12] {
        let interrupt = AtomicBool::new(false);
        let resume = at > 5;
        let losses = objectives(&config());
        let error = run_with(&losses, &interrupt, stopped.path(), resume, &mut |event| {
            if let Event::Metrics { metrics, .. } = event
                && metrics.step == at
            {
                interrupt.store(true, Ordering::Relaxed);
            }
        });
        let error = error.unwrap_err();
        assert!(
            matches!(error, Error::Interrupted { step } if step == at),
            "{error}"
        );
    }
    let start = model(data(), None, 3);
    let ended = run(data(), start, &config(), stopped.path(), true, &mut |_| {}).unwrap();
    assert_eq!(ended.steps, 12);
    assert_eq!(lines(stopped.path()), lines(whole.path()));
}
