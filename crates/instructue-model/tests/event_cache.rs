//! Frozen encoders behind a cache: the same vectors, and each text encoded once.

mod common;

use burn::tensor::Device;
use common::{config, preparation, profiles, shard};
use instructue_encoders::cache::CacheConfig;
use instructue_model::config::LoraSettings;
use instructue_model::{InstructUe, Vectors};
use instructue_schema::DataText;

fn frozen(shared: bool, seed: u64) -> InstructUe {
    let preparation = preparation(&shard());
    let mut config = config(&preparation);
    config.encoder.train = false;
    config.encoder.shared = shared;
    InstructUe::new(config, preparation, seed, &Device::default()).unwrap()
}

fn embed(model: &InstructUe) -> Vec<Vectors> {
    let question = DataText::new("Will this user buy pets food?");
    let profiles = profiles(model, &shard());
    model.embed(&profiles, &[Some(question), None]).unwrap()
}

fn misses(model: &InstructUe) -> u64 {
    let caches = model.event_caches().iter();
    caches.map(|cache| cache.metrics().misses).sum()
}

fn distance(a: &[Vectors], b: &[Vectors]) -> f32 {
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
        // And another network ends it.
        let network = other.network().clone();
        assert!(other.with_network(network).event_caches().is_empty());
    }
}

#[test]
fn encoders_that_are_trained_are_refused() {
    let preparation = preparation(&shard());
    for (train, lora) in [(true, None), (false, Some(LoraSettings::default()))] {
        let mut config = config(&preparation);
        config.encoder.train = train;
        config.encoder.lora = lora;
        let model = InstructUe::new(config, preparation.clone(), 3, &Device::default());
        let result = model.unwrap().with_event_cache(&CacheConfig::default());
        let message = result.unwrap_err().to_string();
        assert!(message.contains("encoder.train"), "{message}");
    }
}
