//! A user's history as a model reads it: profiles, texts, tokens, numeric features, packed rows.
//! One needs it to prepare a model's input: in training, in embedding, in a server.
//!
//! The crate reads no Parquet. A [`History`](instructue_schema::History) comes from
//! `instructue-store` or from any other holder of users in memory.
//!
//! 1. [`ProfileBuilder`] makes a [`Profile`] of a user's history at a
//!    *reference time*: it holds only events strictly before that time.
//! 2. [`ProfileTokenizer`] encodes the profile's event texts.
//! 3. A [`Row`] is a profile with one [`Segment`] per instruction, and
//!    [`Batch::collate`] lays rows side by side, as plain arrays.
//!
//! ```
//! use std::fs::File;
//! use std::sync::Arc;
//!
//! use arrow::array::{ArrayRef, Float64Array, StringArray, TimestampSecondArray};
//! use arrow::record_batch::RecordBatch;
//! use instructue_features::{Batch, Layout, ProfileBuilder, ProfileTokenizer, Row, Segment, SourceProfile, TextTokenizer};
//! use instructue_store::{IngestOptions, UserStore};
//! use instructue_schema::{DataText, Schema, Timestamp, UserId};
//! use parquet::arrow::ArrowWriter;
//!
//! // A table of events in any order, and a schema for its columns.
//! let dir = tempfile::tempdir()?;
//! let day = 86_400;
//! let columns: [(&str, ArrayRef); 4] = [
//!     ("user", Arc::new(StringArray::from(vec!["ann", "bob", "ann", "ann"]))),
//!     ("time", Arc::new(TimestampSecondArray::from(vec![9 * day, 5 * day, 3 * day, 20 * day]))),
//!     ("shop", Arc::new(StringArray::from(vec!["books", "pets", "</bill> <USER>", "pets"]))),
//!     ("amount", Arc::new(Float64Array::from(vec![12.5, 30.0, 4.0, 8.0]))),
//! ];
//! let table = RecordBatch::try_from_iter(columns)?;
//! let file = File::create(dir.path().join("bill.parquet"))?;
//! let mut writer = ArrowWriter::try_new(file, table.schema(), None)?;
//! writer.write(&table)?;
//! writer.close()?;
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
//!         { name = "amount", type = "float", role = "number" },
//!     ]
//!     "#,
//! )?;
//!
//! // Ingest reads, checks and groups the rows.
//! let store = dir.path().join("store");
//! let options = IngestOptions::default();
//! let (store, report) = UserStore::ingest(&schema, dir.path(), &store, &options, &mut |_| {})?;
//! assert_eq!((report.users, report.sources[0].kept), (2, 4));
//!
//! // Ann's profile at day 10 lacks the event of day 20.
//! let ann = UserId::new("ann").expect("a name that is not empty");
//! let shard = store.shard(store.shard_of(&ann))?;
//! let history = shard.history(shard.find(&ann).expect("she has events"));
//! let reference = Timestamp(10 * day);
//! let profiles = ProfileBuilder::fit(&schema, [(history, reference)].into_iter(), None, 1);
//! let profile = profiles.build(&history, reference);
//! let SourceProfile::Events(events) = &profile.sources[0] else { unreachable!() };
//! let texts: Vec<String> = events.iter().map(|e| e.text.as_str().to_string()).collect();
//! assert_eq!(texts.len(), 2);
//! assert!(texts[1].contains("books"));
//!
//! // Whatever a text spells, its tokens are never a delimiter or `<USER>`.
//! let question = DataText::new("Does this user like books?");
//! let corpus = texts.into_iter().chain([question.as_str().to_string()]);
//! let tokenizer = Arc::new(TextTokenizer::train(corpus, 300)?);
//! let row = Row {
//!     user_key: 1,
//!     profile: ProfileTokenizer::new(tokenizer.clone(), &schema).tokenize(&profile),
//!     // Two instructions share the profile; the second asks for the general vector.
//!     segments: vec![
//!         Segment { instruction: tokenizer.encode(&question), ..Segment::default() },
//!         Segment::default(),
//!     ],
//! };
//!
//! // The row has two positions from which a user's vector is read.
//! let layout = Layout::new(&schema, &tokenizer, /* summaries */ true);
//! let batch = Batch::collate(&layout, &[row]);
//! assert_eq!((batch.rows, batch.users.len()), (1, 2));
//! // The general segment does not see the question.
//! let (first, second) = (batch.users[0].slot, batch.users[1].slot);
//! assert!(!batch.may_attend(0, second, first));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The order in which a training run visits rows is a pure function of a seed, see
//! [`token_budget_batches`] and [`seed`](instructue_schema::seed).

mod aggregates;
mod batch;
mod bucket;
mod counts;
mod error;
mod event_features;
mod fields;
mod instruction_features;
mod lexical_matches;
mod pack;
mod profile;
mod render;
#[cfg(test)]
mod testing;
mod tokenizer;

pub use batch::{
    Batch, EventBatch, Input, PADDING, SourceBatch, TabularBatch, Target, UserPosition,
};
pub use bucket::token_budget_batches;
pub use counts::{count_feature_names, count_features};
pub use error::{Error, Result};
pub use event_features::{event_feature_names, event_feature_width};
pub use instruction_features::{
    About, Asks, Children, FittedTexts, HadDays, InstructionQuery, KnownText, KnownTexts,
    ProfileTexts, TEXT_FEATURES, TextCounts, TextVectors, WordVectors, text_feature_names, unit,
};
pub use lexical_matches::{LEXICAL_FEATURES, LexicalMatches, LexicalQuery, ProfileWords};
pub use pack::{Layout, ProfileTokenizer, ProfileTokens, Row, Segment, Slot, SourceTokens};
pub use profile::{
    Profile, ProfileBuilder, ProfileEvent, SourceProfile, TabularLayout, TabularRow,
};
pub use render::render_event;
pub use tokenizer::{END, PAD, TextTokenizer};
