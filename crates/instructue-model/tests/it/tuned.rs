//! Learned tokens behind an instruction: where they stand, what depends on
//! them, and the file they are kept in.

use crate::common;
use std::fs;

use crate::common::{config, model, preprocessor, profiles, shard};
use burn::module::Param;
use burn::tensor::{Device, Distribution, Tensor};
use instructue_model::{Error, InstructUe, Readout, SoftPrompt, TunedWeights, UserVectors};
use instructue_schema::DataText;

const QUESTION: &str = "Will this user buy pets food?";

fn classes() -> Vec<String> {
    ["no", "yes"].map(String::from).to_vec()
}

/// Random tokens and prototypes.
fn random(model: &InstructUe, tokens: usize) -> SoftPrompt {
    let device = model.device().clone().inner();
    device.seed(9);
    let draw = |rows, width| {
        let normal = Distribution::Normal(0.0, 0.5);
        Param::from_tensor(Tensor::random([rows, width], normal, &device))
    };
    let tuned = model.tuned(QUESTION, classes(), tokens, 0.07).unwrap();
    tuned.with_weights(TunedWeights {
        tokens: draw(tokens, model.config().backbone.hidden_size),
        prototypes: draw(2, model.width()),
    })
}

fn worst(a: &UserVectors, b: &UserVectors) -> f32 {
    let pairs = [(&a.unit, &b.unit), (&a.state, &b.state), (&a.pca, &b.pca)];
    let all = pairs
        .into_iter()
        .flat_map(|(a, b)| a.values.iter().zip(&b.values));
    all.map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

#[test]
fn without_learned_tokens_vectors_are_those_of_the_instruction() {
    for device in [Device::default(), Device::default().autodiff()] {
        let model = model(&shard(), &device);
        let cache = model.profile_cache(&profiles(&model, &shard())).unwrap();
        let plain = model
            .embed_cached(&cache, &[Some(DataText::new(QUESTION))])
            .unwrap()
            .remove(0);
        let none = model.tuned(QUESTION, classes(), 0, 0.07).unwrap();
        assert!(worst(&model.embed_tuned(&cache, &none).unwrap(), &plain) < 1e-5);
        let some = model.embed_tuned(&cache, &random(&model, 3)).unwrap();
        assert!(worst(&some, &plain) > 1e-2, "learned tokens matter");
    }
}

/// Tokens of the vocabulary in the learned tokens' place are tokens.
#[test]
fn learned_tokens_stand_between_the_instruction_and_the_user() {
    // Of tokens that are no words nothing can be mentioned.
    let preprocessor = preprocessor(&shard());
    let mut config = config(&preprocessor);
    config.lexical_matches = false;
    let model = InstructUe::new(config, preprocessor, 3, &Device::default()).unwrap();
    let cache = model.profile_cache(&profiles(&model, &shard())).unwrap();
    let longer = DataText::new(format!("{QUESTION} dog food"));
    let tokenizer = model.preprocessor().tokenizer();
    let (short, long) = (
        tokenizer.encode(&DataText::new(QUESTION)),
        tokenizer.encode(&longer),
    );
    assert_eq!(long[..short.len()], short, "the same beginning");
    let ids: Vec<i64> = long[short.len()..].iter().map(|&id| id.into()).collect();
    let ids = Tensor::<1, burn::tensor::Int>::from_data(ids.as_slice(), model.device());
    let tokens = model.network().backbone().embed(ids.unsqueeze::<2>());
    let count = long.len() - short.len();
    let tuned = model.tuned(QUESTION, classes(), count, 0.07).unwrap();
    let tuned = tuned.clone().with_weights(TunedWeights {
        tokens: Param::from_tensor(tokens.squeeze_dim::<2>(0)),
        prototypes: tuned.weights().prototypes.clone(),
    });
    let by_words = model.embed_cached(&cache, &[Some(longer)]).unwrap();
    let by_tokens = model.embed_tuned(&cache, &tuned).unwrap();
    assert!(worst(&by_tokens, &by_words[0]) < 1e-5);
}

#[test]
fn the_graph_reaches_the_tokens_and_nothing_else() {
    let model = model(&shard(), &Device::default());
    let users = profiles(&model, &shard());
    let cache = model.profile_cache(&users).unwrap();
    let tuned = random(&model, 2);
    let plain = model.embed_tuned(&cache, &tuned).unwrap();
    let training = model.for_tuning();
    let tokens = tuned.weights().tokens.val().autodiff().require_grad();
    let vectors = training
        .tuned_users(&cache, &tuned, tokens.clone())
        .unwrap();
    let found: Vec<f32> = vectors.clone().into_data().try_to_vec().unwrap();
    let gap = found
        .iter()
        .zip(&plain.unit.values)
        .map(|(a, b)| (a - b).abs());
    assert!(gap.fold(0.0, f32::max) < 1e-5, "the same vectors, in order");

    // The gradient of a sum beside differences of that sum.
    let device = Device::default();
    device.seed(4);
    let weights = Tensor::<2>::random(vectors.dims(), Distribution::Normal(0.0, 1.0), &device);
    let gradients = (vectors * weights.clone()).sum().backward();
    let gradient = tokens.grad(&gradients).unwrap();
    let gradient: Vec<f32> = gradient.into_data().try_to_vec().unwrap();
    let start = tuned.weights().tokens.val();
    let [count, width] = start.dims();
    for place in [0, width - 1, width + 3] {
        let sum = |by: f32| {
            let mut step = vec![0.0; count * width];
            step[place] = by;
            let step = Tensor::<1>::from_floats(step.as_slice(), &device);
            let tokens = start.clone() + step.reshape([count, width]);
            let vectors = model.frozen().tuned_users(&cache, &tuned, tokens).unwrap();
            (vectors * weights.clone()).sum().into_scalar::<f32>()
        };
        let expected = (sum(1e-2) - sum(-1e-2)) / 2e-2;
        let found = gradient[place];
        let bound = 0.02 * expected.abs().max(1.0);
        assert!((found - expected).abs() < bound, "{found} {expected}");
    }
    let trainable = instructue_model::parameters::parameters(training.network());
    assert!(trainable.iter().all(|parameter| !parameter.trainable));
}

#[test]
fn a_file_comes_back_as_it_was_and_only_to_its_model() {
    let shard = shard();
    let model = model(&shard, &Device::default());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("below/tuned.safetensors");
    let tuned = random(&model, 6);
    tuned.save(&path).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 20_000);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    common::assert_ordinary(&path);
    let loaded = SoftPrompt::load(&path, &model).unwrap();
    assert_eq!(loaded.instruction(), QUESTION);
    assert_eq!(
        (loaded.classes(), loaded.temperature()),
        (&*classes(), 0.07)
    );
    let cache = model.profile_cache(&profiles(&model, &shard)).unwrap();
    let (a, b) = (
        model.embed_tuned(&cache, &tuned).unwrap(),
        model.embed_tuned(&cache, &loaded).unwrap(),
    );
    assert_eq!(a, b);
    let scores = loaded.scores(&b);
    assert_eq!(scores, tuned.scores(&a));
    for pair in scores.chunks(2) {
        assert!((pair[0] + pair[1] - 1.0).abs() < 1e-5);
    }

    let preprocessor = preprocessor(&shard);
    let config = config(&preprocessor);
    let other = InstructUe::new(config, preprocessor, 4, &Device::default()).unwrap();
    let error = SoftPrompt::load(&path, &other).unwrap_err();
    assert!(
        matches!(&error, Error::SoftPrompt { key, .. } if key.contains("model")),
        "{error}"
    );
    assert!(error.to_string().contains("tuned.safetensors"), "{error}");
    let cache = other.profile_cache(&[]).unwrap();
    let error = other.embed_tuned(&cache, &tuned).unwrap_err();
    assert!(matches!(error, Error::SoftPrompt { .. }), "{error}");
    let named = model.clone().with_adapter_id("shop");
    let error = SoftPrompt::load(&path, &named).unwrap_err().to_string();
    assert!(
        error.contains("adapter") && error.contains("shop"),
        "{error}"
    );
}

/// Random weights for some classes of a model.
fn readout(model: &InstructUe, outputs: usize) -> Readout {
    let width = model.preprocessor().pca_width() + model.config().backbone.hidden_size;
    let value = |place: usize| ((place * 37 % 23) as f32 - 11.0) / 20.0;
    Readout {
        weights: (0..outputs * width).map(value).collect(),
        bias: (0..outputs).map(|output| 0.5 - output as f32).collect(),
    }
}

#[test]
fn a_readout_takes_the_place_of_prototypes_and_is_kept() {
    let shard = shard();
    let model = model(&shard, &Device::default());
    let cache = model.profile_cache(&profiles(&model, &shard)).unwrap();
    let names = |count: usize| (0..count).map(|k| format!("class {k}")).collect();
    for (classes, outputs) in [(2, 1), (3, 3)] {
        let plain = model.tuned(QUESTION, names(classes), 2, 0.07).unwrap();
        let read = readout(&model, outputs);
        let tuned = plain.clone().with_readout(&model, read.clone()).unwrap();
        let vectors = model.embed_tuned(&cache, &tuned).unwrap();
        let scores = tuned.scores(&vectors);
        assert_eq!(scores.len(), 6 * classes);
        assert_ne!(scores, plain.scores(&vectors));
        assert_eq!(
            tuned.clone().without_readout().scores(&vectors),
            plain.scores(&vectors)
        );
        // The second user by hand.
        let x = [vectors.pca.row(1), vectors.state.row(1)].concat();
        let odds = read
            .weights
            .chunks(x.len())
            .zip(&read.bias)
            .map(|(row, bias)| {
                let z: f32 = row.iter().zip(&x).map(|(w, x)| w * x).sum::<f32>() + bias;
                1.0 / (1.0 + (-z).exp())
            });
        let odds: Vec<f32> = odds.collect();
        let expected = match odds[..] {
            [second] => vec![1.0 - second, second],
            _ => odds.iter().map(|p| p / odds.iter().sum::<f32>()).collect(),
        };
        for (found, expected) in scores[classes..].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tuned.safetensors");
        tuned.save(&path).unwrap();
        let loaded = SoftPrompt::load(&path, &model).unwrap();
        assert_eq!(loaded.readout(), Some(&read));
        assert_eq!(loaded.scores(&vectors), scores);
        let wrong = readout(&model, outputs + 1);
        let error = plain.with_readout(&model, wrong).unwrap_err().to_string();
        assert!(error.contains("`readout`"), "{error}");
    }
}

#[test]
fn a_damaged_file_is_one_error_that_says_what() {
    let model = model(&shard(), &Device::default());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tuned.safetensors");
    random(&model, 2).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let read = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        SoftPrompt::load(&path, &model).unwrap_err().to_string()
    };
    for length in [0, 4, 100, whole.len() - 1] {
        let error = read(&whole[..length]);
        assert!(error.contains("safetensors of tune_users"), "{error}");
    }
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = whole.windows(from.len()).position(|w| w == from.as_bytes());
        let at = at.expect("in the header");
        let mut bytes = whole.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        read(&bytes)
    };
    for (from, to, parts) in [
        ("instructue tuned", "instructue bread", ["kind", "bread"]),
        (
            "\"version\":\"3\"",
            "\"version\":\"9\"",
            ["version", "found 9"],
        ),
        ("\"classes\"", "\"clasess\"", ["classes", "found none"]),
        (
            "\"temperature\":\"0.07\"",
            "\"temperature\":\"warm\"",
            ["temperature", "warm"],
        ),
        (
            "\"temperature\":\"0.07\"",
            "\"temperature\":\"-.07\"",
            ["temperature", "above 0"],
        ),
        (
            "\"prototypes\"",
            "\"prototipes\"",
            ["`prototypes`", "found none"],
        ),
        (
            "\"shape\":[2,32]",
            "\"shape\":[1,64]",
            ["`tokens`", "[1, 64]"],
        ),
    ] {
        let error = replaced(from, to);
        for part in parts {
            assert!(error.contains(part), "{from}: {error}");
        }
    }
    let mut bytes = whole.clone();
    let end = bytes.len();
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let error = read(&bytes);
    assert!(
        error.contains("finite numbers") && error.contains("NaN"),
        "{error}"
    );
}

#[test]
fn one_flipped_bit_is_noticed() {
    let model = model(&shard(), &Device::default());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tuned.safetensors");
    random(&model, 2).save(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        // Padding of the header says nothing.
        assert!(
            SoftPrompt::load(&path, &model).is_err() || whole[at] == b' ',
            "byte {at}"
        );
    }
}

#[test]
fn another_file_is_not_replaced() {
    let model = model(&shard(), &Device::default());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("thesis.tex");
    fs::write(&path, "text").unwrap();
    let error = random(&model, 2).save(&path).unwrap_err().to_string();
    assert!(error.contains("found another file"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"text");
}

#[test]
fn what_cannot_be_tuned_is_refused_by_key() {
    let model = model(&shard(), &Device::default());
    let refused = |text: &str, classes: &[&str], temperature: f64| {
        let classes = classes.iter().map(|name| name.to_string()).collect();
        let error = model.tuned(text, classes, 2, temperature).unwrap_err();
        error.to_string()
    };
    assert!(refused("", &["a", "b"], 0.1).contains("`instruction`"));
    assert!(refused(QUESTION, &["a"], 0.1).contains("`classes`"));
    assert!(refused(QUESTION, &["a", "a"], 0.1).contains("`classes`"));
    assert!(refused(QUESTION, &["a", "b"], 0.0).contains("`temperature`"));
}
