//! Models around a decoder and an encoder that come with weights.

use std::sync::Arc;

use crate::common::{REFERENCE, config, preprocessor, profiles, shard};
use burn::tensor::Device;
use instructue_backbone::{DecoderConfig, ModelType};
use instructue_encoders::{BertConfig, Pooling};
use instructue_features::{ProfileBuilder, TextTokenizer};
use instructue_model::parameters::{parameters, tensors};
use instructue_model::{Error, InstructUe, ModelConfig, Preprocessor, Pretrained};
use instructue_nn::lora::LoraConfig;
use instructue_schema::DataText;

/// Rows that the decoder's table has beyond its tokenizer.
const FREE: usize = 3;

/// A preprocessor with two tokenizers, as two pretrained parts have.
fn two_tokenizers() -> Preprocessor {
    let own = preprocessor(&shard());
    let texts = ["food for pets", "books and food", "an encoder of others"].map(String::from);
    let encoder = TextTokenizer::train(texts.into_iter(), 300).unwrap();
    let profiles: ProfileBuilder = own.profiles().clone();
    Preprocessor::new(
        profiles,
        own.normalisers().clone(),
        Arc::new(encoder),
        own.tokenizer().clone(),
        true,
    )
    .with_lexical_matches(own.lexical_matches().cloned())
}

fn bert(preprocessor: &Preprocessor) -> BertConfig {
    BertConfig {
        vocab_size: preprocessor.encoder_tokenizer().vocab_size(),
        hidden_size: 16,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        intermediate_size: 32,
        initializer_range: 0.2,
        ..BertConfig::default()
    }
}

fn parts(preprocessor: &Preprocessor, device: &Device) -> Pretrained {
    device.seed(11);
    let decoder = DecoderConfig {
        vocab_size: preprocessor.tokenizer().vocab_size() + FREE,
        hidden_size: 32,
        intermediate_size: 48,
        num_hidden_layers: 2,
        num_attention_heads: 4,
        num_key_value_heads: 2,
        initializer_range: 0.5,
        ..DecoderConfig::new(ModelType::Llama)
    };
    let encoder = bert(preprocessor);
    let lora = LoraConfig::new().with_rank(2).with_dropout(0.0);
    Pretrained {
        backbone: Some(decoder.init(Some(&lora), device).unwrap()),
        encoder: Some(encoder.init(Pooling::Mean, None, device).unwrap()),
        ..Pretrained::default()
    }
}

fn configured(preprocessor: &Preprocessor, parts: &Pretrained) -> ModelConfig {
    let mut config = config(preprocessor);
    config.encoder.bert = bert(preprocessor);
    config.encoder.train = false;
    config.backbone_lora = Some(instructue_model::LoraConfig {
        rank: 2,
        alpha: 32.0,
        dropout: 0.0,
    });
    parts.configure(&mut config);
    config
}

fn model(device: &Device) -> InstructUe {
    let preprocessor = two_tokenizers();
    let parts = parts(&preprocessor, device);
    let config = configured(&preprocessor, &parts);
    InstructUe::with_parts(config, preprocessor, &parts, 3, device).unwrap()
}

#[test]
fn the_parts_keep_their_weights_and_only_new_rows_are_trained() {
    let device = Device::default().autodiff();
    let preprocessor = two_tokenizers();
    let parts = parts(&preprocessor, &device);
    let config = configured(&preprocessor, &parts);
    let model = InstructUe::with_parts(config, preprocessor, &parts, 3, &device).unwrap();
    let all = tensors(model.network());
    for (name, value) in tensors(parts.backbone.as_ref().unwrap()) {
        assert_eq!(all[&format!("backbone.{name}")], value, "{name}");
    }
    for (name, value) in tensors(parts.encoder.as_ref().unwrap()) {
        assert_eq!(all[&format!("encoders.0.{name}")], value, "{name}");
    }
    for parameter in parameters(model.network()) {
        let name = &parameter.name;
        let frozen = (name.starts_with("backbone.") && !name.contains(".lora."))
            || name.starts_with("encoders.")
            || name == "lookup.common";
        assert_eq!(parameter.trainable, !frozen, "{name}");
    }
}

#[test]
fn it_is_saved_and_loaded_with_all_its_weights() {
    let device = Device::default();
    let model = model(&device);
    let users = profiles(&model, &shard());
    let questions = [Some(DataText::new("Will this user buy pets food?")), None];
    let vectors = model.embed(&users, &questions).unwrap();
    let dir = tempfile::tempdir().unwrap();
    model.save(&dir.path().join("model")).unwrap();
    let loaded = InstructUe::load(&dir.path().join("model"), &device).unwrap();
    assert_eq!(loaded.config(), model.config());
    assert_eq!(loaded.embed(&users, &questions).unwrap(), vectors);
}

#[test]
fn a_batch_changes_nothing_where_the_encoder_has_another_vocabulary() {
    let model = model(&Device::default());
    let users = profiles(&model, &shard());
    let question = [Some(DataText::new("Will this user buy pets food?"))];
    let together = model.embed(&users, &question).unwrap();
    for (row, user) in users.iter().enumerate() {
        let alone = model.embed(std::slice::from_ref(user), &question).unwrap();
        let pairs = alone[0].row(0).iter().zip(together[0].row(row));
        let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-5, "user {row}: {worst}");
    }
}

#[test]
fn words_are_compared_in_the_vocabulary_of_the_backbone() {
    let model = model(&Device::default());
    let builder = model.preprocessor().profiles();
    let shard = shard();
    let profile = builder.build(&shard.history(1), REFERENCE);
    let tokens = model.preprocessor().profile_tokenizer().tokenize(&profile);
    let instructue_features::SourceTokens::Events { texts, words, .. } = &tokens.sources[0] else {
        panic!("a source of events");
    };
    assert!(!texts.is_empty());
    assert_eq!(texts.len(), words.len());
    let instructue_features::SourceProfile::Events(events) = &profile.sources[0] else {
        panic!("a source of events");
    };
    let tokenizer = model.preprocessor().tokenizer();
    for (event, words) in events.iter().zip(words) {
        assert_eq!(&*tokenizer.encode(&event.text), &**words);
    }
}

#[test]
fn a_tokenizer_that_the_table_is_too_small_for_is_refused() {
    let device = Device::default();
    let preprocessor = two_tokenizers();
    let mut parts = parts(&preprocessor, &device);
    let size = preprocessor.tokenizer().vocab_size();
    let decoder = DecoderConfig {
        vocab_size: size - 1,
        ..parts.backbone.as_ref().unwrap().config().clone()
    };
    parts.backbone = Some(decoder.init(None, &device).unwrap());
    let mut config = configured(&preprocessor, &parts);
    config.backbone_lora = None;
    let error = InstructUe::with_parts(config, preprocessor, &parts, 3, &device).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::Config { .. }), "{message}");
    for part in [
        "backbone.vocab_size",
        &size.to_string(),
        &(size - 1).to_string(),
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn an_encoder_with_fewer_positions_than_a_source_has_tokens_is_refused() {
    let device = Device::default();
    let preprocessor = preprocessor(&shard());
    let mut config = config(&preprocessor);
    config.encoder.bert.max_position_embeddings = 11;
    let error = InstructUe::new(config, preprocessor, 3, &device).unwrap_err();
    let expected = "config key `encoder.bert.max_position_embeddings`: expected at least 12, the \
                    `max_tokens` of source `bill`, found 11";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn parts_of_another_shape_are_refused() {
    let device = Device::default();
    let preprocessor = two_tokenizers();
    let parts = parts(&preprocessor, &device);
    let mut config = configured(&preprocessor, &parts);
    config.backbone.num_hidden_layers = 7;
    let build = |config| {
        let built = InstructUe::with_parts(config, two_tokenizers(), &parts, 3, &device);
        built.unwrap_err().to_string()
    };
    let message = build(config.clone());
    assert!(
        message.contains("backbone") && message.contains('7'),
        "{message}"
    );
    let mut config = configured(&preprocessor, &parts);
    config.encoder.bert.hidden_size = 24;
    let message = build(config);
    assert!(
        message.contains("hidden_size") && message.contains("24"),
        "{message}"
    );
}

#[test]
fn the_decoder_goes_out_with_special_tokens_in_free_rows() {
    let device = Device::default();
    let model = model(&device);
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("decoder");
    model.export_backbone(&dir).unwrap();

    let config = DecoderConfig::load(&dir).unwrap();
    let used = model.preprocessor().tokenizer().vocab_size();
    // Three sources: six delimiters, `<USER>`, padding; three rows were free.
    assert_eq!(config.vocab_size, used + 8);
    assert!(config.tie_word_embeddings);
    let decoder = config.load_weights(&dir, None, &device).unwrap();
    let rows = model.network().reserved_rows().into_data();
    let table = decoder.embed_tokens.weight.val();
    assert_eq!(table.narrow(0, used, 8).into_data(), rows);

    let json = std::fs::read_to_string(dir.join("tokenizer.json")).unwrap();
    let tokenizer: serde_json::Value = serde_json::from_str(&json).unwrap();
    let added = tokenizer["added_tokens"].as_array().unwrap();
    let id = |name: &str| {
        let token = added.iter().find(|token| token["content"] == name);
        token.and_then(|token| token["id"].as_u64()).unwrap() as usize
    };
    assert_eq!([id("<bill>"), id("</bill>")], [used, used + 1]);
    assert_eq!([id("<USER>"), id("<PAD>")], [used + 6, used + 7]);
    // A second one takes the place of the first, but of nothing that somebody added.
    std::fs::write(dir.join("stale"), "").unwrap();
    let error = model.export_backbone(&dir).unwrap_err().to_string();
    assert!(error.contains("\"stale\" beside it"), "{error}");
    std::fs::remove_file(dir.join("stale")).unwrap();
    model.export_backbone(&dir).unwrap();
    assert!(dir.join("config.json").is_file());
    // And this project reads it as any other: no text becomes one of them.
    let again = TextTokenizer::from_file(&dir.join("tokenizer.json")).unwrap();
    assert_eq!(again.vocab_size(), used + 8);
    let ids = again.encode(&DataText::new("a <USER> of <bill>"));
    assert!(ids.iter().all(|&id| (id as usize) < used), "{ids:?}");
}
