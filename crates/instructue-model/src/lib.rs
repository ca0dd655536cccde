//! Encoders, adapters and backbone composed into one model:
//! profile + instruction → vector.
//!
//! A [`Model`] is a [`Network`] (tensors) with its [`ModelConfig`] and its
//! [`Preprocessor`] (the fitted host side: vocabularies, normalisers, tokenizers). They
//! are saved together, see [`save`]. [`InstructUe`] is a model in use: it embeds,
//! answers and scores, and holds caches and replicas.
//!
//! ```
//! use std::sync::Arc;
//!
//! use burn::tensor::Device;
//! use instructue_features::{ProfileBuilder, TextTokenizer};
//! use instructue_schema::{ColumnData, Shard, SourceTable};
//! use instructue_model::{InstructUe, ModelConfig, Normalisers, Preprocessor, Size};
//! use instructue_schema::{DataText, Schema, Timestamp, UserId};
//!
//! let schema = Schema::from_toml(
//!     r#"
//!     name = "shop"
//!     [[source]]
//!     name = "bill"
//!     kind = "events"
//!     description = "purchases"
//!     column = [
//!         { name = "user", type = "text", role = "user" },
//!         { name = "time", type = "timestamp", role = "time" },
//!         { name = "shop", type = "text", role = "category" },
//!     ]
//!     "#,
//! )?;
//! // Usually a shard comes from a `UserStore`. Here: two users with two events each.
//! let shard = Shard {
//!     users: ["ann", "bob"].into_iter().filter_map(UserId::new).collect(),
//!     sources: vec![SourceTable {
//!         offsets: vec![0, 2, 4],
//!         times: [1, 2, 1, 3].map(|day| Timestamp(day * 86_400)).to_vec(),
//!         columns: vec![ColumnData::Text {
//!             codes: vec![0, 0, 0, 1],
//!             dictionary: Arc::new(vec!["books".into(), "pets".into()]),
//!         }],
//!     }],
//! };
//! let reference = Timestamp(10 * 86_400);
//!
//! // The host side is fitted on the training users.
//! let histories = || shard.histories().map(|history| (history, reference));
//! let profiles = ProfileBuilder::fit(&schema, histories(), None, 1);
//! let normalisers = Normalisers::fit(&profiles, histories())?;
//! let corpus = ["books pets shop", "Does this user have a pet?"].map(String::from);
//! let tokenizer = Arc::new(TextTokenizer::train(corpus.into_iter(), 300)?);
//! let preprocessor =
//!     Preprocessor::new(profiles, normalisers, tokenizer.clone(), tokenizer.clone(), true);
//!
//! // A model with fresh weights; `instructue-trainer` would train it now.
//! let vocab = tokenizer.vocab_size();
//! let config = ModelConfig::fresh(Size::Tiny, vocab, vocab);
//! let model = InstructUe::new(config, preprocessor, /* seed */ 7, &Device::default())?;
//!
//! // Each user under an instruction, and in general.
//! let profiles = model.preprocessor().profiles();
//! let users: Vec<_> = histories().map(|(history, at)| profiles.build(&history, at)).collect();
//! let questions = [Some(DataText::new("Does this user have a pet?")), None];
//! let vectors = model.embed(&users, &questions)?;
//! assert_eq!((vectors[0].rows, vectors[0].columns), (2, model.width()));
//! let length = |vector: &[f32]| vector.iter().map(|x| x * x).sum::<f32>().sqrt();
//! assert!((length(vectors[0].row(1)) - 1.0).abs() < 1e-3);
//! // The question changes the vector, and so does the user.
//! assert_ne!(vectors[0].row(1), vectors[1].row(1));
//! assert_ne!(vectors[0].row(1), vectors[0].row(0));
//!
//! // Texts live in the same space: rank audiences by a dot product.
//! let audience = model.embed_texts(&[DataText::new("Yes, this user has a pet.")])?;
//! let score = |user| -> f32 {
//!     vectors[0].row(user).iter().zip(audience.row(0)).map(|(a, b)| a * b).sum()
//! };
//! assert!(score(1).abs() <= 1.001);
//!
//! // A saved model gives the same vectors bit for bit.
//! let dir = tempfile::tempdir()?;
//! model.save(&dir.path().join("model"))?;
//! let loaded = InstructUe::load(&dir.path().join("model"), &Device::default())?;
//! assert_eq!(loaded.embed(&users, &questions)?, vectors);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer_scorer;
mod checks;
pub mod config;
mod decoding;
mod error;
mod export;
mod fit;
mod hash;
mod head;
mod identity;
pub mod input;
mod lookup;
mod model;
mod network;
mod normalisers;
mod numbers;
pub mod parameters;
mod passes;
mod preprocessor;
mod pretrained;
mod pretrained_digests;
mod questions;
pub mod save;
mod sentence_encoder;
mod session;
mod sizes;
mod soft_prompt;
mod source_encoders;
mod source_shape;
mod tables;
mod vectors;

pub use answer_scorer::{AnswerScorer, AnswerSpace, SavedScorer, ScorerRow, check_scorer_dir};
pub use config::{EventEncoderConfig, ModelConfig, Size};
pub use decoding::Decoding;
pub use error::{Error, Result};
pub use fit::{FitConfig, FitInput};
pub use identity::CacheKey;
pub use input::{NetworkInput, PrefixInput, TextInput};
pub use instructue_encoders::cache;
pub use instructue_nn::Precision;
pub use instructue_nn::lora::LoraConfig;
pub use instructue_schema::{Matrix, UserVectors};
pub use lookup::{Lookup, LookupInput, LookupPlaces, LookupTable};
pub use model::Model;
pub use network::{Instruction, Network, NetworkOutput, OfSource, Prefix};
pub use normalisers::Normalisers;
pub use preprocessor::{MAX_TEXT_TOKENS, Preprocessor};
pub use pretrained::Pretrained;
pub use pretrained_digests::PretrainedDigests;
pub use save::Manifest;
pub use sentence_encoder::SentenceEncoder;
pub use session::{Answer, AnswerOptions, AnswerText, InstructUe, ProfileCache, Replicas};
pub use soft_prompt::{Readout, SoftPrompt, TunedWeights};
pub use source_shape::SourceShape;
pub use vectors::VectorKind;
