//! Whole runs that begin with a decoder and an encoder of others.

use crate::common::{compute, copy, golden};
use burn::tensor::Device;
use std::fs;
use std::path::Path;

use instructue_generate::{GenerateConfig, generate};
use instructue_model::InstructUe;
use instructue_model::LoraConfig;
use instructue_pipeline::{
    Error, FineTuning, MODEL_DIR, RunConfig, SourceEncoderSettings, Watch, train_userqa,
};
use instructue_schema::Progress;
use instructue_trainer::Event;
use tempfile::TempDir;

struct Silent;

impl Watch for Silent {
    fn progress(&mut self, _: Progress) {}
    fn training(&mut self, _: Event<'_>) {}
}

/// A few generated users whose texts are short, and both parts.
fn workplace() -> (TempDir, RunConfig) {
    let dir = tempfile::tempdir().unwrap();
    let people = GenerateConfig {
        users: 30,
        events_per_user: 15.0,
        ..GenerateConfig::default()
    };
    let data = dir.path().join("data");
    generate(&people, &data, &mut |_| {}).unwrap();
    let schema = fs::read_to_string(data.join("schema.toml")).unwrap();
    let short = schema
        .lines()
        .map(|line| match line.trim_start().starts_with("max_tokens") {
            true => "max_tokens = 8",
            false => line,
        });
    let short = short.collect::<Vec<_>>().join("\n");
    fs::write(data.join("schema.toml"), short).unwrap();
    let encoder = dir.path().join("encoder");
    let sentences = golden("instructue-model/tests/golden/sentences");
    copy(&sentences.join("model"), &encoder);
    copy(&sentences.join("mean_normalized"), &encoder);

    let mut config = RunConfig::default();
    config.model.slots = Some(3);
    config.model.vocabulary = 300;
    config.pretrained.backbone = Some(text(&golden("instructue-gguf/tests/golden/small.gguf")));
    config.pretrained.encoder = Some(text(&encoder));
    config.pretrained.lora.rank = 2;
    config.references.count = 1;
    config.userqa.triples_per_user = 6;
    config.train.steps = 4;
    // Made-up users, and few of them.
    config.privacy.min_users = 1;
    config.train.batch.users_per_step = 4;
    config.train.checkpoint.every = 2;
    config.train.validation.every = 2;
    config.train.validation.users = 2;
    config.evaluation.resamples = 10;
    config.evaluation.retrieval_instructions = 2;
    (dir, config)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().into()
}

/// The header of a safetensors file, and where its tensors begin.
fn header(bytes: &[u8]) -> (serde_json::Map<String, serde_json::Value>, usize) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    (header, 8 + length)
}

/// The names of a safetensors file.
fn names(path: &Path) -> Vec<String> {
    let (header, _) = header(&fs::read(path).unwrap());
    header.keys().cloned().collect()
}

#[test]
fn a_run_begins_with_weights_of_others_and_goes_on_from_them() {
    let (dir, config) = workplace();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    train_userqa(&data, &out, &config, &compute(), false, &mut Silent).unwrap();

    let device = Device::default();
    let model = InstructUe::load(&out.join(MODEL_DIR), &device).unwrap();
    let pretrained = model.config().pretrained.clone().expect("digests of both");
    assert!(pretrained.backbone.is_some() && pretrained.encoder.is_some());
    assert!(model.config().encoder.normalized, "as modules.json says");
    assert!(model.network().backbone().has_lora());
    // The model holds everything; a checkpoint only what training changes.
    let whole = names(&out.join(MODEL_DIR).join("model.safetensors"));
    assert!(
        whole
            .iter()
            .any(|name| name == "backbone.embed_tokens.weight")
    );
    let checkpoint = out.join("checkpoints/step-00000004");
    let changed = names(&checkpoint.join("model.safetensors"));
    assert!(changed.iter().any(|name| name == "reserved"));
    assert!(changed.iter().any(|name| name.contains("lora")));
    for name in &changed {
        let frozen = name.starts_with("encoders.")
            || (name.starts_with("backbone.") && !name.contains("lora"));
        assert!(!frozen, "{name} never changes");
    }

    // A run that was cut short after step 2 goes on to the same weights.
    let bytes = fs::read(checkpoint.join("model.safetensors")).unwrap();
    fs::remove_dir_all(&checkpoint).unwrap();
    train_userqa(&data, &out, &config, &compute(), true, &mut Silent).unwrap();
    let again = fs::read(checkpoint.join("model.safetensors")).unwrap();
    assert!(bytes == again, "resumed from step 2");

    // Other weights are another run, whatever the path says.
    let other = dir.path().join("encoder/model.safetensors");
    let mut weights = fs::read(&other).unwrap();
    let (header, start) = header(&weights);
    let (_, table) = header
        .iter()
        .find(|(name, _)| name.ends_with("word_embeddings.weight"))
        .unwrap();
    let first = table["data_offsets"][0].as_u64().unwrap() as usize;
    weights[start + first] ^= 1;
    fs::write(&other, weights).unwrap();
    let resumed = train_userqa(&data, &out, &config, &compute(), true, &mut Silent);
    let message = resumed.map(drop).unwrap_err().to_string();
    assert!(message.contains("model.pretrained.encoder"), "{message}");
}

#[test]
fn what_leads_nowhere_or_does_not_fit_is_said_before_anything_is_trained() {
    let (dir, config) = workplace();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    let refusal = |config: &RunConfig| {
        let trained = train_userqa(&data, &out, config, &compute(), false, &mut Silent);
        assert!(!out.join(MODEL_DIR).exists());
        trained.map(drop).unwrap_err()
    };
    let mut wrong = config.clone();
    wrong.pretrained.backbone = Some("no such thing".into());
    let error = refusal(&wrong);
    assert!(matches!(error, Error::Hub(_)), "{error}");
    assert!(error.to_string().contains("no such thing"), "{error}");

    // An encoder where a decoder should be.
    let mut wrong = config.clone();
    wrong.pretrained.backbone = wrong.pretrained.encoder.clone();
    let message = refusal(&wrong).to_string();
    assert!(
        message.contains("config.json") && message.contains("model_type"),
        "{message}"
    );

    // Texts that are longer than the encoder was made for, which is fewer tokens
    // than it has positions.
    let encoder = dir.path().join("encoder/sentence_bert_config.json");
    fs::write(encoder, r#"{"max_seq_length": 12}"#).unwrap();
    let schema = fs::read_to_string(data.join("schema.toml")).unwrap();
    let long = schema.replace("max_tokens = 8", "max_tokens = 14");
    fs::write(data.join("schema.toml"), long).unwrap();
    let message = refusal(&config).to_string();
    let expected = "`max_tokens` of source `bill`: expected at most 12, the longest text of the \
                    encoder, found 14";
    assert_eq!(message, expected);
}

#[test]
fn what_is_trained_can_be_chosen() {
    let (dir, mut config) = workplace();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    config.pretrained.train_backbone = FineTuning::Frozen;
    config.pretrained.train_encoder = FineTuning::Full;
    let own = SourceEncoderSettings {
        encoder: config.pretrained.encoder.clone().unwrap(),
        pooling: None,
        train_encoder: FineTuning::Lora,
        lora: config.pretrained.lora,
    };
    config.pretrained.sources.insert("search".into(), own);
    config.train.steps = 2;
    config.train.validation.every = 0;
    train_userqa(&data, &out, &config, &compute(), false, &mut Silent).unwrap();
    let changed = names(&out.join("checkpoints/step-00000002/model.safetensors"));
    let of = |part: &str| changed.iter().filter(|name| name.starts_with(part)).count();
    // That of searches comes first, and of it only factors are trained.
    let factors = |name: &&String| name.starts_with("encoders.0.") && name.contains(".lora.");
    assert!(of("encoders.0.") > 0);
    assert_eq!(changed.iter().filter(factors).count(), of("encoders.0."));
    assert!(of("encoders.1.embeddings.") > 0, "all of the common one");
    assert_eq!(of("backbone."), 0);
}

#[test]
fn one_source_may_have_an_encoder_of_its_own() {
    let (dir, mut config) = workplace();
    let (data, out) = (dir.path().join("data"), dir.path().join("out"));
    config.pretrained.backbone = None;
    let encoder = config.pretrained.encoder.take().unwrap();
    let own = SourceEncoderSettings {
        encoder,
        pooling: None,
        train_encoder: FineTuning::Frozen,
        lora: LoraConfig::default(),
    };
    config
        .pretrained
        .sources
        .insert("search".into(), own.clone());
    train_userqa(&data, &out, &config, &compute(), false, &mut Silent).unwrap();
    let model = InstructUe::load(&out.join(MODEL_DIR), &Device::default()).unwrap();
    let widths = model.network().encoders().iter();
    let widths: Vec<usize> = widths.map(|encoder| encoder.hidden_size()).collect();
    assert_eq!(
        widths,
        [16, 96],
        "of searches, and the fresh one of all others"
    );
    assert!(model.config().source_encoders["search"].normalized);
    // What was read from its files stays, and is left out of a checkpoint; the other trains.
    let checkpoint = out.join("checkpoints/step-00000004/model.safetensors");
    let changed = names(&checkpoint);
    assert!(!changed.iter().any(|name| name.starts_with("encoders.0.")));
    assert!(changed.iter().any(|name| name.starts_with("encoders.1.")));
    assert!(out.join("events").is_dir(), "vectors of searches are kept");

    // Cut short after step 2 it goes on to the same weights.
    let bytes = fs::read(&checkpoint).unwrap();
    fs::remove_dir_all(checkpoint.parent().unwrap()).unwrap();
    train_userqa(&data, &out, &config, &compute(), true, &mut Silent).unwrap();
    assert!(
        bytes == fs::read(&checkpoint).unwrap(),
        "resumed from step 2"
    );

    // The configuration that the run wrote is read again, and other names are refused.
    let written = fs::read_to_string(out.join("config.toml")).unwrap();
    assert!(written.contains("[pretrained.sources.search]"), "{written}");
    assert_eq!(RunConfig::load(&out.join("config.toml")).unwrap(), config);
    let refusal = |name: &str| {
        let mut config = config.clone();
        config.pretrained.sources = [(name.to_string(), own.clone())].into();
        let out = dir.path().join(name);
        let trained = train_userqa(&data, &out, &config, &compute(), false, &mut Silent);
        trained.map(drop).unwrap_err().to_string()
    };
    let what = "expected the name of an events source with texts, found";
    for (name, found) in [
        ("serach", "none; `search`?"),
        ("tabular", "a tabular source"),
        (
            "something",
            "none; there are bill, minipro, spm, app, search",
        ),
    ] {
        let expected = format!("pretrained.sources.{name}: {what} {found}");
        assert_eq!(refusal(name), expected);
    }
    let (before, after) = written.rsplit_once("train_encoder").unwrap();
    let misspelt = format!("{before}train_encodr{after}");
    let file = dir.path().join("misspelt.toml");
    fs::write(&file, misspelt).unwrap();
    let message = RunConfig::load(&file).unwrap_err().to_string();
    assert!(
        message.contains("unknown key `train_encodr`, expected `train_encoder`?"),
        "{message}"
    );
}
