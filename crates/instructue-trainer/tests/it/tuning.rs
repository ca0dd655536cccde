//! Few-shot tuning on a task that the frozen model's vectors can solve.

use instructue_features::Profile;
use instructue_model::InstructUe;
use instructue_schema::DataText;
use instructue_trainer::{Error, TuneConfig, TuneData, Tuning, learn_tokens};

use crate::common::data::data;
use crate::common::run::{alone, model, model_of, spoilt, tensors};

const QUESTION: &str = "Will this user buy dog food?";

fn profiles(model: &InstructUe) -> Vec<Profile> {
    let (store, builder) = (data().store(), model.preprocessor().profiles());
    let reference = data().userqa.references[0];
    let mut profiles = Vec::new();
    for shard in 0..store.shards() {
        let shard = store.shard(shard).unwrap();
        profiles.extend(
            shard
                .histories()
                .map(|user| builder.build(&user, reference)),
        );
    }
    profiles
}

/// Two classes: whether two coordinates of a user's vector under another question differ more
/// than usual. The classes' means do not point along this direction.
fn labelled(model: &InstructUe) -> TuneData {
    let profiles = profiles(model);
    let cache = model.profile_cache(&profiles).unwrap();
    let other = Some(DataText::new("How active is this user?"));
    let vectors = model.embed_cached(&cache, &[other]).unwrap();
    let states = &vectors[0].state;
    let value = |user: usize| states.row(user)[3] - states.row(user)[11];
    let mut sorted: Vec<f32> = (0..profiles.len()).map(value).collect();
    sorted.sort_by(f32::total_cmp);
    let middle = sorted[sorted.len() / 2];
    TuneData {
        instruction: QUESTION.into(),
        classes: ["low", "high"].map(String::from).to_vec(),
        labels: (0..profiles.len())
            .map(|user| usize::from(value(user) >= middle))
            .collect(),
        profiles,
    }
}

fn config() -> TuneConfig {
    TuneConfig {
        steps: 60,
        users_per_step: 16,
        learning_rate: 2e-2,
        validate_every: 10,
        patience: 0,
        ..TuneConfig::default()
    }
}

fn weights(tuning: &Tuning) -> [Vec<f32>; 2] {
    let weights = tuning.tuned.weights();
    let of = |param: &burn::module::Param<burn::tensor::Tensor<2>>| {
        param.val().into_data().try_to_vec::<f32>().unwrap()
    };
    [of(&weights.tokens), of(&weights.prototypes)]
}

#[test]
fn tuning_learns_and_leaves_the_model_alone() {
    let _alone = alone();
    // With lexical matches the question itself would reveal some of the classes from the start.
    let model = model_of(data(), 5, |config| config.lexical_matches = false);
    let labelled = labelled(&model);
    let before = tensors(&model);
    let tuning = learn_tokens(&model, &labelled, &config(), &mut |_| {}).unwrap();
    let (losses, validations) = (&tuning.losses, &tuning.validations);
    assert_eq!(tuning.steps, 60);
    assert_eq!((losses.len(), validations.len()), (60, 6));
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&losses[..6]), mean(&losses[54..]));
    assert!(last < 0.7 * first, "{first} {last}");
    // The best step is kept, and it is better than the start.
    let none = TuneConfig {
        learning_rate: 1e-12,
        ..config()
    };
    let start = learn_tokens(&model, &labelled, &none, &mut |_| {}).unwrap();
    assert!(tuning.best_step > 0);
    let lowest = validations.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(tuning.validation.loss, lowest);
    assert!(tuning.validation.loss < start.validation.loss);
    let accuracies = (start.train.accuracy, tuning.train.accuracy);
    assert!(accuracies.1 > accuracies.0 + 0.1, "{accuracies:?}");
    // Only tokens and prototypes have changed.
    let (a, b) = (weights(&start), weights(&tuning));
    assert_ne!(a[0], b[0]);
    assert_ne!(a[1], b[1]);
    assert_eq!(before, tensors(&model));
    // No user is in both parts.
    let mut rows = [&*tuning.train.rows, &*tuning.validation.rows].concat();
    rows.sort_unstable();
    assert_eq!(rows, (0..labelled.profiles.len()).collect::<Vec<_>>());
}

#[test]
fn the_seed_decides_and_memory_does_not() {
    let _alone = alone();
    let model = model(data(), None, 5);
    let labelled = labelled(&model);
    let with = |seed: u64, cache_bytes: usize| {
        let config = TuneConfig {
            seed,
            cache_bytes,
            steps: 6,
            validate_every: 6,
            ..config()
        };
        learn_tokens(&model, &labelled, &config, &mut |_| {}).unwrap()
    };
    let all = 1 << 40;
    let once = with(1, all);
    assert_eq!(weights(&once), weights(&with(1, all)));
    assert_eq!(weights(&once), weights(&with(1, 0)));
    assert_ne!(weights(&once), weights(&with(2, all)));
}

#[test]
fn tuning_stops_when_validation_no_longer_improves() {
    let _alone = alone();
    let model = model(data(), None, 5);
    let config = TuneConfig {
        // Nothing is learned, so nothing improves.
        learning_rate: 1e-30,
        validate_every: 1,
        patience: 3,
        ..config()
    };
    let tuning = learn_tokens(&model, &labelled(&model), &config, &mut |_| {}).unwrap();
    assert_eq!((tuning.steps, tuning.best_step), (3, 0));
}

#[test]
fn labels_and_numbers_that_make_no_sense_are_refused() {
    let _alone = alone();
    let model = model(data(), None, 5);
    let good = labelled(&model);
    let refused = |data: &TuneData, config: &TuneConfig| {
        let error = learn_tokens(&model, data, config, &mut |_| {}).unwrap_err();
        error.to_string()
    };
    let mut one = good.clone();
    one.labels.fill(0);
    let error = refused(&one, &config());
    assert!(
        error.contains("two users of each class") && error.contains("\"high\""),
        "{error}"
    );
    let mut single = one.clone();
    single.classes.pop();
    assert!(refused(&single, &config()).contains("at least two"));
    let mut short = good.clone();
    short.labels.pop();
    assert!(refused(&short, &config()).contains("`labels`"));
    let mut silent = good.clone();
    silent.instruction = String::new();
    assert!(refused(&silent, &config()).contains("instruction"));
    for (key, config) in [
        (
            "steps",
            TuneConfig {
                steps: 0,
                ..config()
            },
        ),
        (
            "temperature",
            TuneConfig {
                temperature: 0.0,
                ..config()
            },
        ),
        (
            "validation_share",
            TuneConfig {
                validation_share: 1.0,
                ..config()
            },
        ),
        (
            "learning_rate",
            TuneConfig {
                learning_rate: f64::NAN,
                ..config()
            },
        ),
    ] {
        assert!(refused(&good, &config).contains(key));
    }
    let bad = spoilt(model.clone(), "head.outer.bias", f32::NAN);
    let error = learn_tokens(&bad, &good, &config(), &mut |_| {}).unwrap_err();
    assert!(
        matches!(error, Error::NonFiniteLoss { step: 0, .. }),
        "{error}"
    );
}
