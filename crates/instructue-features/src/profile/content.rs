//! The data of a profile.

use std::sync::Arc;

use instructue_schema::{DataText, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// A user as seen from a reference time. Nothing in it is from that time or later.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The user's id.
    pub user: UserId,
    /// The reference time.
    pub reference: Timestamp,
    /// One entry per source, in schema order.
    pub sources: Vec<SourceProfile>,
}

/// One source of a profile.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceProfile {
    /// The newest events, oldest first; there may be none.
    Events(Vec<ProfileEvent>),
    /// The features of a tabular source.
    Tabular(TabularRow),
}

/// One event of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileEvent {
    /// The rendered fields. Equal events of a shard share the text. It is empty where the event
    /// has a vector.
    pub text: DataText,
    /// The event's own vector, which stands in place of a text; `None` in a source of texts.
    pub vector: Option<Arc<[f32]>>,
    /// The event features, in the order of [`event_feature_names`](crate::event_feature_names).
    pub features: Vec<f32>,
    /// The days before the reference time of all events that this one stands for, the newest
    /// first.
    pub days: Arc<[f32]>,
}

/// The features of a tabular source, in the order of [`TabularLayout`].
#[derive(Debug, Clone, PartialEq)]
pub struct TabularRow {
    /// The numeric features. NaN stands for a missing value.
    pub numbers: Vec<f32>,
    /// The category codes. 0 stands for a missing or unknown value.
    pub categories: Vec<u32>,
}

/// The names of a [`TabularRow`]'s entries.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TabularLayout {
    /// The names of the numeric features: declared columns in their order, then aggregates.
    ///
    /// An aggregated source `s` with windows of `w` days has these features: `s.recency` (log of
    /// 1 + days since the last event; missing when there is none); per window `s.count.wd`,
    /// `s.active_days.wd` and, for each number field `x`, `s.x.sum.wd` (signed log of 1 + value);
    /// `s.change.vd.wd` (log ratio of the rates in the two shortest windows); and per value `g`
    /// of a grouping column `c`, in the longest window, `s.c=g.share`, `s.c=g.count` (log of 1 +
    /// value) and `s.c=g.recency` (1 / (1 + days since the last one), 0 when there is none).
    pub numbers: Vec<String>,
    /// The names of the categories, each with its number of codes, 0 included.
    pub categories: Vec<(String, usize)>,
}
