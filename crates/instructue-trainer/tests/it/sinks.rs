//! The files of a run's metrics.

use instructue_trainer::{Metrics, Phase};

use crate::common::run::{alone, finished, lines, of};
use crate::common::scalars::scalars;

#[test]
fn both_losses_are_written_apart_to_both_sinks() {
    let _alone = alone();
    let dir = finished();
    let lines = lines(dir.path());
    let (train, validation) = (of(&lines, Phase::Train), of(&lines, Phase::Validation));
    let steps = |of: &[&Metrics]| of.iter().map(|m| m.step).collect::<Vec<_>>();
    assert_eq!(steps(&train), (1..=12).collect::<Vec<_>>());
    assert_eq!(steps(&validation), [4, 8, 12]);
    for line in &lines {
        assert!(line.losses.of("contrastive") > 0.0 && line.losses.of("next_token") > 0.0);
        assert_ne!(line.losses.of("contrastive"), line.losses.of("next_token"));
        assert!(
            (line.loss - line.losses.of("contrastive") - line.losses.of("next_token")).abs() < 1e-9
        );
    }
    for line in &train {
        assert!(line.gradient_norm.unwrap() > 0.0 && line.learning_rate.unwrap() > 0.0);
    }
    let scalars = scalars(&dir.path().join("tensorboard"));
    for (phase, lines) in [("train", train), ("validation", validation)] {
        for (name, value) in [
            (
                "contrastive",
                (|m| m.losses.of("contrastive")) as fn(&Metrics) -> f64,
            ),
            ("next_token", |m| m.losses.of("next_token")),
            ("loss", |m| m.loss),
        ] {
            let written = &scalars[&format!("{phase}/{name}")];
            assert_eq!(written.len(), lines.len());
            for ((step, found), line) in written.iter().zip(&lines) {
                assert_eq!(*step, line.step as u64);
                assert!(
                    (f64::from(*found) - value(line)).abs() < 2e-6,
                    "{phase}/{name}"
                );
            }
        }
    }
}
