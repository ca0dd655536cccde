//! The whole path behind one configuration: files → user store → training set → training →
//! vectors → evaluation.
//!
//! You need it to run the method as it is: [`train_userqa`], [`embed_users`], [`ask_user`],
//! [`tune_users`] and the [suites](suite) are what the programs call, and they add no logic
//! of their own. [`Compute`] says on which device, and names no backend.

mod answers;
mod ask;
mod cache;
mod columns;
mod compute;
mod config;
mod data_report;
mod embed;
mod error;
mod evaluation;
mod explain;
pub mod hub;
mod id_type;
mod keys;
mod labels;
mod names;
mod parquet_file;
mod prepare;
mod pretrained;
mod run;
mod search;
mod store_embedder;
mod suggest;
pub mod suite;
mod tune;
mod watch;
pub mod wide;
mod windows;

pub use answers::{
    ANSWERS_DIR, AnswerVectors, AnswerVectorsRequest, FORECASTS_FILE, ValueWording, WORDINGS_FILE,
    Wordings, answers_dir, embed_answers, learn_answers, open_answers, open_forecasts, score_user,
    statement,
};
pub use ask::{AskRequest, Asked, ask_user, known_answers};
pub use cache::{EVENTS_DIR, keep_events};
pub use compute::Compute;
pub use config::{
    CacheSettings, EvaluationSettings, ModelSettings, PrivacySettings, Recipe, ReferenceConfig,
    RunConfig, userqa_config,
};
pub use data_report::{DataReport, FieldSummary, ShownUser, SourceSummary, check_data};
pub use embed::{
    EmbedRequest, Embedded, MAX_INSTRUCTION_BYTES, check_embed_out, check_instruction, embed_users,
};
pub use error::{Error, Result};
pub use explain::{
    Carried, CarriedEvent, CarriedSource, ExplainRequest, Explanation, explain_user,
};
pub use keys::annotated_config;
pub use labels::{Labelled, read_labels};
pub use names::{EVALUATION_FILE, MODEL_DIR, REPORT_FILE};
pub use prepare::{Ingested, SCHEMA_FILE, TASKS_FILE, fit, ingest, references, userqa};
pub use pretrained::{
    Backbone, Encoder, FineTuning, PretrainedParts, PretrainedSettings, SourceEncoderSettings,
};
pub use run::{Outcome, model_dir, train_userqa};
pub use search::{
    Condition, FoundUser, ScoreKind, Search, SearchQuery, SearchRequest, VectorFile, search_users,
};
pub use store_embedder::StoreEmbedder;
pub use tune::{TuneQuality, TuneRequest, TunedUsers, tune_users};
pub use watch::Watch;
pub use windows::end_of_data;
