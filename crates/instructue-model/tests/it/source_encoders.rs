//! A source with an encoder and a tokenizer of its own beside the common ones.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, TensorData};
use instructue_encoders::cache::CacheConfig;
use instructue_encoders::{BertConfig, Pooling};
use instructue_features::{SourceTokens, TextTokenizer};
use instructue_model::parameters::{load, parameters, tensors};
use instructue_model::{
    EventEncoderConfig, InstructUe, LoraConfig, Matrix, ModelConfig, Network, Precision,
    Preprocessor, Pretrained,
};
use instructue_schema::DataText;

use crate::common::{config, preprocessor, profiles, shard};

const OWN: &str = "search";

fn bert(vocab_size: usize) -> BertConfig {
    BertConfig {
        vocab_size,
        hidden_size: 24,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        intermediate_size: 32,
        initializer_range: 0.2,
        ..BertConfig::default()
    }
}

/// A tokenizer that others trained on texts of their own.
fn tokenizer() -> Arc<TextTokenizer> {
    let texts = [
        "flights to Rome",
        "dogs and flights",
        "a tokenizer of others",
    ];
    let texts = texts.map(String::from).into_iter();
    Arc::new(TextTokenizer::train(texts, 300).unwrap())
}

fn parts() -> (Preprocessor, ModelConfig) {
    let own = BTreeMap::from([(OWN.to_string(), tokenizer())]);
    let preprocessor = preprocessor(&shard()).with_source_tokenizers(own);
    let mut config = config(&preprocessor);
    let own = EventEncoderConfig {
        bert: bert(tokenizer().vocab_size()),
        pooling: Pooling::Cls,
        normalized: true,
        lora: None,
        train: false,
    };
    config.source_encoders.insert(OWN.into(), own);
    (preprocessor, config)
}

fn model(device: &Device) -> InstructUe {
    let (preprocessor, config) = parts();
    InstructUe::new(config, preprocessor, 3, device).unwrap()
}

fn refusal(change: impl FnOnce(&mut ModelConfig)) -> String {
    let (preprocessor, mut config) = parts();
    change(&mut config);
    let error = InstructUe::new(config, preprocessor, 3, &Device::default());
    error.map(drop).unwrap_err().to_string()
}

fn questions() -> [Option<DataText>; 2] {
    [Some(DataText::new("Who looks for cheap flights?")), None]
}

fn embed(model: &InstructUe) -> Vec<Matrix> {
    let profiles = profiles(model, &shard());
    model.embed(&profiles, &questions()).unwrap()
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
fn each_source_is_read_by_its_encoder_and_tokenizer() {
    let model = model(&Device::default());
    let network = model.network();
    let widths: Vec<usize> = network.encoders().iter().map(|e| e.hidden_size()).collect();
    assert_eq!(widths, [24, 16], "the source's own first");
    assert_eq!(
        [0, 1, 2].map(|s| network.encoder_of(s)),
        [Some(1), Some(0), None]
    );
    let preprocessor = model.preprocessor();
    let profile = &profiles(&model, &shard())[4];
    let tokens = preprocessor.profile_tokenizer().tokenize(profile);
    let texts = |source: usize| match &tokens.sources[source] {
        SourceTokens::Events { texts, words, .. } => (texts[0].to_vec(), words.len()),
        SourceTokens::Tabular { .. } => panic!("events"),
    };
    let text = DataText::new("dog leash");
    assert_eq!(texts(1).0, tokenizer().encode_marked(&text, 8));
    assert_ne!(
        tokenizer().encode(&text),
        preprocessor.tokenizer().encode(&text)
    );
    // Words are compared in the backbone's vocabulary, which is the bills' own.
    assert_eq!((texts(0).1, texts(1).1), (0, 2));

    let together = embed(&model);
    for (user, profile) in profiles(&model, &shard()).iter().enumerate() {
        let alone = model
            .embed(std::slice::from_ref(profile), &questions())
            .unwrap();
        for (all, alone) in together.iter().zip(alone) {
            let pairs = all.row(user).iter().zip(alone.row(0));
            assert!(
                pairs.clone().all(|(a, b)| (a - b).abs() <= 1e-5),
                "user {user}"
            );
        }
    }
    let replicated = model.clone().with_replicas(2);
    assert!(distance(&together, &embed(&replicated)) <= 1e-5);
    let direction = vec![1.0; 32];
    let users = profiles(&model, &shard());
    let masses = model.source_gradients(&users, None, &direction).unwrap();
    assert!(masses[4][0] > 0.0 && masses[4][1] > 0.0);
}

#[test]
fn a_saved_model_has_both_tokenizers_and_gives_the_same_vectors() {
    let model = model(&Device::default());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    model.save(&path).unwrap();
    model.save(&path).unwrap();
    assert!(path.join("search.encoder_tokenizer.json").is_file());
    let loaded = InstructUe::load(&path, &Device::default()).unwrap();
    assert_eq!(embed(&loaded), embed(&model));
    assert_eq!(loaded.digest().unwrap(), model.digest().unwrap());
    let found = loaded.preprocessor().tokenizer_of(OWN);
    assert_eq!(found.json(), tokenizer().json());
    assert_ne!(
        found.json(),
        loaded.preprocessor().tokenizer_of("bill").json()
    );
    // Another tokenizer is another model.
    let (preprocessor, config) = parts();
    let other = TextTokenizer::train(["x y z".to_string()].into_iter(), 258).unwrap();
    let other = BTreeMap::from([(OWN.to_string(), Arc::new(other))]);
    let preprocessor = preprocessor.with_source_tokenizers(other);
    let other = InstructUe::new(config, preprocessor, 3, &Device::default()).unwrap();
    assert_ne!(other.digest().unwrap(), model.digest().unwrap());
    if Device::default().supports_dtype(Precision::Bf16.dtype()) {
        let half = model.with_precision(Precision::Bf16).unwrap();
        let mut encoders = half.network().encoders().iter();
        assert!(encoders.all(|encoder| encoder.precision() == Precision::Bf16));
        let own = &half.config().source_encoders[OWN];
        assert_eq!(own.bert.precision, Precision::Bf16);
    }
}

/// Moves every weight, as a step that reached all of them would.
fn moved(network: &Network) -> Network {
    let mut tensors = tensors(network);
    for data in tensors.values_mut() {
        let values = data
            .clone()
            .try_to_vec::<f32>()
            .unwrap()
            .into_iter()
            .enumerate();
        let values: Vec<f32> = values.map(|(i, x)| x + (i % 7) as f32 / 50.0).collect();
        *data = TensorData::new(values, data.shape().to_vec());
    }
    load(network.clone(), tensors, Path::new("test")).unwrap()
}

#[test]
fn a_frozen_encoder_is_cached_and_stays_while_the_other_trains() {
    let device = Device::default().autodiff();
    let plain = model(&device);
    let expected = embed(&plain);
    let cached = plain
        .clone()
        .with_event_cache(&CacheConfig::default())
        .unwrap();
    assert_eq!(cached.event_caches().len(), 1);
    assert!(distance(&expected, &embed(&cached)) <= 1e-5);
    let misses = |model: &InstructUe| model.event_caches()[0].metrics().misses;
    assert_eq!(misses(&cached), 2, "the searches' texts");
    let digests = |model: &InstructUe| {
        let encoders = model.network().encoders().iter();
        encoders.map(|encoder| encoder.digest()).collect::<Vec<_>>()
    };
    let stepped = cached.clone().stepped(moved(plain.network()));
    assert_eq!(stepped.event_caches().len(), 1);
    let (before, after) = (digests(&cached), digests(&stepped));
    assert_eq!(before[0], after[0], "frozen, and behind a cache");
    assert_ne!(before[1], after[1], "trained");
    let found = embed(&stepped);
    assert!(distance(&expected, &found) > 1e-4);
    assert_eq!(misses(&stepped), 2, "nothing is encoded again");
    let again = stepped
        .frozen()
        .with_event_cache(&CacheConfig::default())
        .unwrap();
    assert_eq!(
        again.event_caches().len(),
        2,
        "nothing of a frozen model is trained"
    );
    assert!(distance(&found, &embed(&again)) <= 1e-5);
    // What trains has no vectors that are kept, and a copy of which all trains has none at all.
    let wanted = |model: &InstructUe, encoder: usize| {
        let all = parameters(&model.network().encoders()[encoder]);
        all.iter().filter(|parameter| parameter.trainable).count()
    };
    assert_eq!((wanted(&cached, 0), wanted(&cached, 1) > 0), (0, true));
    assert!(again.replica().event_caches().is_empty());
    // Other tokenizers, other texts: the caches are not taken over.
    let (preprocessor, mut config) = parts();
    let preprocessor = preprocessor.with_source_tokenizers(BTreeMap::new());
    let vocabulary = preprocessor.tokenizer().vocab_size();
    config.source_encoders.get_mut(OWN).unwrap().bert = bert(vocabulary);
    let other = InstructUe::new(config, preprocessor, 3, &device).unwrap();
    assert!(other.with_event_cache_of(&cached).event_caches().is_empty());
    assert_eq!(plain.with_event_cache_of(&cached).event_caches().len(), 1);
}

#[test]
fn pretrained_encoders_are_told_apart_by_their_source() {
    let device = Device::default().autodiff();
    device.seed(11);
    let lora = LoraConfig::new().with_rank(2).with_dropout(0.0);
    let encoder = bert(tokenizer().vocab_size());
    let encoder = encoder.init(Pooling::Cls, Some(&lora), &device);
    let encoder = encoder.unwrap().with_normalized(true);
    let (preprocessor, mut config) = parts();
    config.source_encoders.get_mut(OWN).unwrap().lora = Some(lora);
    let pretrained = Pretrained {
        source_encoders: BTreeMap::from([(OWN.to_string(), encoder.clone())]),
        ..Pretrained::default()
    };
    pretrained.configure(&mut config);
    let digests = config.pretrained.clone().unwrap();
    assert_eq!(digests.encoder, None);
    assert_eq!(digests.source_encoders[OWN].len(), 64);
    let model = InstructUe::with_parts(config, preprocessor, &pretrained, 3, &device).unwrap();
    let config = model.config();
    assert_eq!(
        [0, 1].map(|index| config.has_pretrained_encoder(index)),
        [true, false]
    );
    let weight = "encoders.0.embeddings.word_embeddings.weight";
    let found = tensors(model.network());
    let given = &tensors(&encoder)["embeddings.word_embeddings.weight"];
    assert_eq!(&found[weight], given);
    // A checkpoint leaves out what began so and never changes: not LoRA's factors, and nothing
    // of the encoder that was fresh.
    for parameter in parameters(model.network()) {
        let name = parameter.name.as_str();
        let left = name.starts_with("encoders.0.") && !name.contains("lora");
        assert_eq!(config.begins_with(&parameter), left, "{name}");
    }
    // A copy of the source's own in the file, nothing of it merged.
    let dir = tempfile::tempdir().unwrap();
    model.save(&dir.path().join("model")).unwrap();
    let loaded = InstructUe::load(&dir.path().join("model"), &Device::default()).unwrap();
    assert_eq!(tensors(loaded.network())[weight], found[weight]);
    assert!(distance(&embed(&model), &embed(&loaded)) <= 1e-6);
    // A part of another width is not the one that the configuration means.
    let (preprocessor, mut config) = parts();
    config
        .source_encoders
        .get_mut(OWN)
        .unwrap()
        .bert
        .hidden_size = 32;
    let error = InstructUe::with_parts(config, preprocessor, &pretrained, 3, &Device::default());
    let message = error.map(drop).unwrap_err().to_string();
    let expected = "source_encoders.search.bert.hidden_size`: expected the pretrained encoder's, 24, \
                    found 32";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn what_does_not_fit_is_named_by_its_source() {
    let own = |config: &mut ModelConfig, change: fn(&mut EventEncoderConfig)| {
        change(config.source_encoders.get_mut(OWN).unwrap());
    };
    let message = refusal(|config| {
        let encoder = config.source_encoders.remove(OWN).unwrap();
        config.source_encoders.insert("serach".into(), encoder);
    });
    let expected = "source_encoders.serach`: expected an events source with texts (bill, search)";
    assert!(message.contains(expected), "{message}");
    let message = refusal(|config| {
        let encoder = config.source_encoders[OWN].clone();
        config.source_encoders.insert("tabular".into(), encoder);
    });
    assert!(message.contains("source_encoders.tabular"), "{message}");
    let message = refusal(|config| own(config, |encoder| encoder.bert.vocab_size = 7));
    assert!(
        message.contains("source_encoders.search.bert.vocab_size"),
        "{message}"
    );
    let short = |encoder: &mut EventEncoderConfig| encoder.bert.max_position_embeddings = 7;
    let message = refusal(|config| own(config, short));
    let expected = "source_encoders.search.bert.max_position_embeddings`: expected at least 8, the \
                    `max_tokens` of source `search`, found 7";
    assert!(message.contains(expected), "{message}");
    let message = refusal(|config| config.source_encoders.clear());
    assert!(message.contains("source_encoders.search"), "{message}");
    assert!(
        message.contains("which has a tokenizer of its own"),
        "{message}"
    );
}
