//! What a user, a source, an event, an instruction and an answer are: source declarations, Arrow schemas, validation.

mod arrow_schema;
mod declare;
mod error;
mod ids;
mod raw;
mod schema;
mod text;
mod validate;

pub use declare::{
    Aggregate, Column, ColumnRole, ColumnType, EventOrder, Field, Lookup, OnError, Schema, Source,
    SourceKind,
};
pub use error::Error;
pub use ids::{SECONDS_PER_DAY, Timestamp, UserId};
pub use text::DataText;
