//! Vectors of event texts in a whole run: a pretrained encoder that stays as it is
//! reads each text once, and no figure depends on it.

use crate::common::compute;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use instructue_encoders::{BertConfig, Pooling};
use instructue_features::TextTokenizer;
use instructue_generate::{GenerateConfig, generate};
use instructue_model::cache::CacheConfig;
use instructue_model::{InstructUe, VectorKind, save};
use instructue_pipeline::{
    EVENTS_DIR, EmbedRequest, RunConfig, Watch, embed_users, ingest, model_dir, train_userqa,
};
use instructue_schema::Progress;
use instructue_trainer::{Event, Metrics, Phase, metrics};

/// What was said.
#[derive(Default)]
struct Notes(Vec<String>);

impl Watch for Notes {
    fn progress(&mut self, stage: Progress) {
        if let Progress::Note { text } = stage {
            self.0.push(text);
        }
    }
    fn training(&mut self, _: Event<'_>) {}
}

fn device() -> Device {
    Device::default()
}

/// A directory as sentence-transformers write it.
fn encoder(dir: &Path) {
    fs::create_dir_all(dir.join("1_Pooling")).unwrap();
    let words = ["category", "amount", "payments", "app page search"];
    let texts = words.iter().cycle().take(400).map(|word| word.to_string());
    let tokenizer = TextTokenizer::train(texts, 300).unwrap();
    tokenizer.save(&dir.join("tokenizer.json")).unwrap();
    let config = BertConfig {
        vocab_size: tokenizer.vocab_size(),
        hidden_size: 24,
        num_hidden_layers: 2,
        num_attention_heads: 2,
        intermediate_size: 48,
        max_position_embeddings: 64,
        ..BertConfig::default()
    };
    device().seed(1);
    let encoder = config.init(Pooling::Mean, None, &device()).unwrap();
    let tensors = encoder.save_tensors().into_iter().collect();
    save::write_tensors(&dir.join("model.safetensors"), &tensors).unwrap();
    let json = serde_json::to_string(&config).unwrap();
    fs::write(dir.join("config.json"), json).unwrap();
    let pooling = r#"{"pooling_mode": "mean"}"#;
    fs::write(dir.join("1_Pooling/config.json"), pooling).unwrap();
}

fn config(encoder: &Path) -> RunConfig {
    let mut config = RunConfig::default();
    config.pretrained.encoder = Some(encoder.display().to_string());
    config.model.vocabulary = 300;
    config.model.slots = Some(4);
    config.references.count = 2;
    config.userqa.triples_per_user = 4;
    config.train.steps = 3;
    // Made-up users, and few of them.
    config.privacy.min_users = 1;
    config.train.batch.users_per_step = 4;
    config.train.batch.instructions_per_user = 2;
    config.train.validation.every = 2;
    config.train.validation.users = 4;
    config.evaluation.resamples = 20;
    config.evaluation.retrieval_queries = 10;
    config.evaluation.retrieval_instructions = 2;
    config
}

/// Trains, and returns the lines of metrics and what was said.
fn train(data: &Path, out: &Path, config: &RunConfig) -> (Vec<Metrics>, Vec<String>) {
    let mut notes = Notes::default();
    train_userqa(data, out, config, &compute(), false, &mut notes).unwrap();
    let lines = metrics::read(&out.join("metrics.jsonl")).unwrap();
    (lines, notes.0)
}

#[test]
fn a_run_with_a_frozen_encoder_reads_each_text_once() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let people = GenerateConfig {
        users: 40,
        events_per_user: 15.0,
        ..GenerateConfig::default()
    };
    generate(&people, &at("data"), &mut |_| {}).unwrap();
    encoder(&at("encoder"));
    let mut config = config(&at("encoder"));

    let (first, notes) = train(&at("data"), &at("first"), &config);
    let events = at("first").join(EVENTS_DIR);
    assert!(events.is_dir());
    let said = |notes: &[String], what: &str| notes.iter().any(|note| note.contains(what));
    assert!(said(&notes, "vectors of 0 event texts from"), "{notes:?}");
    let rates: Vec<f64> = first
        .iter()
        .map(|line| line.event_hit_rate.unwrap())
        .collect();
    assert!(rates[0] < 1.0 && first.iter().any(|line| line.phase == Phase::Validation));

    // Another run with the folder knows all texts.
    config.cache.folder = Some(events.clone());
    let (second, notes) = train(&at("data"), &at("second"), &config);
    assert!(!at("second").join(EVENTS_DIR).exists());
    assert!(
        !said(&notes, "vectors of 0 event") && !said(&notes, "fault"),
        "{notes:?}"
    );
    assert!(second.iter().all(|line| line.event_hit_rate == Some(1.0)));

    // And one without it comes to the same.
    config.cache.enabled = false;
    let (third, notes) = train(&at("data"), &at("third"), &config);
    assert!(!said(&notes, "event texts"), "{notes:?}");
    for ((a, b), c) in first.iter().zip(&second).zip(&third) {
        assert_eq!(
            (a.losses.of("contrastive"), a.losses.of("next_token")),
            (b.losses.of("contrastive"), b.losses.of("next_token"))
        );
        assert!(
            (a.losses.of("contrastive") - c.losses.of("contrastive")).abs() <= 1e-5,
            "step {}",
            a.step
        );
        assert!(
            (a.losses.of("next_token") - c.losses.of("next_token")).abs() <= 1e-5,
            "step {}",
            a.step
        );
        assert_eq!(c.event_hit_rate, None);
    }

    // An encoder that is trained keeps nothing.
    config.cache.enabled = true;
    config.pretrained.train_encoder = instructue_pipeline::FineTuning::Full;
    let (trained, _) = train(&at("data"), &at("trained"), &config);
    assert!(trained.iter().all(|line| line.event_hit_rate.is_none()));
    assert!(!at("trained").join(EVENTS_DIR).exists());

    // Either model embeds with a cache, and says what it did.
    let ingested = ingest(&at("data"), &at("store"), &mut |_| {}).unwrap();
    let request = EmbedRequest {
        reference: ingested.end,
        instructions: Vec::new(),
        tuned: None,
        scorer: None,
        scores: false,
        kind: VectorKind::Unit,
        allow_empty: false,
    };
    for run in ["first", "trained"] {
        let model = InstructUe::load(&model_dir(&at(run)), &device()).unwrap();
        let out = at("users.parquet");
        let embed = |model: &InstructUe| {
            let done = embed_users(model, &ingested.store, &request, &out, &mut |_| {});
            done.unwrap().event_cache
        };
        assert_eq!(embed(&model), None);
        let model = model
            .with_event_cache(&CacheConfig::in_dir(&events))
            .unwrap();
        let done = embed(&model).unwrap();
        assert!(done.hits + done.misses > 10);
        assert_eq!(done.misses > 10, run == "trained", "{done:?}");
        assert_eq!(embed(&model).unwrap().hit_rate(), Some(1.0));
    }

    // A folder that is none, or no room, is an error before any training.
    config.pretrained.train_encoder = instructue_pipeline::FineTuning::Frozen;
    config.cache.folder = Some(at("encoder").join("config.json"));
    let failed = |config: &RunConfig| {
        let failed = train_userqa(
            &at("data"),
            &at("failed"),
            config,
            &compute(),
            false,
            &mut Notes::default(),
        );
        failed.unwrap_err().to_string()
    };
    assert!(failed(&config).contains("config.json"));
    config.cache.folder = None;
    config.cache.max_bytes = 10;
    assert!(failed(&config).contains("max_bytes"));
    assert!(!at("failed").join("checkpoints").exists());
}
