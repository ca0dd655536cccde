//! Instruction-aware user embeddings: profile + instruction → vector.
//!
//! This crate re-exports the others and is the one place where a backend is chosen. Its
//! features `cpu` (default), `wgpu`, `cuda` and `ndarray` say which backends are compiled in;
//! a [`DeviceName`] (from an option, or from the variable
//! [`INSTRUCTUE_DEVICE`](DEVICE_VARIABLE)) says which one is used. [`prelude`] has the names
//! that most programs need.
//!
//! [`pipeline`] is the whole path from Parquet files to an evaluated model; each of
//! its steps can be used by itself:
//!
//! ```
//! use instructue::generate::{GenerateConfig, generate};
//! use instructue::pipeline::{PretrainedParts, RunConfig, fit, ingest, references, userqa, userqa_config};
//! use instructue::model::{InstructUe, ModelConfig, Size};
//! use instructue::schema::DataText;
//! use instructue::DeviceName;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! let (data, store, qa) = (dir.path().join("data"), dir.path().join("store"), dir.path().join("qa"));
//! let people = GenerateConfig { users: 40, events_per_user: 15.0, ..GenerateConfig::default() };
//! generate(&people, &data, &mut |_| {})?;
//!
//! // Parquet files and schema.toml → users with their events, sorted.
//! let ingested = ingest(&data, &store, &mut |_| {})?;
//! assert_eq!(ingested.store.users(), 40);
//!
//! // Questions and answers, then what the model knows of the data: vocabularies, scales.
//! let mut config = RunConfig::default();
//! config.model.vocabulary = 300;
//! config.model.slots = Some(4);
//! let settings = userqa_config(&config, &references(&config, &ingested), ingested.end);
//! let triples = userqa(&ingested.store, &settings, &qa, &mut |_| {})?;
//! let preprocessor = fit(&ingested.store, &triples, &config, &settings, &PretrainedParts::default(), &mut |_| {})?;
//!
//! // A fresh model (training it is `pipeline::train_userqa`) gives vectors already.
//! let device = DeviceName::from_env()?.open()?;
//! let vocabulary = preprocessor.tokenizer().vocab_size();
//! let fresh = ModelConfig::fresh(Size::Tiny, vocabulary, vocabulary);
//! let model = InstructUe::new(fresh, preprocessor, config.seed, &device)?;
//! let shard = ingested.store.shard(0)?;
//! let profile = model.preprocessor().profiles().build(&shard.history(0), ingested.end);
//! let question = DataText::new("Does this user have a pet?");
//! let vectors = model.embed(&[profile], &[None, Some(question)])?;
//! assert_ne!(vectors[0].row(0), vectors[1].row(0));
//! # Ok(())
//! # }
//! ```

mod device;
pub mod prelude;

pub use burn::tensor::Device;
pub use device::{DEVICE_VARIABLE, DeviceError, DeviceName};
pub use instructue_adapter as adapter;
pub use instructue_backbone as backbone;
pub use instructue_encoders as encoders;
pub use instructue_eval as eval;
pub use instructue_features as features;
pub use instructue_fs as fs;
pub use instructue_generate as generate;
pub use instructue_gguf as gguf;
pub use instructue_losses as losses;
pub use instructue_metrics as metrics;
pub use instructue_model as model;
pub use instructue_nn as nn;
pub use instructue_pipeline as pipeline;
pub use instructue_pipeline::hub;
pub use instructue_schema as schema;
pub use instructue_store as store;
pub use instructue_trainer as trainer;
pub use instructue_userqa as userqa;

/// The programs of the README and the guides are compiled, and those that can are run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../../../docs/usage.md")]
struct Guides;
