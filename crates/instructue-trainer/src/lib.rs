//! Joint training and few-shot tuning, with checkpoints, exact resume and metrics. One needs this
//! crate to train a model, or to tune one for a question.
//!
//! [`train`] reads from top to bottom: draw a step's rows, compute both losses
//! and their gradients (through GradCache when a step does not fit one pass),
//! clip by global norm, take an optimizer step, log, validate, checkpoint.
//!
//! [`tune`] learns a few tokens and prototypes for one question from a few
//! labelled users, and does not change the model.
//!
//! [`TrainConfig`] holds all settings. A TOML file need name only those that differ:
//!
//! ```
//! use instructue_trainer::TrainConfig;
//!
//! let text = "steps = 100\noptimizer.learning_rate = 1e-3\nschedule.warmup = 0.1";
//! let mut config: TrainConfig = toml::from_str(text)?;
//! config.validate()?;
//! // Linear warm-up, then cosine.
//! assert!(config.learning_rate_at(0) < config.learning_rate_at(9));
//! assert!(config.learning_rate_at(50) > config.learning_rate_at(90));
//!
//! config.schedule.warmup = 1.5;
//! let error = config.validate().unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "config key `schedule.warmup`: expected 0 to 1 (a share), found 1.5"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A run reads a user store and the training set built from it, and leaves
//! metrics, checkpoints and the best weights in a directory:
//!
//! ```
//! use burn::tensor::Device;
//! use instructue_store::{IngestOptions, UserStore};
//! use instructue_generate::{GenerateConfig, generate};
//! use instructue_model::{FitConfig, FitInput, InstructUe, ModelConfig, Size};
//! use instructue_schema::Schema;
//! use std::sync::atomic::AtomicBool;
//! use instructue_trainer::{
//!     Claim, Event, RUN, TrainConfig, TrainData, TrainInput, metrics, objective, train,
//! };
//! use instructue_userqa::{Split, UserQaConfig, build, split_of};
//!
//! // The data are generated users; the triples are instructions with answers about them.
//! let dir = tempfile::tempdir()?;
//! let at = |name: &str| dir.path().join(name);
//! let users = GenerateConfig { users: 20, events_per_user: 30.0, ..Default::default() };
//! generate(&users, &at("data"), &mut |_| {})?;
//! let schema = Schema::load(&at("data").join("schema.toml"))?;
//! let options = IngestOptions::default();
//! let (store, _) =
//!     UserStore::ingest(&schema, &at("data"), &at("store"), &options, &mut |_| {})?;
//! // The users are generated and few, so questions may name values of a single one.
//! let userqa =
//!     UserQaConfig { references: vec![users.reference], min_users: 1, ..Default::default() };
//! build(&store, &userqa, &at("userqa"), &mut |_| {})?;
//!
//! // The preprocessor is fitted on the training users; the network is tiny.
//! let shard = store.shard(0)?;
//! let trains = |user| split_of(user, userqa.seed, &userqa) == Split::Train;
//! let training = shard.histories().filter(|history| trains(history.user()));
//! let training: Vec<_> = training.map(|history| (history, users.reference)).collect();
//! let fit = FitConfig {
//!     slots: Some(4), // This many events per source.
//!     min_users: userqa.min_users,
//!     vocabulary: 300,
//!     pca_components: 0,
//!     summaries: true,
//!     lexical_matches: false,
//! };
//! let preprocessor = fit.fit(FitInput {
//!     schema: &schema,
//!     users: &training,
//!     instructions: vec![(0, "Will this user buy dog food?".into())],
//!     answers: vec![(0, "Yes, this user will.".into())],
//!     encoder_tokenizer: None,
//!     source_tokenizers: Default::default(),
//!     tokenizer: None,
//! })?;
//! let vocab = preprocessor.tokenizer().vocab_size();
//! let mut shape = ModelConfig::fresh(Size::Tiny, vocab, vocab);
//! shape.backbone.hidden_size = 32;
//! shape.backbone.num_hidden_layers = 1;
//! let model = InstructUe::new(shape, preprocessor, 7, &Device::default().autodiff())?;
//!
//! // The run has two steps, with a checkpoint after each.
//! let data = TrainData::open(&at("store"), &at("userqa"), Split::Train)?;
//! let mut config = TrainConfig { steps: 2, ..TrainConfig::default() };
//! config.batch.users_per_step = 4;
//! config.batch.instructions_per_user = 2;
//! config.checkpoint.every = 1;
//! let out = Claim::take(&at("run"), RUN)?; // nobody else writes there meanwhile
//! let objectives = objective::standard(&config)?;
//! let interrupt = AtomicBool::new(false);
//! let input = |resume| TrainInput {
//!     model: model.clone(),
//!     rows: &data,
//!     validation: None,
//!     objectives: &objectives,
//!     config: &config,
//!     out: &out,
//!     resume,
//!     interrupt: &interrupt,
//! };
//! let trained = train(input(false), &mut |_| {})?;
//! assert_eq!(trained.steps, 2);
//! let lines = metrics::read(&at("run").join("metrics.jsonl"))?;
//! assert!(lines[1].losses.of("contrastive") > 0.0 && lines[1].losses.of("next_token") > 0.0);
//!
//! // Without its second checkpoint the run looks killed. It resumes after the first one and
//! // ends bit-equal.
//! std::fs::remove_dir_all(at("run/checkpoints/step-00000002"))?;
//! let mut from = 0;
//! let resumed = train(input(true), &mut |event| {
//!     if let Event::Resumed { step, .. } = event {
//!         from = step;
//!     }
//! })?;
//! assert_eq!(from, 1);
//! assert_eq!(metrics::read(&at("run").join("metrics.jsonl"))?[1].loss, lines[1].loss);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
mod batches;
pub mod checkpoint;
mod config;
mod error;
mod event_replacement;
mod gradients;
pub mod metrics;
pub mod objective;
mod order;
mod rows;
mod scorer_rows;
mod step;
mod tensorboard;
mod trainer;
mod tune;

pub use batches::TrainData;
pub use config::{
    BatchConfig, CheckpointConfig, LossConfig, OptimizerConfig, ScheduleConfig, TrainConfig,
    ValidationConfig,
};
pub use error::{Error, Result};
pub use gradients::clip_global_norm;
pub use instructue_fs::Claim;
pub use metrics::{Metrics, MetricsSink, Phase};
pub use objective::{Losses, Objective, Objectives, PassOutput, StepVectors};
pub use order::EpochOrder;
pub use rows::{RowSource, Rows, ahead};
pub use scorer_rows::{ScorerConfig, ScorerData, scorer_rows};
pub use step::{evaluate, gradients};
pub use trainer::{Event, RUN, TrainInput, Trained, train};
pub use tune::{TuneConfig, TuneData, TuneScores, Tuning, learn_tokens, tune};
