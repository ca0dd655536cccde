//! Declarations of users' data, and the types that all crates share. One needs this crate to say
//! what a data set holds and to read any configuration.
//!
//! One TOML file, the *schema*, declares the *sources* of behaviour. A source is either `events`
//! (many rows per user, each with a time) or `tabular` (a row of features per user, and
//! aggregates over the events). [`Schema::default_six`] holds the sources of InstructUE
//! (arXiv:2510.11016); its file `schemas/default.toml` is meant to be copied and changed.
//!
//! ```
//! use instructue_schema::{ColumnRole, Schema};
//!
//! let schema = Schema::from_toml(
//!     r#"
//!     name = "shop"
//!     on_error = "skip"               # bad rows are counted and left out
//!
//!     [[source]]
//!     name = "bill"
//!     kind = "events"
//!     description = "grocery purchases"
//!     file = "lines.parquet"          # default: bill.parquet
//!     slots = 160                     # newest events kept in a profile
//!     max_tokens = 24                 # text tokens per event
//!     column = [
//!         { name = "household", type = "int", role = "user" },
//!         { name = "bought_at", type = "timestamp", role = "time" },
//!         { name = "amount", type = "float", role = "number" },
//!         { name = "product", type = "int", role = "key" },
//!     ]
//!
//!     [[source.lookup]]               # a small table, joined by `product`
//!     file = "products.parquet"
//!     key = "product"
//!     column = [{ name = "product_category", type = "text", role = "category" }]
//!
//!     [[source]]
//!     name = "counts"
//!     kind = "tabular"                # no file: aggregates only
//!     description = "counts and sums"
//!     aggregate = [{ source = "bill", group_by = ["product_category"] }]
//!     "#,
//! )?;
//!
//! let (position, bill) = schema.source("bill").expect("it is declared");
//! assert_eq!((position, bill.window_days, bill.delimiter()), (0, 90, "bill"));
//!
//! // Fields carry content; lookups' columns come after the source's own.
//! let fields = bill.fields();
//! assert_eq!(fields[0].name, "amount");
//! assert_eq!((fields[1].label.as_str(), fields[1].role), ("product category", ColumnRole::Category));
//!
//! // An error names the key, the allowed values and the value that was found.
//! let wrong = schema.to_toml().replace("role = \"time\"", "role = \"number\"");
//! let error = Schema::from_toml(&wrong).unwrap_err().to_string();
//! assert_eq!(
//!     error,
//!     "schema: source.bill.column.bought_at.type: \
//!      expected \"int\" or \"float\" or \"bool\" for role \"number\", found \"timestamp\""
//! );
//! # Ok::<(), instructue_schema::Error>(())
//! ```
//!
//! # Keys of a schema file
//! | key | meaning | default |
//! |---|---|---|
//! | `name` | a name for reports | – |
//! | `on_error` | `fail` or `skip` bad rows | `fail` |
//! | `source.name` | `[a-z0-9_-]+`, unique | – |
//! | `source.kind` | `events` or `tabular` | – |
//! | `source.description` | a noun phrase, used in instructions | – |
//! | `source.file` | file, directory or `*.parquet` pattern | `<name>.parquet` |
//! | `source.window_days` | days before the reference time that count | 90 |
//! | `source.slots` | events kept, the newest | 100 (tabular: 1) |
//! | `source.max_tokens` | text tokens per event | 32 |
//! | `source.delimiter` | `[a-z0-9_-]+`, unique | `name` |
//! | `source.on_error` | as above, for this source | the schema's |
//! | `times` | `plausible` or `any`: see [Times](#times) | `plausible` |
//! | `source.times` | as above, for this source | the schema's |
//! | `source.order` | `any` or `user_time` | `any` |
//! | `source.column` | `name`, `type`, `role`, `label`, `render`, `required`, `unit`, `width` | – |
//! | `source.lookup` | `file`, `key`, `column` | none |
//! | `source.aggregate` | `source`, `windows_days`, `group_by`, `top_groups` | none; `[7, 30, 90]`, `[]`, 20 |
//!
//! Types are `text`, `int`, `float`, `bool`, `timestamp` and `vector`; roles are `user`,
//! `time`, `text`, `category`, `number`, `key` and `vector` (see [`ColumnRole`]).
//! Unknown keys are errors.
//!
//! An events source may bring one *vector* per event that another program computed, of `width`
//! numbers. The vector stands in place of the event's text, so the other columns have
//! `render = false`; they serve aggregates, questions and event features as ever. A row without a
//! vector is a bad row.
//!
//! # Times
//! One event of a broken clock would move the end of the data for all users. So, by default, a
//! row is bad if its time is before 1970, more than a day past the present, or *far* from all
//! others. A time is far under three conditions: there are at least 20 events; it is among the
//! first or last 1 % (at least one); and the gap between it and the rest is longer than 366 days
//! and longer than the whole rest. If no event of a source is near the other sources, the source
//! is of another period, and none of its rows is bad for that. Rows of a tabular source hold the
//! time from which they are valid, which may be any time unless the source itself has
//! `times = "plausible"`. With `times = "any"` every time is valid.
//!
//! Where a file holds times as numbers, `unit` is their unit: `s`, `ms`, `us` or `ns` since
//! 1970-01-01 UTC; the default is `s`. Fractions of a second are rounded down. With `unit`, a
//! column of type `timestamp` may also hold numbers, and a file's own timestamps must have that
//! unit.
//!
//! # Files
//! A directory stands for all files below it whose names end in `.parquet`, in
//! any letter case; names that begin with `.` or `_` are left out. A column may
//! also be the key of a folder between the data directory and the file, as in
//! `country=de/dt=2024-01-31/part-0.parquet`: its value is read as the declared
//! type, escapes such as `%3A` are decoded, and `__HIVE_DEFAULT_PARTITION__` is a
//! missing value. If the file has the column too, every row must hold the folder's value.
//! Two columns or two folders of one declared name are refused.
//!
//! | type | what a file may have for it |
//! |---|---|
//! | `text` | text, bytes that are UTF-8, UUIDs |
//! | `int` | integers, floats and decimals that are whole numbers |
//! | `float` | integers, floats, Booleans, decimals that a 64-bit float holds |
//! | `bool` | Booleans, and the numbers 0 and 1 |
//! | `timestamp` | timestamps, dates, texts in a form of ISO 8601 |
//! | `vector` | lists of 16-, 32- or 64-bit floats: of a fixed size, or as long in each row |
//!
//! Each of them may be dictionary-encoded. A NaN is a missing value. A column that
//! has no value in a file may have any type there, and a file without rows may
//! have any columns.

#[cfg(feature = "arrow")]
mod arrow_schema;
mod calendar;
mod column;
mod declare;
mod error;
mod history;
mod ids;
pub mod limits;
mod matrix;
mod model;
pub mod paths;
mod printable;
mod progress;
mod raw;
mod schema;
pub mod seed;
mod source_options;
mod text;
mod toml_text;
mod user_counts;
mod validate;
mod vectors;

pub use column::{Column, ColumnRole, ColumnType, Field, Lookup, TimeUnit};
pub use declare::{Schema, Source};
pub use error::Error;
pub use history::{ColumnData, Events, History, NULL_CODE, Shard, SourceTable};
pub use ids::{SECONDS_PER_DAY, Timestamp, UserId};
pub use matrix::{Matrix, MatrixError};
pub use model::Difference;
pub use printable::{printable, printable_lines, shown};
pub use progress::Progress;
pub use source_options::{Aggregate, EventOrder, OnError, Repeats, SourceKind, TimePolicy};
pub use text::{DataText, excerpt};
pub use toml_text::{TomlFault, parse_toml, toml_fault};
pub use user_counts::{DistinctUsers, Tally, UserCounts, user_key};
pub use vectors::{UserRef, UserVectors};
