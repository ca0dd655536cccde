//! Frozen encoders with an event-vector cache: losses and gradients equal those without a cache,
//! and each event text is encoded once.

use std::path::Path;

use instructue_model::InstructUe;
use instructue_model::cache::CacheConfig;
use instructue_trainer::{
    BatchConfig, Event, Metrics, Phase, TrainConfig, ValidationConfig, gradients,
};
use instructue_userqa::Split;

use crate::common::data::data;
use crate::common::run::batches;
use crate::common::run::killed_after;
use crate::common::run::values;
use crate::common::run::{alone, config, lines, model_of, objectives, of, run, tensors};
use crate::common::scalars::scalars;

/// The model has no lexical matches, which encoders do not see. They make states larger, and with
/// them the rounding errors that grow over several steps. Event replacement is off for the same
/// reason.
fn frozen(seed: u64) -> InstructUe {
    model_of(data(), seed, |config| {
        config.encoder.train = false;
        config.lexical_matches = false;
    })
}

fn cached(seed: u64, cache: &CacheConfig) -> InstructUe {
    frozen(seed).with_event_cache(cache).unwrap()
}

fn encoded(model: &InstructUe) -> u64 {
    model.event_cache_metrics().unwrap().misses
}

/// The metrics without values that depend on who encoded a text first.
fn losses(dir: &Path) -> Vec<Metrics> {
    let mut lines = lines(dir);
    for line in &mut lines {
        line.event_hit_rate = None;
    }
    lines
}

#[test]
fn losses_are_those_without_a_cache_and_the_rate_is_written() {
    let _alone = alone();
    for (workers, slots_per_pass) in [(1, 100_000), (2, 100_000), (2, 150)] {
        let config = TrainConfig {
            steps: 6,
            validation: ValidationConfig {
                every: 3,
                ..config().validation
            },
            batch: BatchConfig {
                slots_per_pass,
                event_replacement: 0.0,
                ..config().batch
            },
            ..config()
        };
        let (plain, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let start = frozen(3).with_replicas(workers);
        run(data(), start, &config, plain.path(), false, &mut |_| {}).unwrap();
        let start = cached(3, &CacheConfig::default()).with_replicas(workers);
        let end = run(data(), start, &config, kept.path(), false, &mut |_| {}).unwrap();

        let (expected, found) = (lines(plain.path()), lines(kept.path()));
        assert_eq!(expected.len(), found.len());
        for (a, b) in expected.iter().zip(&found) {
            let step = (a.step, a.phase);
            assert_eq!(step, (b.step, b.phase));
            for (a, b) in [
                (a.losses.of("contrastive"), b.losses.of("contrastive")),
                (a.losses.of("next_token"), b.losses.of("next_token")),
            ] {
                assert!((a - b).abs() <= 1e-5, "{step:?}: {a} and {b}");
            }
            assert_eq!(a.event_hit_rate, None);
        }
        let rates = of(&found, Phase::Train).into_iter();
        let rates: Vec<f64> = rates.map(|line| line.event_hit_rate.unwrap()).collect();
        assert!(
            rates[0] < 1.0 && rates[5] > rates[0] && rates[5] > 0.2,
            "{rates:?}"
        );
        // The second validation needs the same texts as the first.
        assert_eq!(of(&found, Phase::Validation)[1].event_hit_rate, Some(1.0));
        let written = &scalars(&kept.path().join("tensorboard"))["train/event_hit_rate"];
        assert_eq!(written.len(), 6);
        assert!((f64::from(written[5].1) - rates[5]).abs() < 1e-6);

        let metrics = end.model.event_cache_metrics().unwrap();
        assert!(metrics.hits > metrics.misses);
        match workers {
            1 => assert_eq!(metrics.misses, metrics.entries),
            // Two threads may miss the same text at the same time.
            _ => assert!(metrics.misses < 2 * metrics.entries),
        }
    }
}

#[test]
fn gradients_are_those_without_a_cache() {
    let _alone = alone();
    let plain = frozen(3);
    let kept = cached(3, &CacheConfig::default());
    let rows = batches(Split::Train, &config()).step(0).unwrap();
    let (_, expected) = gradients(&plain, &rows, &objectives(&config()), &config(), 0).unwrap();
    let expected = values(plain.network(), &expected);
    for workers in [1, 2] {
        // In the second round all vectors are in the cache.
        for _ in 0..2 {
            let kept = kept.clone().with_replicas(workers);
            let (_, found) = gradients(&kept, &rows, &objectives(&config()), &config(), 0).unwrap();
            let found = values(kept.network(), &found);
            let mut compared = 0;
            for (parameter, (a, b)) in expected.iter().zip(&found).enumerate() {
                assert_eq!(a.is_some(), b.is_some(), "parameter {parameter}");
                let (Some(a), Some(b)) = (a, b) else { continue };
                let pairs = a.iter().zip(b).map(|(a, b)| (a - b).abs());
                let worst = pairs.fold(0.0, f32::max);
                assert!(worst <= 1e-5, "parameter {parameter} differs by {worst}");
                compared += usize::from(a.iter().any(|g| g.abs() > 1e-4));
            }
            assert!(compared > 20, "only {compared} parameters have a gradient");
        }
    }
    let parameters = instructue_model::parameters::parameters(plain.network());
    let of_adapters = parameters
        .iter()
        .zip(&expected)
        .filter(|(parameter, gradient)| {
            assert!(gradient.is_none() || !parameter.name.starts_with("encoders."));
            gradient.is_some() && parameter.name.starts_with("adapters.")
        });
    assert!(of_adapters.count() > 2);
}

#[test]
fn a_resumed_run_ends_bit_equal_with_a_cache_too() {
    let _alone = alone();
    let dirs = [(); 5].map(|()| tempfile::tempdir().unwrap());
    let [whole, parts, again, folder, other] = dirs.each_ref().map(|dir| dir.path());
    let start = |folder: &Path| cached(3, &CacheConfig::in_dir(folder)).with_replicas(2);
    let expected = run(data(), start(folder), &config(), whole, false, &mut |_| {}).unwrap();
    assert!(
        !expected.model.event_caches().is_empty(),
        "the best model keeps it"
    );

    // The run is killed between two checkpoints and resumed with a model of other encoders. The
    // checkpoint's encoders have vectors of their own.
    killed_after(10, start(other), &config(), parts);
    let fresh = cached(99, &CacheConfig::in_dir(other)).with_replicas(2);
    let mut resumed_at = None;
    let mut watch = |event: Event<'_>| {
        if let Event::Resumed { step, .. } = event {
            resumed_at = Some(step);
        }
    };
    let resumed = run(data(), fresh, &config(), parts, true, &mut watch).unwrap();
    assert_eq!(resumed_at, Some(8));
    assert_eq!(losses(whole), losses(parts));
    assert_eq!(tensors(&expected.model), tensors(&resumed.model));
    let last = lines(parts).pop().unwrap();
    assert!(last.event_hit_rate.unwrap() > 0.0);

    // A further run with the folder encodes nothing.
    expected
        .model
        .event_caches()
        .iter()
        .for_each(|cache| cache.flush().unwrap());
    let model = start(folder);
    let repeated = run(data(), model.clone(), &config(), again, false, &mut |_| {}).unwrap();
    assert_eq!(encoded(&model), 0);
    assert_eq!(tensors(&expected.model), tensors(&repeated.model));
    assert!(
        lines(again)
            .iter()
            .all(|line| line.event_hit_rate == Some(1.0))
    );
}
