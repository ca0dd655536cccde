//! What a user, a source, an event, an instruction and an answer are: source declarations, Arrow schemas, validation.
//!
//! A deployment says in one TOML file which *sources* of behaviour it has. A
//! source is either `events` (many rows per user, each with a time) or
//! `tabular` (a row of features per user, and counts over the events).
//! [`Schema::default_six`] holds the sources of the paper; its file
//! `schemas/default.toml` is meant to be copied and changed.
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
//! // A wrong declaration says where, what is allowed and what stands there.
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
//! | `source.column` | `name`, `type`, `role`, `label`, `render`, `required`, `unit` | – |
//! | `source.lookup` | `file`, `key`, `column` | none |
//! | `source.aggregate` | `source`, `windows_days`, `group_by`, `top_groups` | none; `[7, 30, 90]`, `[]`, 20 |
//!
//! Types are `text`, `int`, `float`, `bool` and `timestamp`; roles are `user`,
//! `time`, `text`, `category`, `number` and `key` (see [`ColumnRole`]).
//! Unknown keys are errors.
//!
//! # Times
//! One event of a broken clock would move the end of the data for all users.
//! So, by default, a row is bad whose time is before 1970, more than a day past
//! the present, or *far* from all others: there are at least 20 events, it is
//! among the first or last 1 % (at least one), and between it and the rest
//! lies a gap of more than 366 days that is also longer than the whole rest.
//! A source none of whose events is near the rest is of another time, and none of its rows
//! is bad for that. Rows of a tabular source say since when they are valid, so they may have
//! any time unless the source itself says `times = "plausible"`. `times = "any"` takes every
//! time.
//!
//! Where a file holds times as numbers, `unit` says what they count: `s`, `ms`,
//! `us` or `ns` since 1970-01-01 UTC; without it `s`. Fractions of a second are
//! rounded down. With `unit` a column of type `timestamp` may be numbers too,
//! and a file's own timestamps must be of that unit.
//!
//! # Files
//! A directory stands for all files below it whose names end in `.parquet`, in
//! any letter case; names that begin with `.` or `_` are left out. A column may
//! also be the key of a folder between the data directory and the file, as in
//! `country=de/dt=2024-01-31/part-0.parquet`: its value is read as the declared
//! type, `%3A` and the like are undone, and `__HIVE_DEFAULT_PARTITION__` is a
//! missing value. A file that has the column too must say the same in every row.
//! Two columns or two folders of one declared name are refused.
//!
//! | type | what a file may have for it |
//! |---|---|
//! | `text` | text, bytes that are UTF-8, UUIDs |
//! | `int` | integers, floats and decimals that are whole numbers |
//! | `float` | integers, floats, Booleans, decimals that a 64-bit float holds |
//! | `bool` | Booleans, and the numbers 0 and 1 |
//! | `timestamp` | timestamps, dates, texts in a form of ISO 8601 |
//!
//! Each of them may be a dictionary (a category). A NaN is a missing value. A
//! column without any value in a file may have any type there, and a file
//! without rows any columns.

#[cfg(feature = "arrow")]
mod arrow_schema;
mod calendar;
mod declare;
mod error;
mod history;
mod ids;
pub mod limits;
mod matrix;
mod model;
pub mod paths;
mod printable;
mod raw;
mod schema;
pub mod seed;
mod text;
mod toml_text;
mod user_counts;
mod validate;
mod vectors;

pub use declare::{
    Aggregate, Column, ColumnRole, ColumnType, EventOrder, Field, Lookup, OnError, Repeats, Schema,
    Source, SourceKind, TimePolicy, TimeUnit,
};
pub use error::Error;
pub use history::{ColumnData, Events, History, NULL_CODE, Shard, SourceTable};
pub use ids::{SECONDS_PER_DAY, Timestamp, UserId};
pub use matrix::{Matrix, MatrixError};
pub use model::Difference;
pub use printable::{printable, printable_lines, shown};
pub use text::{DataText, excerpt};
pub use toml_text::{TomlFault, parse_toml, toml_fault};
pub use user_counts::{DistinctUsers, Tally, UserCounts, user_key};
pub use vectors::{UserRef, UserVectors};
