//! Parquet in and out, event rendering, tokenisation, token-budget batches and resumable order.

mod aggregates;
mod batch;
mod bucket;
mod counts;
mod error;
mod features;
mod guard;
mod history;
mod ingest;
mod order;
mod pack;
mod profile;
mod render;
pub mod seed;
mod shard_file;
mod store;
#[cfg(test)]
mod testing;
mod tokenizer;

pub use batch::{
    Batch, EventBatch, Input, PADDING, SourceBatch, TabularBatch, Target, UserPosition,
};
pub use bucket::token_budget_batches;
pub use counts::{count_feature_names, count_features};
pub use error::{Error, Result, RowProblem};
pub use features::{event_feature_names, event_feature_width};
pub use history::{ColumnData, Events, History, NULL_CODE, Shard, SourceTable};
pub use ingest::{IngestOptions, IngestReport, LookupReport, Progress, SourceReport};
pub use order::EpochOrder;
pub use pack::{Layout, ProfileTokenizer, ProfileTokens, Row, Segment, Slot, SourceTokens};
pub use profile::{
    Profile, ProfileBuilder, ProfileEvent, SourceProfile, TabularLayout, TabularRow,
};
pub use render::render_event;
pub use store::UserStore;
pub use tokenizer::{END, PAD, TextTokenizer};
