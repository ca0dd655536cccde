//! A source whose events have vectors of their own, between sources of texts.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor};
use instructue_encoders::cache::CacheConfig;
use instructue_features::{Batch, Profile, Row};
use instructue_model::{InstructUe, Matrix, ModelConfig, Normalisers, Preprocessor};
use instructue_schema::{ColumnData, DataText, Schema, Shard, SourceTable, Timestamp};

use crate::common;
use crate::common::{SCHEMA, config, preprocessor_of, profiles, segment};

const WIDTH: usize = 5;
/// The place of the source among the others.
const PICTURES: usize = 1;

const SOURCE: &str = r#"[[source]]
name = "picture"
kind = "events"
description = "pets and dog food in pictures"
slots = 6
column = [
    { name = "user", type = "text", role = "user" },
    { name = "time", type = "timestamp", role = "time" },
    { name = "seen", type = "vector", role = "vector", width = 5 },
]

"#;

fn schema() -> Schema {
    let search = "[[source]]\nname = \"search\"";
    let text = SCHEMA.replacen(search, &format!("{SOURCE}{search}"), 1);
    Schema::from_toml(&text).unwrap()
}

/// The pictures of user u: as many as u, of which the first and the last are the same.
fn pictures(changed: impl Fn(f32) -> f32) -> SourceTable {
    let (mut offsets, mut times, mut values) = (vec![0], Vec::new(), Vec::new());
    for user in 0..6_usize {
        for event in 0..user {
            times.push(Timestamp((70 + event as i64) * 86_400));
            let kind = if event + 1 == user { 0 } else { event };
            values.extend((0..WIDTH).map(|at| changed(((3 * at + 7 * kind) % 11) as f32)));
        }
        offsets.push(times.len());
    }
    SourceTable {
        offsets,
        times,
        columns: vec![ColumnData::Vector {
            width: WIDTH,
            values,
        }],
    }
}

fn shard_with(pictures: SourceTable) -> Shard {
    let mut shard = common::shard();
    shard.sources.insert(PICTURES, pictures);
    shard
}

fn shard() -> Shard {
    shard_with(pictures(|number| number))
}

fn model_of(shard: &Shard, change: impl FnOnce(&mut ModelConfig), device: &Device) -> InstructUe {
    let preprocessor = preprocessor_of(shard, &schema());
    let mut config = config(&preprocessor);
    config.shared_encoder = false;
    change(&mut config);
    InstructUe::new(config, preprocessor, 3, device).unwrap()
}

fn model(shard: &Shard) -> InstructUe {
    model_of(shard, |_| {}, &Device::default())
}

fn questions() -> [Option<DataText>; 2] {
    [Some(DataText::new("Will this user buy pets food?")), None]
}

fn embed(model: &InstructUe, shard: &Shard) -> Vec<Matrix> {
    model.embed(&profiles(model, shard), &questions()).unwrap()
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn batch_size_and_packing_change_nothing() {
    let shard = shard();
    let model = model(&shard);
    assert_eq!(model.network().encoders().len(), 2, "of bills and searches");
    assert_eq!(model.network().encoder_of(PICTURES), None);
    assert_eq!(model.network().encoder_of(2), Some(1));
    let together = embed(&model, &shard);
    for (user, profile) in profiles(&model, &shard).iter().enumerate() {
        let alone = model
            .embed(std::slice::from_ref(profile), &questions())
            .unwrap();
        for (all, alone) in together.iter().zip(alone) {
            assert!(distance(all.row(user), alone.row(0)) <= 1e-5, "user {user}");
        }
    }
    // Of more than eight questions the profile is read by itself.
    let all = profiles(&model, &shard);
    let many: Vec<_> = questions().into_iter().cycle().take(10).collect();
    let many = model.embed(&all, &many).unwrap();
    assert!(distance(&many[8].values, &together[0].values) <= 1e-5);
    // Equal vectors of a batch are held once.
    let preprocessor = model.preprocessor();
    let mut tokenizer = preprocessor.profile_tokenizer();
    let rows: Vec<Row> = all
        .iter()
        .zip(0..)
        .map(|(profile, key)| {
            let segment = segment(preprocessor, profile, None, None);
            preprocessor.row(&mut tokenizer, profile, key, vec![segment])
        })
        .collect();
    let batch = Batch::collate(preprocessor.layout(), &rows);
    let instructue_features::SourceBatch::Events(events) = &batch.sources[PICTURES] else {
        panic!("events")
    };
    assert_eq!((events.text_of.len(), events.vectors.len()), (15, 4));
    assert!(events.texts.is_empty());
}

#[test]
fn the_vectors_count_and_their_scale_does_not() {
    let shard = shard();
    let expected = embed(&model(&shard), &shard);
    let scaled = shard_with(pictures(|number| 1000.0 * number + 7.0));
    let found = embed(&model(&scaled), &scaled);
    for (expected, found) in expected.iter().zip(&found) {
        assert!(distance(&expected.values, &found.values) <= 1e-4);
    }
    // The same model sees another picture.
    let model = model(&shard);
    let mut others = profiles(&model, &shard);
    let instructue_features::SourceProfile::Events(events) = &mut others[5].sources[PICTURES]
    else {
        panic!("events")
    };
    events[0].vector = Some([1.5; WIDTH].into());
    let changed = model.embed(&others, &questions()).unwrap();
    assert!(distance(changed[0].row(5), expected[0].row(5)) > 1e-3);
    assert!(distance(changed[0].row(4), expected[0].row(4)) <= 1e-6);
    let key = |profile: &Profile| model.cache_key(profile).unwrap().profile;
    assert_ne!(key(&others[5]), key(&profiles(&model, &shard)[5]));
    assert_eq!(key(&others[4]), key(&profiles(&model, &shard)[4]));
}

#[test]
fn a_saved_model_gives_the_same_vectors_and_digest() {
    let shard = shard();
    let model = model(&shard);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    model.save(&path).unwrap();
    let loaded = InstructUe::load(&path, &Device::default()).unwrap();
    assert_eq!(embed(&loaded, &shard), embed(&model, &shard));
    assert_eq!(loaded.digest().unwrap(), model.digest().unwrap());
    let (found, expected) = (loaded.preprocessor(), model.preprocessor());
    assert_eq!(found.normalisers(), expected.normalisers());
}

#[test]
fn words_find_nothing_in_vectors() {
    let shard = shard();
    let model = model(&shard);
    let question = DataText::new("pets and dog food in pictures");
    let mut pictured = profiles(&model, &shard).remove(5);
    for (number, source) in pictured.sources.iter_mut().enumerate() {
        if let (instructue_features::SourceProfile::Events(events), false) =
            (source, number == PICTURES)
        {
            events.clear();
        }
    }
    let preprocessor = model.preprocessor();
    let words = preprocessor.words(&pictured);
    let found = preprocessor.lexical_features(words.as_ref(), Some(&question));
    // The last number is of the question alone.
    let (_, of_events) = found.split_last().unwrap();
    assert!(of_events.iter().all(|number| *number == 0.0), "{found:?}");
    let row = Row {
        user_key: 0,
        profile: preprocessor.profile_tokenizer().tokenize(&pictured),
        segments: vec![segment(preprocessor, &pictured, Some(&question), None)],
    };
    let input = model.upload(&Batch::collate(preprocessor.layout(), &[row]));
    assert!(input.lookup.is_none(), "nothing that could be looked up");
}

/// The sums of the absolute gradients of all parameters, by path.
fn gradients(model: &InstructUe, gradients: &Gradients) -> BTreeMap<String, f32> {
    struct Visit<'a>(Vec<String>, &'a Gradients, BTreeMap<String, f32>);
    impl ModuleVisitor for Visit<'_> {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.0.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.1) {
                let sum = gradient.abs().sum().into_scalar::<f32>();
                self.2.insert(self.0.join("."), sum);
            }
        }
    }
    let mut visit = Visit(Vec::new(), gradients, BTreeMap::new());
    model.network().visit(&mut visit);
    visit.2
}

#[test]
fn gradients_reach_the_adapter_and_the_source_counts() {
    let shard = shard();
    let model = model_of(&shard, |_| {}, &Device::default().autodiff());
    let preprocessor = model.preprocessor();
    let mut tokenizer = preprocessor.profile_tokenizer();
    let profiles = profiles(&model, &shard);
    let rows: Vec<Row> = profiles
        .iter()
        .zip(0..)
        .map(|(profile, key)| {
            let segment = segment(preprocessor, profile, questions()[0].as_ref(), None);
            preprocessor.row(&mut tokenizer, profile, key, vec![segment])
        })
        .collect();
    let output = model.forward(&Batch::collate(preprocessor.layout(), &rows));
    let found = gradients(&model, &output.states.powi_scalar(2).sum().backward());
    let of_adapter: f32 = found
        .iter()
        .filter(|(name, _)| name.starts_with("adapters.1.projection"))
        .map(|(_, sum)| sum)
        .sum();
    assert!(of_adapter > 0.0, "{:?}", found.keys());
    let direction: Vec<f32> = (0..32).map(|at| (at % 5) as f32 - 2.0).collect();
    let masses = model
        .source_gradients(&profiles, questions()[0].as_ref(), &direction)
        .unwrap();
    assert_eq!(masses[0][PICTURES], 0.0, "no picture");
    assert!(masses[5][PICTURES] > 0.0);
}

#[test]
fn the_event_cache_passes_over_vectors() {
    let shard = shard();
    let frozen = |config: &mut ModelConfig| config.encoder.train = false;
    let plain = model_of(&shard, frozen, &Device::default());
    let cached = plain
        .clone()
        .with_event_cache(&CacheConfig::default())
        .unwrap();
    assert_eq!(cached.event_caches().len(), 2);
    let found = embed(&cached, &shard);
    for (found, expected) in found.iter().zip(embed(&plain, &shard)) {
        assert!(distance(&found.values, &expected.values) <= 1e-5);
    }
    let texts = |cache: usize| cached.event_caches()[cache].metrics().misses;
    assert_eq!((texts(0), texts(1)), (4, 2), "bills and searches alone");
}

#[test]
fn a_model_of_vectors_alone_has_no_encoder() {
    let tables = "name = \"pictures\"\n\n";
    let schema = Schema::from_toml(&format!("{tables}{SOURCE}")).unwrap();
    let mut shard = common::shard();
    shard.sources = vec![pictures(|number| number)];
    let preprocessor = preprocessor_of(&shard, &schema);
    let config = config(&preprocessor);
    let model = InstructUe::new(config, preprocessor, 3, &Device::default()).unwrap();
    assert!(model.network().encoders().is_empty());
    let expected = embed(&model, &shard);
    assert!(distance(expected[0].row(5), expected[0].row(0)) > 1e-3);
    let dir = tempfile::tempdir().unwrap();
    model.save(&dir.path().join("model")).unwrap();
    let loaded = InstructUe::load(&dir.path().join("model"), &Device::default()).unwrap();
    let loaded = loaded.with_event_cache(&CacheConfig::default()).unwrap();
    assert!(loaded.event_caches().is_empty());
    assert_eq!(embed(&loaded, &shard), expected);
}

#[test]
fn normalisers_of_few_users_keep_nothing_and_others_are_refused() {
    let (shard, schema) = (shard(), schema());
    let fitted = |min_users: usize| {
        let histories = || {
            shard
                .histories()
                .map(|history| (history, common::REFERENCE))
        };
        let profiles =
            instructue_features::ProfileBuilder::fit(&schema, histories(), None, min_users);
        let fitted = Normalisers::fit(&profiles, histories()).unwrap();
        fitted.of_vectors(PICTURES).unwrap().clone()
    };
    // Five users have a picture; their vectors are fifteen.
    assert!(fitted(5).mean.iter().all(|mean| *mean > 0.0));
    let unknown = fitted(6);
    assert_eq!(
        (unknown.mean, unknown.std),
        (vec![0.0; WIDTH], vec![1.0; WIDTH])
    );

    let own = preprocessor_of(&shard, &schema);
    let (profiles, tokenizer) = (own.profiles().clone(), own.tokenizer().clone());
    let mut normalisers = own.normalisers().clone();
    normalisers.vectors.clear();
    let lacking = Preprocessor::new(profiles, normalisers, tokenizer.clone(), tokenizer, true)
        .with_lexical_matches(own.lexical_matches().cloned());
    let config = config(&lacking);
    let error = InstructUe::new(config, lacking, 3, &Device::default()).unwrap_err();
    let message = error.to_string();
    let expected = "normalisers of source picture`: expected one of 5 numbers, for its vectors, \
                    found none for vectors";
    assert!(message.contains(expected), "{message}");
}
