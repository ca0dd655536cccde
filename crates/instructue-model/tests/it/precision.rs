//! A whole model in half precision: its vectors, caches, answers and files.

use crate::common;
use crate::common::{config, preprocessor, profiles, shard};
use burn::tensor::{Bool, DType, Device, Distribution, Int, Tensor};
use instructue_backbone::{DecoderConfig, ModelType};
use instructue_encoders::TextBatch;
use instructue_encoders::cache::CacheConfig;
use instructue_features::{Batch, Profile};
use instructue_model::LoraConfig;
use instructue_model::{
    AnswerOptions, Error, InstructUe, ModelConfig, Precision, Pretrained, UserVectors, parameters,
};
use instructue_schema::DataText;

/// Those that the device can compute in; the others it has to refuse.
fn half(device: &Device) -> Vec<Precision> {
    let (has, lacks): (Vec<_>, Vec<_>) = [Precision::Bf16, Precision::F16]
        .into_iter()
        .partition(|precision| device.supports_dtype(precision.dtype()));
    for precision in lacks {
        let error = common::model(&shard(), device).with_precision(precision);
        let error = error.unwrap_err().to_string();
        let said = format!("cannot compute in {precision}; it can in f32");
        assert!(error.contains(&said), "{error}");
    }
    has
}

fn model_of(device: &Device, change: impl FnOnce(&mut ModelConfig)) -> InstructUe {
    let preprocessor = preprocessor(&shard());
    let mut config = config(&preprocessor);
    config.backbone.hidden_size = 64;
    config.backbone.num_hidden_layers = 4;
    change(&mut config);
    InstructUe::new(config, preprocessor, 3, device).unwrap()
}

fn instructions(count: usize) -> Vec<Option<DataText>> {
    let words = ["dog food", "books", "a flight to Rome", "pets and travel"];
    let text = |i: usize| {
        format!(
            "Will this user buy {}? {}",
            words[i % 4],
            "x ".repeat(i / 2)
        )
    };
    let texts = (1..count).map(|i| Some(DataText::new(text(i))));
    std::iter::once(None).chain(texts).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The smallest cosine of two vectors of one user under one instruction.
fn nearest(a: &[UserVectors], b: &[UserVectors]) -> f64 {
    assert_eq!(a.len(), b.len());
    let mut least = 1.0_f64;
    for (a, b) in a.iter().zip(b) {
        for (a, b) in [(&a.unit, &b.unit), (&a.state, &b.state)] {
            assert_eq!(a.rows, b.rows);
            for row in 0..a.rows {
                least = least.min(cosine(a.row(row), b.row(row)));
            }
        }
    }
    least
}

#[test]
fn vectors_are_near_those_of_f32() {
    let device = Device::default();
    let wide = model_of(&device, |_| {});
    let profiles = profiles(&wide, &shard());
    let expected = wide.embed_both(&profiles, &instructions(9)).unwrap();
    for precision in half(&device) {
        let narrow = wide.clone().with_precision(precision).unwrap();
        assert_eq!(narrow.precision(), precision);
        assert_eq!(narrow.network().backbone().precision(), precision);
        assert_eq!(narrow.network().encoders()[0].precision(), precision);
        let found = narrow.embed_both(&profiles, &instructions(9)).unwrap();
        let near = nearest(&expected, &found);
        assert!(near > 0.999 && near < 1.0, "{precision}: {near}");
        for (a, b) in [(&wide, &narrow)] {
            let texts = [DataText::new("dog food"), DataText::new("books")];
            let [a, b] = [a, b].map(|model| model.embed_texts(&texts).unwrap());
            for row in 0..2 {
                let near = cosine(a.row(row), b.row(row));
                assert!(near > 0.999, "{precision}: {near}");
            }
        }
        // There is nothing wider left to go back to.
        let back = narrow.clone().with_precision(Precision::F32).unwrap();
        let again = back.embed_both(&profiles, &instructions(9)).unwrap();
        assert!(nearest(&again, &found) > 0.999);
    }
}

#[test]
fn one_cached_profile_and_many_instructions_are_as_many_full_passes() {
    let device = Device::default();
    for precision in half(&device) {
        let wide = model_of(&device, |_| {});
        let bytes = |model: &InstructUe| {
            let cache = model.profile_cache(&profiles(model, &shard())).unwrap();
            cache.bytes()
        };
        let narrow = wide.clone().with_precision(precision).unwrap();
        assert_eq!(bytes(&wide), 2 * bytes(&narrow));
        let profiles = profiles(&narrow, &shard());
        let cache = narrow.profile_cache(&profiles).unwrap();
        for count in [1, 2, 7, 16] {
            let asked = instructions(count);
            let found = narrow.embed_cached(&cache, &asked).unwrap();
            // Each by itself: no instruction shares a row with another.
            let full: Vec<UserVectors> = asked
                .iter()
                .map(|one| {
                    narrow
                        .embed_both(&profiles, std::slice::from_ref(one))
                        .unwrap()
                })
                .map(|mut vectors| vectors.remove(0))
                .collect();
            let near = nearest(&full, &found);
            assert!(near >= 0.9999, "{precision}, {count}: {near}");
        }
    }
}

/// The scores of an answer's first token by a full pass.
fn scores(model: &InstructUe, profile: &Profile, question: &DataText) -> Vec<f32> {
    let preprocessor = model.preprocessor();
    let mut segment = common::segment(preprocessor, profile, Some(question), None);
    segment.answer = vec![preprocessor.tokenizer().end_id()];
    let mut profiles = preprocessor.profile_tokenizer();
    let row = preprocessor.row(&mut profiles, profile, 0, vec![segment]);
    let output = model.forward(&Batch::collate(preprocessor.layout(), &[row]));
    let logits = output.logits.unwrap();
    assert_eq!(logits.dtype(), DType::F32);
    logits.into_data().try_to_vec().unwrap()
}

#[test]
fn answers_begin_with_a_token_that_f32_would_give_or_almost() {
    let device = Device::default();
    // Far from zero, so that tokens differ.
    let wide = model_of(&device, |config| config.backbone.initializer_range = 0.3);
    let users = profiles(&wide, &shard());
    let question = DataText::new("Will this user buy pets food?");
    let options = AnswerOptions {
        max_tokens: 6,
        ..AnswerOptions::default()
    };
    for precision in half(&device) {
        let narrow = wide.clone().with_precision(precision).unwrap();
        let cache = narrow.profile_cache(&users).unwrap();
        for (user, profile) in users.iter().enumerate() {
            let answer = narrow.answer(&cache, user, Some(&question), options);
            let ids: Vec<u32> = answer.unwrap().collect();
            let scores = scores(&wide, profile, &question);
            let open = |id: &usize| {
                let tokenizer = wide.preprocessor().tokenizer();
                let id = *id as u32;
                id == tokenizer.end_id() || !tokenizer.reserved_ids().contains(&id)
            };
            let open: Vec<f32> = (0..scores.len())
                .filter(open)
                .map(|id| scores[id])
                .collect();
            let best = open.iter().copied().fold(f32::MIN, f32::max);
            let worst = open.iter().copied().fold(f32::MAX, f32::min);
            let end = wide.preprocessor().tokenizer().end_id();
            let first = ids.first().copied().unwrap_or(end);
            let behind = (best - scores[first as usize]) / (best - worst);
            assert!(behind < 0.05, "{precision}, user {user}: {behind}");
        }
    }
}

#[test]
fn a_saved_model_is_read_in_its_precision_or_in_another() {
    let device = Device::default();
    let wide = model_of(&device, |_| {});
    for precision in half(&device) {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let narrow = wide.clone().with_precision(precision).unwrap();
        narrow.save(&path("narrow")).unwrap();
        wide.save(&path("wide")).unwrap();
        let size = |name: &str| {
            let file = path(name).join("model.safetensors");
            std::fs::metadata(file).unwrap().len()
        };
        let expected = parameters::tensors(narrow.network());
        let halved = expected.values().filter(|data| data.dtype() != DType::F32);
        let halved = halved.map(|data| data.as_bytes().len() as u64).sum::<u64>();
        let saved = size("wide") - size("narrow");
        // But for the header.
        assert!(saved.abs_diff(halved) < 1000, "{saved} of {halved}");
        let [read, asked] = [
            InstructUe::load(&path("narrow"), &device).unwrap(),
            InstructUe::load_in(&path("wide"), &device, precision).unwrap(),
        ];
        for model in [read, asked] {
            assert_eq!(model.precision(), precision);
            let profile = &profiles(&narrow, &shard())[4];
            let keys = [&model, &narrow].map(|model| model.cache_key(profile).unwrap());
            assert_eq!(keys[0], keys[1]);
            let found = parameters::tensors(model.network());
            assert!(found.keys().eq(expected.keys()));
            for (name, data) in &found {
                assert_eq!(data.dtype(), expected[name].dtype(), "{name}");
                assert_eq!(data.as_bytes(), expected[name].as_bytes(), "{name}");
            }
        }
        let back = InstructUe::load_in(&path("narrow"), &device, Precision::F32).unwrap();
        for (name, data) in parameters::tensors(back.network()) {
            assert_eq!(data.dtype(), DType::F32);
            let rounded = expected[&name].clone().convert_dtype(DType::F32);
            assert_eq!(data.as_bytes(), rounded.as_bytes(), "{name}");
        }
    }
}

#[test]
fn caches_of_one_precision_never_meet_another() {
    let device = Device::default();
    let wide = model_of(&device, |config| config.encoder.train = false);
    let users = profiles(&wide, &shard());
    for precision in half(&device) {
        let narrow = wide.clone().with_precision(precision).unwrap();
        // A digest that is known already must not stay.
        let key = wide.cache_key(&users[4]).unwrap();
        let other = narrow.cache_key(&users[4]).unwrap();
        assert_eq!(
            (key.precision, other.precision),
            (Precision::F32, precision)
        );
        assert_ne!(key.model, other.model);
        assert_eq!(key.profile, other.profile);
        // Weights that half precision holds exactly are the same numbers, yet
        // what is computed with them is not.
        let exact = narrow.clone().with_precision(Precision::F32).unwrap();
        assert_ne!(exact.cache_key(&users[4]).unwrap(), other);
        for (maker, reader) in [(&wide, &narrow), (&narrow, &exact)] {
            let cache = maker.profile_cache(&users).unwrap();
            maker.embed_cached(&cache, &instructions(2)).unwrap();
            let error = reader.embed_cached(&cache, &instructions(2)).unwrap_err();
            let Error::Cache {
                key,
                expected,
                found,
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!(key, "precision");
            assert_eq!(expected, reader.precision().to_string());
            assert_eq!(found, maker.precision().to_string());
        }

        let [a, b, c] = [&wide, &narrow, &exact].map(|m| m.network().encoders()[0].digest());
        assert!(a != b && b != c && a != c);
        let dir = tempfile::tempdir().unwrap();
        let cache = CacheConfig::in_dir(dir.path());
        let misses = |model: &InstructUe| {
            let model = model.clone().with_event_cache(&cache).unwrap();
            model.embed_both(&users, &instructions(1)).unwrap();
            let caches = model.event_caches().iter();
            caches.map(|cache| cache.metrics().misses).sum::<u64>()
        };
        let encoded = misses(&wide);
        assert!(encoded > 0);
        assert_eq!(misses(&wide), 0);
        assert_eq!(misses(&narrow), encoded);
        assert_eq!(misses(&narrow), 0);
    }
}

#[test]
fn encoders_give_near_vectors_as_f32_in_both_poolings() {
    use instructue_encoders::{BertConfig, Pooling};
    let device = Device::default();
    for precision in half(&device) {
        for pooling in [Pooling::Cls, Pooling::Mean] {
            device.seed(6);
            let config = BertConfig {
                vocab_size: 50,
                hidden_size: 48,
                num_hidden_layers: 5,
                num_attention_heads: 4,
                intermediate_size: 96,
                max_position_embeddings: 16,
                initializer_range: 0.15,
                ..BertConfig::default()
            };
            let wide = config.init(pooling, None, &device).unwrap();
            let narrow = wide.clone().with_precision(precision).unwrap();
            let uniform = Distribution::Uniform(0.0, 50.0);
            let ids: Tensor<2, Int> = Tensor::<2>::random([7, 12], uniform, &device).int();
            let mut mask = [[true; 12]; 7];
            mask[3][5..].fill(false);
            mask[6].fill(false);
            let mask = Tensor::<2, Bool>::from_data(mask, &device);
            let [a, b] = [&wide, &narrow].map(|encoder| {
                let (ids, mask) = (ids.clone(), mask.clone());
                let vectors = encoder.forward(TextBatch { ids, mask });
                assert_eq!(vectors.dtype(), DType::F32);
                vectors.into_data().try_to_vec::<f32>().unwrap()
            });
            for row in 0..6 {
                let row = row * 48..(row + 1) * 48;
                let near = cosine(&a[row.clone()], &b[row]);
                assert!(
                    near > 0.999 && near < 1.0,
                    "{precision} {pooling:?}: {near}"
                );
            }
            // No text at all.
            assert!(b[6 * 48..].iter().all(|x| *x == 0.0));
        }
    }
}

#[test]
fn only_frozen_weights_are_trained_beside_in_half_precision() {
    let device = Device::default();
    let lora = LoraConfig {
        rank: 4,
        ..LoraConfig::default()
    };
    for precision in half(&device) {
        let device = device.clone().autodiff();
        let all = model_of(&device, |config| config.precision = precision);
        let error = all.for_training().unwrap_err().to_string();
        if precision == Precision::F16 {
            assert!(
                error.contains("expected f32 or bf16 for training"),
                "{error}"
            );
            continue;
        }
        for part in ["precision", "LoRA", &precision.to_string()] {
            assert!(error.contains(part), "{error}");
        }
        for train in [true, false] {
            let model = model_of(&device, |config| {
                config.precision = precision;
                config.backbone_lora = Some(lora);
                config.encoder.train = train;
            });
            let model = model.for_training().unwrap();
            let network = model.network();
            assert_eq!(network.backbone().precision(), precision);
            let encoder = match train {
                true => Precision::F32,
                false => precision,
            };
            assert_eq!(network.encoders()[0].precision(), encoder);
            let types = parameters::tensors(network);
            let mut trained = 0;
            for parameter in parameters::parameters(network) {
                if parameter.trainable {
                    trained += 1;
                    assert_eq!(types[&parameter.name].dtype(), DType::F32, "{parameter:?}");
                }
            }
            assert!(trained > 0);
        }
    }
}

#[test]
fn a_pretrained_decoder_keeps_its_precision() {
    let device = Device::default();
    for precision in half(&device) {
        let lora = LoraConfig::new().with_rank(2);
        let made = |precision| {
            let preprocessor = preprocessor(&shard());
            let decoder = DecoderConfig {
                vocab_size: preprocessor.tokenizer().vocab_size(),
                hidden_size: 32,
                intermediate_size: 48,
                num_hidden_layers: 2,
                num_attention_heads: 4,
                num_key_value_heads: 2,
                initializer_range: 0.2,
                precision,
                ..DecoderConfig::new(ModelType::Llama)
            };
            device.seed(11);
            let parts = Pretrained {
                backbone: Some(decoder.init(Some(&lora), &device).unwrap()),
                ..Pretrained::default()
            };
            let mut config = config(&preprocessor);
            config.backbone_lora = Some(LoraConfig {
                rank: 2,
                ..LoraConfig::default()
            });
            parts.configure(&mut config);
            InstructUe::with_parts(config, preprocessor, &parts, 3, &device).unwrap()
        };
        let (wide, narrow) = (made(Precision::F32), made(precision));
        assert_eq!(narrow.precision(), precision);
        assert_eq!(narrow.network().backbone().precision(), precision);
        // What is measured of a table is measured in f32.
        let scales = [&wide, &narrow].map(|model| model.config().input_scale);
        assert!((scales[0] / scales[1] - 1.0).abs() < 1e-3, "{scales:?}");
        let users = profiles(&wide, &shard());
        let [a, b] = [&wide, &narrow].map(|m| m.embed_both(&users, &instructions(5)).unwrap());
        let near = nearest(&a, &b);
        assert!(near > 0.999, "{precision}: {near}");

        let dir = tempfile::tempdir().unwrap();
        narrow.save(&dir.path().join("model")).unwrap();
        let again = InstructUe::load(&dir.path().join("model"), &device).unwrap();
        let [a, b] = [&narrow, &again].map(|m| m.cache_key(&users[3]).unwrap());
        assert_eq!(a, b);
        narrow.export_backbone(&dir.path().join("decoder")).unwrap();
        let config = DecoderConfig::load(&dir.path().join("decoder")).unwrap();
        let config = config.with_precision(precision);
        let exported = config.load_weights(&dir.path().join("decoder"), None, &device);
        assert_eq!(exported.unwrap().precision(), precision);
    }
}
