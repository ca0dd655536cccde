//! Rule-based UserQA: training triples of a user, an instruction and an answer that can be
//! verified. One needs them to train an instruction-aware model without a language model that
//! writes the answers.
//!
//! A triple is a profile, a question about it in natural words, and the answer
//! (arXiv:2510.11016, section "UserQA"). Here rules make them, so every answer is computed from
//! structured [`Facts`] and can be [verified](verify) against the history. The rules are not bound
//! to particular data. [`families`] applies them to the events sources that a
//! [`Schema`](instructue_schema::Schema) declares, with the source's description, the labels of
//! its category and number fields, and values from the data.
//!
//! - **Past** questions are about habits that the profile's window shows:
//!   favourites, frequency, amounts, trends.
//! - **Future** questions are about the `horizon_days` from the reference time
//!   on: whether the user stops, what and how much follows, and a summary of the
//!   month by week and category, chosen by frequency and diversity.
//!
//! Words such as "high" are quintiles of the training users ([`Thresholds`]).
//!
//! ```
//! use std::sync::Arc;
//!
//! use instructue_schema::{ColumnData, Shard, SourceTable};
//! use instructue_schema::{Schema, Timestamp, UserId};
//! use instructue_userqa::{TripleBuilder, TripleKind, UserQaConfig, families, verify};
//!
//! let schema = Schema::from_toml(
//!     r#"
//!     name = "shop"
//!     [[source]]
//!     name = "bill"
//!     kind = "events"
//!     description = "grocery purchases"
//!     column = [
//!         { name = "user", type = "text", role = "user" },
//!         { name = "time", type = "timestamp", role = "time" },
//!         { name = "category", type = "text", role = "category" },
//!     ]
//!     "#,
//! )?;
//! // Without a number field there are no questions about amounts.
//! assert!(families(&schema).iter().all(|family| family.name != "total_level"));
//!
//! // Usually `build` does what follows for all shards of a `UserStore`. This shard holds ten
//! // users who buy every third day.
//! let day = 86_400;
//! let events = 60;
//! let shard = Shard {
//!     users: (0..10).filter_map(|user| UserId::new(format!("u{user}"))).collect(),
//!     sources: vec![SourceTable {
//!         offsets: (0..=10).map(|user| user * events).collect(),
//!         times: (0..10 * events).map(|i| Timestamp((i % events) as i64 * 3 * day)).collect(),
//!         columns: vec![ColumnData::Text {
//!             codes: (0..10 * events).map(|i| (i % 7 / 4) as u32).collect(),
//!             dictionary: Arc::new(vec!["MILK".into(), "DOG FOODS".into()]),
//!         }],
//!     }],
//! };
//! let reference = Timestamp(120 * day);
//! let config = UserQaConfig { references: vec![reference], ..UserQaConfig::default() };
//! let builder = TripleBuilder::fit(&schema, &config, 10, Timestamp(177 * day), [Ok(&shard)])?;
//!
//! let history = shard.history(0);
//! let triples = builder.triples(&history, 0, reference).expect("the user has a profile");
//! assert!(triples.iter().any(|triple| triple.kind == TripleKind::Future));
//! for triple in &triples {
//!     // "Will this user buy DOG FOODS in the next 30 days?" –
//!     // "Yes, this user will buy DOG FOODS in the next 30 days."
//!     assert!(triple.answer.ends_with('.'));
//!     verify(triple, &history, &schema, builder.thresholds())?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Leakage
//!
//! - A rule about the past gets a view of the history that ends at the reference time. It cannot
//!   be written so that it looks further.
//! - The families that a user is asked about, their source, field and wording follow from the seed
//!   and the past alone.
//! - The exception is the value X in "Will this user buy X?". With
//!   [`balance_future`](UserQaConfig::balance_future) it is chosen with knowledge of the answer,
//!   since otherwise nearly all answers would be no. The instruction then depends on the future, so
//!   the choice is made such that X does not tell the answer: X is proposed from one pool of
//!   candidate values that is the same for all users, and kept with a chance that leaves yes and no
//!   equally frequent *for each X*. Whether X is asked about at all does depend on the future (if no
//!   X is kept, the next family in the user's order moves up). A model sees single questions and
//!   cannot use that. On the Complete Journey the text of the question alone predicts its answer
//!   with an AUC of 0.51. Without balancing no instruction depends on the future.
//! - Thresholds and popular values are fitted on training users only. Users are split by a hash of
//!   their id ([`split_of`]), and whole families are [held out](UserQaConfig::held_out_families)
//!   of training.
//!
//! # Whose values are named
//!
//! Questions, answers and facts name a value of the data only if
//! [`min_users`](UserQaConfig::min_users) training users have it. A threshold is fitted only on
//! that many users and has two digits. A question about the past is not asked if its answer would
//! be a rarer value. About the future, the answer may not decide what is asked, so the answer
//! leaves the value out. Counts and amounts in answers are the user's own. The files also hold the
//! ids of users and the questions about each, so they belong with the user store.
//!
//! A profile keeps the newest events of a source up to its `slots`. Answers about the past count
//! all events of the source's window, which the aggregates of a tabular source also see.

mod builder;
mod candidate_pool;
mod config;
mod error;
mod files;
mod fit;
mod forecast;
mod report;
mod rules;
mod snapshot;
mod split;
mod table;
#[cfg(test)]
mod testing;
mod thresholds;
mod triple;
mod verify;
mod words;

pub use builder::{ShardTriples, TripleBuilder};
pub use candidate_pool::PopularValue;
pub use config::{DEFAULT_MIN_USERS, RunValues, UserQaConfig, default_held_out, split_of};
pub use error::{Error, Result};
pub use files::{MANIFEST_FILE, Manifest, TRIPLES_FILE, UserQa, build};
pub use forecast::{
    Forecast, ForecastConfig, ForecastFacts, ForecastFamily, ForecastPlan, ForecastQuestion,
    ForecastTexts, PlannedForecast, seen_value,
};
pub use report::{FamilyCounts, UserQaReport};
pub use rules::{Family, families};
pub use split::Split;
pub use thresholds::Thresholds;
pub use triple::{Facts, Finding, RankedValue, Triple, TripleKind, WeekSummary};
pub use verify::{Mismatch, verify};
pub use words::MAX_VALUE_CHARS;
