//! Parquet in and out, event rendering, tokenisation, token-budget batches and resumable order.

mod aggregates;
mod bucket;
mod counts;
mod error;
mod features;
mod history;
mod order;
mod profile;
mod render;
pub mod seed;
mod tokenizer;

pub use bucket::token_budget_batches;
pub use counts::{count_feature_names, count_features};
pub use error::{Error, Result, RowProblem};
pub use features::{event_feature_names, event_feature_width};
pub use history::{ColumnData, Events, History, NULL_CODE, Shard, SourceTable};
pub use order::EpochOrder;
pub use profile::{
    Profile, ProfileBuilder, ProfileEvent, SourceProfile, TabularLayout, TabularRow,
};
pub use render::render_event;
pub use tokenizer::{END, PAD, TextTokenizer};
