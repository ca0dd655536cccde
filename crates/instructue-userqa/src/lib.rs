//! Rule-based UserQA: verifiable instruction and answer triples from user histories.
//!
//! The training set of an instruction-aware user model holds triples of a
//! profile, a question about it in natural words, and the answer (2510.11016,
//! section "UserQA"). Here rules make them, so every answer is computed from
//! structured [`Facts`] and can be [verified](verify) against the history.
//! The rules know no particular data: [`families`] applies them to whatever
//! events sources a [`Schema`](instructue_schema::Schema) declares, with the
//! source's description, the labels of its category and number fields, and
//! values from the data.
//!
//! - **Past** questions are about habits that the profile's window shows:
//!   favourites, frequency, amounts, trends.
//! - **Future** questions are about the `horizon_days` from the reference time
//!   on: whether the user stops, what and how much comes, and a summary of the
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
//! // Usually a shard comes from a `UserStore`, and `build` does what follows
//! // for all of them. Here: ten users who buy every third day.
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
//! - A rule about the past gets a view of the history that ends at the
//!   reference time; it cannot be written so that it looks further.
//! - Which families a user is asked about, their source, field and wording
//!   follow from the seed and the past alone.
//! - The exception is the value X in "Will this user buy X?". With
//!   [`balance_future`](UserQaConfig::balance_future) it is chosen with the
//!   answer in view, or nearly all answers would be no. The instruction then
//!   depends on the future, so the choice is made such that X does not tell the
//!   answer: X is proposed from one pool of popular values whoever the user is,
//!   and kept with a chance that leaves yes and no equally frequent *for each
//!   X*. Whether X is asked at all does depend on the future (where none is
//!   kept, the next family in the user's order moves up); a model sees single
//!   questions and cannot use that. On the Complete Journey the text of
//!   the question alone predicts its answer with an AUC of 0.51. Without
//!   balancing no instruction depends on the future.
//! - Thresholds and popular values are fitted on training users only. Users
//!   are split by a hash of their id ([`split_of`]), and whole families are
//!   [held out](UserQaConfig::held_out_families) from training.
//!
//! # Whose values are named
//!
//! A value of the data stands in questions, answers and facts only if
//! [`min_users`](UserQaConfig::min_users) training users have it, and a threshold is
//! fitted only to so many and told in two digits. A question whose answer would be a
//! rarer value is not asked about the past; about the future, where the answer may not
//! decide what is asked, the answer leaves the value out. Counts and amounts in answers
//! are the user's own. The files also hold the ids of users and what is asked of each,
//! so they belong with the user store.
//!
//! A profile keeps the newest events of a source up to its `slots`; answers
//! about the past count all events of the source's window, which also the
//! aggregates of a tabular source see.

mod builder;
mod config;
mod cut;
mod error;
mod files;
mod fit;
mod pool;
mod report;
mod rules;
mod table;
#[cfg(test)]
mod testing;
mod thresholds;
mod triple;
mod verify;
mod words;

pub use builder::{ShardTriples, TripleBuilder};
pub use config::{DEFAULT_MIN_USERS, Split, UserQaConfig, default_held_out, split_of};
pub use error::{Error, Result};
pub use files::{MANIFEST_FILE, Manifest, TRIPLES_FILE, UserQa, build};
pub use pool::Popular;
pub use report::{FamilyCounts, UserQaReport};
pub use rules::{Family, families};
pub use thresholds::Thresholds;
pub use triple::{Facts, Finding, Ranked, Triple, TripleKind, Week};
pub use verify::{Mismatch, verify};
pub use words::MAX_VALUE_CHARS;
