//! Frozen encoders behind a cache: the same vectors, and each text encoded once.

use std::path::Path;

use crate::common::{config, preprocessor, profiles, shard};
use burn::tensor::{Device, TensorData};
use instructue_encoders::cache::CacheConfig;
use instructue_model::LoraConfig;
use instructue_model::Precision;
use instructue_model::{InstructUe, Matrix, parameters};
use instructue_schema::DataText;

fn frozen(shared: bool, seed: u64) -> InstructUe {
    let preprocessor = preprocessor(&shard());
    let mut config = config(&preprocessor);
    config.encoder.train = false;
    config.shared_encoder = shared;
    InstructUe::new(config, preprocessor, seed, &Device::default()).unwrap()
}

fn embed(model: &InstructUe) -> Vec<Matrix> {
    let question = DataText::new("Will this user buy pets food?");
    let profiles = profiles(model, &shard());
    model.embed(&profiles, &[Some(question), None]).unwrap()
}

fn misses(model: &InstructUe) -> u64 {
    let caches = model.event_caches().iter();
    caches.map(|cache| cache.metrics().misses).sum()
}

fn distance(a: &[Matrix], b: &[Matrix]) -> f32 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b).flat_map(|(a, b)| {
        assert_eq!(a.values.len(), b.values.len());
        a.values.iter().zip(&b.values)
    });
    pairs.fold(0.0, |worst, (x, y)| worst.max((x - y).abs()))
}

#[test]
fn cached_vectors_are_the_models_own_and_a_second_run_encodes_nothing() {
    for shared in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let cache = CacheConfig::in_dir(dir.path());
        let plain = frozen(shared, 3);
        assert!(plain.event_caches().is_empty());
        let expected = embed(&plain);

        let first = plain.clone().with_event_cache(&cache).unwrap();
        assert_eq!(first.event_caches().len(), if shared { 1 } else { 2 });
        let found = embed(&first);
        assert!(distance(&expected, &found) <= 1e-5);
        let encoded = misses(&first);
        assert!(encoded > 3);
        // In the same run nothing is encoded twice, by a frozen copy neither.
        assert_eq!(embed(&first.frozen()), found);
        assert_eq!(misses(&first), encoded);
        // Profiles that are read by themselves take their vectors from it, too.
        let cache_of = |model: &InstructUe| {
            let profiles = profiles(model, &shard());
            let cache = model.profile_cache(&profiles).unwrap();
            model.embed_cached(&cache, &[None]).unwrap().remove(0).unit
        };
        assert!(distance(&[cache_of(&plain)], &[cache_of(&first)]) <= 1e-5);
        assert_eq!(misses(&first), encoded);
        drop(first);

        let second = frozen(shared, 3).with_event_cache(&cache).unwrap();
        assert_eq!(embed(&second), found);
        assert_eq!(misses(&second), 0);
        // Another encoder starts anew.
        let other = frozen(shared, 4).with_event_cache(&cache).unwrap();
        assert!(distance(&embed(&frozen(shared, 4)), &embed(&other)) <= 1e-5);
        assert_eq!(misses(&other), encoded);
        // And a network with other encoders ends it.
        let network = other.network().clone();
        let other = other.with_network(network);
        assert!(!other.event_caches().is_empty());
        assert_eq!(embed(&other), embed(&other.clone()));
        assert_eq!(misses(&other), encoded);
        let other = other.with_network(plain.network().clone());
        assert!(other.event_caches().is_empty());
    }
}

fn with_encoder(train: bool, lora: Option<LoraConfig>, device: &Device) -> InstructUe {
    let preprocessor = preprocessor(&shard());
    let mut config = config(&preprocessor);
    config.encoder.train = train;
    config.encoder.lora = lora;
    InstructUe::new(config, preprocessor, 3, device).unwrap()
}

/// The same model with one parameter's values changed.
fn changed(model: &InstructUe, name: &str) -> InstructUe {
    let mut tensors = parameters::tensors(model.network());
    let data = tensors.get_mut(name).expect("a parameter of this name");
    let values = data.clone().try_to_vec::<f32>().unwrap().into_iter();
    let values: Vec<f32> = values
        .enumerate()
        .map(|(i, x)| x + (i % 7) as f32)
        .collect();
    *data = TensorData::new(values, data.shape().to_vec());
    let network = parameters::load(model.network().clone(), tensors, Path::new("test"));
    model.clone().with_network(network.unwrap())
}

const LORA: &str = "encoders.0.encoder.layer.0.attention.self_attention.query.lora.b";

#[test]
fn encoders_that_a_step_could_change_are_refused() {
    let autodiff = Device::default().autodiff();
    for (train, lora) in [(true, None), (false, Some(LoraConfig::default()))] {
        let model = with_encoder(train, lora, &autodiff);
        let result = model.with_event_cache(&CacheConfig::default());
        let message = result.unwrap_err().to_string();
        assert!(message.contains("encoder.train"), "{message}");
        assert!(message.contains("encoders.0."), "{message}");
    }
}

#[test]
fn a_frozen_model_may_have_trained_encoders() {
    let lora = LoraConfig {
        rank: 4,
        alpha: 8.0,
        dropout: 0.5,
    };
    let dir = tempfile::tempdir().unwrap();
    let cache = CacheConfig::in_dir(dir.path());
    for lora in [None, Some(lora)] {
        let trained = with_encoder(true, lora, &Device::default().autodiff());
        let name = match lora {
            None => "encoders.0.embeddings.word_embeddings.weight",
            Some(_) => LORA,
        };
        let trained = changed(&trained, name);
        let plain = trained.frozen();
        let expected = embed(&plain);
        let first = plain.clone().with_event_cache(&cache).unwrap();
        assert!(distance(&expected, &embed(&first)) <= 1e-5);
        let encoded = misses(&first);
        assert!(encoded > 3);
        drop(first);
        // As a model that was saved and loaded.
        let saved = tempfile::tempdir().unwrap();
        let saved = saved.path().join("model");
        trained.save(&saved).unwrap();
        let loaded = InstructUe::load(&saved, &Device::default()).unwrap();
        let loaded = loaded.with_event_cache(&cache).unwrap();
        assert!(distance(&expected, &embed(&loaded)) <= 1e-5);
        assert_eq!(misses(&loaded), 0);
        // Other weights, LoRA's factors among them, are another encoder.
        let other = changed(&plain, name);
        let found = embed(&other.clone().with_event_cache(&cache).unwrap());
        assert!(distance(&embed(&other), &found) <= 1e-5);
        assert!(distance(&expected, &found) > 1e-3);
        // A copy that trains takes none along, and one for tuning does.
        assert!(loaded.replica().event_caches().is_empty());
        assert!(
            loaded
                .clone()
                .with_network(trained.network().clone())
                .event_caches()
                .is_empty()
        );
        assert!(!loaded.for_tuning().event_caches().is_empty());
    }
}

#[test]
fn a_step_keeps_the_cache_and_its_encoders() {
    let device = Device::default().autodiff();
    let model = with_encoder(false, None, &device);
    let model = model.with_event_cache(&CacheConfig::default()).unwrap();
    embed(&model);
    let encoded = misses(&model);
    // Even if someone gives it another encoder, the vectors are those of its own.
    let other = changed(
        &changed(&model, "encoders.0.embeddings.word_embeddings.weight"),
        "head.outer.bias",
    );
    let stepped = model.clone().stepped(other.network().clone());
    assert_eq!(
        stepped.network().encoders()[0].digest(),
        model.network().encoders()[0].digest()
    );
    assert!(
        distance(&embed(&model), &embed(&stepped)) > 1e-3,
        "the head is the new one"
    );
    assert_eq!(misses(&stepped), encoded);
    let mut plain = stepped.clone().with_network(other.network().clone());
    assert!(plain.event_caches().is_empty());
    plain = plain.with_network(stepped.network().clone());
    assert!(distance(&embed(&plain), &embed(&stepped)) <= 1e-5);
    // Made ready for training it is the same, in half precision another encoder.
    let ready = model.clone().for_training().unwrap();
    assert!(!ready.event_caches().is_empty());
    let half = model.clone().with_precision(Precision::Bf16);
    assert!(half.is_ok_and(|half| half.event_caches().is_empty()));
    // Without a cache a step is any other network.
    let changed = plain.stepped(other.network().clone());
    assert_eq!(
        changed.network().encoders()[0].digest(),
        other.network().encoders()[0].digest()
    );
}

#[test]
fn encoders_of_equal_weights_share_a_cache() {
    let model = frozen(false, 3);
    let one = model.network().encoders()[0].clone();
    let network = model.network().clone().with_encoder(&one);
    let plain = model.with_network(network);
    let cached = plain
        .clone()
        .with_event_cache(&CacheConfig::default())
        .unwrap();
    assert_eq!(cached.event_caches().len(), 1);
    assert!(distance(&embed(&plain), &embed(&cached)) <= 1e-5);
    // Another model takes it over only with the same encoders.
    let again = plain.clone().with_event_cache_of(&cached);
    let known = misses(&cached);
    embed(&again);
    assert_eq!(misses(&again), known);
    assert!(
        frozen(false, 4)
            .with_event_cache_of(&cached)
            .event_caches()
            .is_empty()
    );
    assert_eq!(again.event_cache_metrics().unwrap().misses, known);
    assert!(plain.event_cache_metrics().is_none());
}
