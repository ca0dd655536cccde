//! The user store, which ingest makes from Parquet files: users with their events, sorted by
//! time, in shards. One needs it to train or to embed from files; a model that is given histories
//! needs only `instructue-features`.
//!
//! [`UserStore::ingest`] reads the files that a [`Schema`](instructue_schema::Schema)
//! declares, checks every row, and groups events by user. Each shard of a store fits in memory,
//! so memory does not grow with the number of users.
//!
//! ```
//! use std::fs::File;
//! use std::sync::Arc;
//!
//! use arrow::array::{ArrayRef, Float64Array, StringArray, TimestampSecondArray};
//! use arrow::record_batch::RecordBatch;
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
//! // Before day 10 Ann has two events; the event of day 20 is not among them.
//! let ann = UserId::new("ann").expect("a name that is not empty");
//! let shard = store.shard(store.shard_of(&ann))?;
//! let history = shard.history(shard.find(&ann).expect("she has events"));
//! assert_eq!(history.events(0).before(Timestamp(10 * day)).len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod guard;
mod ingest;
mod manifest;
mod report;
mod retype;
mod shard_file;
mod store;

pub use error::{Error, Result, RowProblem};
pub use guard::{check_one_column, each_batch, open_parquet, panic_becomes_error, read_all};
pub use ingest::{
    IngestOptions, UserValue, UserValues, declared_type, read_user_values, remote_advice,
    source_files, survey,
};
pub use report::{IngestReport, LookupReport, SourceReport};
pub use store::UserStore;
