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
//! | `source.order` | `any` or `user_time` | `any` |
//! | `source.column` | `name`, `type`, `role`, `label`, `render`, `required` | – |
//! | `source.lookup` | `file`, `key`, `column` | none |
//! | `source.aggregate` | `source`, `windows_days`, `group_by`, `top_groups` | none; `[7, 30, 90]`, `[]`, 20 |
//!
//! Types are `text`, `int`, `float`, `bool` and `timestamp`; roles are `user`,
//! `time`, `text`, `category`, `number` and `key` (see [`ColumnRole`]).
//! Unknown keys are errors.

mod arrow_schema;
mod declare;
mod error;
mod ids;
pub mod limits;
pub mod paths;
mod printable;
mod raw;
mod schema;
mod text;
mod toml_text;
mod validate;

pub use declare::{
    Aggregate, Column, ColumnRole, ColumnType, EventOrder, Field, Lookup, OnError, Repeats, Schema,
    Source, SourceKind,
};
pub use error::Error;
pub use ids::{SECONDS_PER_DAY, Timestamp, UserId};
pub use printable::{printable, printable_lines, shown};
pub use text::DataText;
pub use toml_text::{TomlFault, parse_toml, toml_fault};
