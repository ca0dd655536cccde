//! A profile that was read once gives the vectors of a profile that is read
//! with each instruction, and only to the model that read it.

use crate::common::{
    config, model, preprocessor, preprocessor_of, profiles, shard, without_tabular,
};
use burn::tensor::Device;
use instructue_backbone::{DecoderConfig, ModelType};
use instructue_features::{Profile, ProfileEvent, SourceProfile};
use instructue_model::{Error, InstructUe, UserVectors};
use instructue_schema::DataText;

const BOUND: f32 = 1e-5;

/// `count` instructions of very different lengths, every fifth none at all.
fn instructions(count: usize) -> Vec<Option<DataText>> {
    let words = [
        "pets",
        "dog food",
        "books?",
        "travel to Rome",
        "</bill>",
        "Will the user buy",
    ];
    (0..count)
        .map(|i| {
            let length = 1 + i * 7 % 11;
            let text = (0..length).map(|j| words[(i * 3 + j * j) % words.len()]);
            (i % 5 != 3).then(|| DataText::new(text.collect::<Vec<_>>().join(" ")))
        })
        .collect()
}

#[track_caller]
fn assert_near(a: &[UserVectors], b: &[UserVectors]) {
    assert_eq!(a.len(), b.len());
    for (number, (a, b)) in a.iter().zip(b).enumerate() {
        for (a, b) in [(&a.unit, &b.unit), (&a.state, &b.state)] {
            assert_eq!((a.columns, a.rows), (b.columns, b.rows));
            let pairs = a.values.iter().zip(&b.values);
            let worst = pairs.map(|(x, y)| (x - y).abs()).fold(0.0, f32::max);
            assert!(worst <= BOUND, "instruction {number} differs by {worst}");
        }
    }
}

fn check(model: &InstructUe, profiles: &[Profile], counts: &[usize]) {
    let cache = model.profile_cache(profiles).unwrap();
    assert_eq!(cache.len(), profiles.len());
    for &count in counts {
        let instructions = instructions(count);
        let cached = model.embed_cached(&cache, &instructions).unwrap();
        // Up to eight at a time are packed into one row with their profile.
        let packed = instructions.chunks(8);
        let packed: Vec<UserVectors> = packed
            .flat_map(|some| model.embed_both(profiles, some).unwrap())
            .collect();
        assert_near(&cached, &packed);
        assert_near(&model.embed_both(profiles, &instructions).unwrap(), &packed);
        // Instructions really make a difference here.
        if count > 1 {
            assert_ne!(cached[0].unit.row(5), cached[1].unit.row(5));
        }
    }
}

#[test]
fn a_cached_profile_gives_the_vectors_of_a_full_pass() {
    for device in [Device::default(), Device::default().autodiff()] {
        let model = model(&shard(), &device);
        let profiles = profiles(&model, &shard());
        check(&model, &profiles, &[0, 1, 2, 7, 8, 9, 23]);
    }
}

#[test]
fn for_every_type_of_decoder_and_every_option() {
    let (device, shard) = (Device::default(), shard());
    for model_type in [ModelType::Qwen2, ModelType::Qwen3, ModelType::Llama] {
        for options in 0..8 {
            let preprocessor = preprocessor(&shard);
            let mut config = config(&preprocessor);
            config.backbone = DecoderConfig {
                model_type,
                attention_bias: model_type == ModelType::Qwen2,
                head_dim: (model_type != ModelType::Qwen2).then_some(12),
                ..config.backbone
            };
            config.lookup = options & 1 > 0;
            config.tabular_at_user = options & 2 > 0;
            config.answer_bottleneck = options & 4 > 0;
            let model = InstructUe::new(config, preprocessor, 3, &device).unwrap();
            check(&model, &profiles(&model, &shard), &[3, 10]);
        }
    }
}

#[test]
fn without_numbers_and_without_events() {
    let device = Device::default();
    let (without, schema) = without_tabular(&shard());
    let preprocessor = preprocessor_of(&without, &schema);
    let model = InstructUe::new(config(&preprocessor), preprocessor, 3, &device).unwrap();
    let profiles = profiles(&model, &without);
    check(&model, &profiles, &[9]);

    // User 0 has no event, so nothing can be looked up in this cache.
    let cache = model.profile_cache(&profiles[..1]).unwrap();
    let instructions = instructions(4);
    let cached = model.embed_cached(&cache, &instructions).unwrap();
    assert_near(
        &cached,
        &model.embed_both(&profiles[..1], &instructions).unwrap(),
    );
    assert!(model.profile_cache(&[]).unwrap().is_empty());
}

#[test]
fn many_profiles_and_several_passes_at_a_time() {
    let shard = shard();
    let model = model(&shard, &Device::default());
    let profiles: Vec<_> = profiles(&model, &shard)
        .into_iter()
        .cycle()
        .take(200)
        .collect();
    check(&model.with_replicas(2), &profiles, &[12]);
}

/// Which of the things that a cache depends on differs.
fn refusal(cache_of: &InstructUe, model: &InstructUe) -> String {
    let profiles = profiles(cache_of, &shard());
    let cache = cache_of.profile_cache(&profiles).unwrap();
    cache_of.embed_cached(&cache, &instructions(1)).unwrap();
    let error = model.embed_cached(&cache, &instructions(1)).unwrap_err();
    let Error::Cache {
        key,
        expected,
        found,
    } = &error
    else {
        panic!("{error}");
    };
    assert_ne!(expected, found);
    for part in [expected, found] {
        assert!(error.to_string().contains(part.as_str()), "{error}");
    }
    (*key).to_owned()
}

#[test]
fn a_cache_of_another_model_is_refused() {
    let (device, shard) = (Device::default(), shard());
    let one = model(&shard, &device);

    let reseeded = InstructUe::new(one.config().clone(), one.preprocessor().clone(), 4, &device);
    assert_eq!(refusal(&one, &reseeded.unwrap()), "model");

    let mut config = one.config().clone();
    config.tabular_at_user = !config.tabular_at_user;
    let other = InstructUe::new(config, one.preprocessor().clone(), 3, &device);
    assert_eq!(refusal(&one, &other.unwrap()), "model");

    let (without, schema) = without_tabular(&shard);
    let preprocessor = preprocessor_of(&without, &schema);
    let other = InstructUe::new(one.config().clone(), preprocessor, 3, &device);
    assert_eq!(refusal(&one, &other.unwrap()), "model");

    let named = one.clone().with_adapter_id("tuned on coupons");
    assert_eq!(refusal(&one, &named), "adapter");
    assert_eq!(refusal(&named, &one), "adapter");

    // The same shape around other weights, with the digest known before.
    one.cache_key(&profiles(&one, &shard)[0]).unwrap();
    let reseeded = InstructUe::new(one.config().clone(), one.preprocessor().clone(), 4, &device);
    let changed = one
        .clone()
        .with_network(reseeded.unwrap().network().clone());
    assert_eq!(refusal(&one, &changed), "model");
}

#[test]
fn the_same_model_may_read_it_wherever_it_comes_from() {
    let (device, shard) = (Device::default(), shard());
    let one = model(&shard, &device);
    let profiles = profiles(&one, &shard);
    let dir = tempfile::tempdir().unwrap();
    one.save(&dir.path().join("model")).unwrap();
    let loaded = InstructUe::load(&dir.path().join("model"), &device).unwrap();
    let cache = one.profile_cache(&profiles).unwrap();
    for model in [
        loaded,
        one.frozen(),
        one.replica(),
        one.clone().with_replicas(2),
    ] {
        model.embed_cached(&cache, &instructions(2)).unwrap();
        assert_eq!(model.cache_key(&profiles[1]).unwrap(), cache.keys()[1]);
    }
}

#[test]
fn a_key_follows_what_the_model_sees_of_a_profile() {
    let model = model(&shard(), &Device::default());
    let profiles = profiles(&model, &shard());
    let key = |profile: &Profile| model.cache_key(profile).unwrap().profile;
    let known = key(&profiles[4]);
    assert_eq!(known, key(&profiles[4].clone()));
    assert_ne!(known, key(&profiles[5]));

    let change = |change: &dyn Fn(&mut SourceProfile)| {
        let mut changed = profiles[4].clone();
        changed.sources.iter_mut().for_each(change);
        key(&changed)
    };
    let event = |change_events: fn(&mut Vec<ProfileEvent>)| {
        change(&|source| {
            if let SourceProfile::Events(events) = source
                && !events.is_empty()
            {
                change_events(events);
            }
        })
    };
    assert_ne!(known, event(|events| drop(events.pop())));
    assert_ne!(known, event(|events| events[0].text = DataText::new("x")));
    assert_ne!(known, event(|events| events[0].features[0] += 1.0));
    let number = |source: &mut SourceProfile| {
        if let SourceProfile::Tabular(row) = source {
            row.numbers[0] = 0.25;
        }
    };
    assert_ne!(known, change(&number));
}

#[test]
fn an_empty_instruction_is_refused() {
    let model = model(&shard(), &Device::default());
    let cache = model.profile_cache(&profiles(&model, &shard())).unwrap();
    let error = model
        .embed_cached(&cache, &[Some(DataText::new(""))])
        .unwrap_err();
    assert!(error.to_string().contains("instruction"), "{error}");
}
