//! What of a user is shown to the model: the newest events before a reference time.

mod builder;
mod fit;
mod plan;
mod shard_index;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use instructue_schema::{DataText, Timestamp, UserId};
use serde::{Deserialize, Serialize};

pub use builder::ProfileBuilder;

/// One user as seen from a reference time; nothing in it is from that time or later.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Who.
    pub user: UserId,
    /// The time from which the user is seen.
    pub reference: Timestamp,
    /// One entry per source, in schema order.
    pub sources: Vec<SourceProfile>,
}

/// One source of a profile.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceProfile {
    /// The newest events, oldest first; may be empty.
    Events(Vec<ProfileEvent>),
    /// The features of a tabular source.
    Tabular(TabularRow),
}

/// One event of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileEvent {
    /// The rendered fields; equal events of a shard share it.
    pub text: DataText,
    /// As [`event_feature_names`](crate::event_feature_names) says.
    pub features: Vec<f32>,
    /// How many days before the reference time each of the events was that it stands
    /// for, the newest first.
    pub days: Arc<[f32]>,
}

/// The features of a tabular source, laid out as [`TabularLayout`] says.
#[derive(Debug, Clone, PartialEq)]
pub struct TabularRow {
    /// NaN stands for a missing value.
    pub numbers: Vec<f32>,
    /// 0 stands for a missing or unknown value.
    pub categories: Vec<u32>,
}

/// What the entries of a [`TabularRow`] are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TabularLayout {
    /// The names of the numbers: declared columns as they are, then aggregates.
    ///
    /// For an aggregated source `s` with windows of `w` days these are
    /// `s.recency` (log of 1 + days since the last event; missing when there is
    /// none), per window `s.count.wd`, `s.active_days.wd` and `s.x.sum.wd` for
    /// each number field `x` (signed log of 1 + value), `s.change.vd.wd` (log
    /// ratio of the rates in the two shortest windows), and per value `g` of a
    /// grouping column `c`, in the longest window, `s.c=g.share`, `s.c=g.count`
    /// (log of 1 + value) and `s.c=g.recency` (1 / (1 + days since the last one),
    /// 0 when there is none).
    pub numbers: Vec<String>,
    /// The names of the categories, and how many codes each has, 0 included.
    pub categories: Vec<(String, usize)>,
}
