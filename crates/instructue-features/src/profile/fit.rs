//! The fitted part of a profile builder, and its counts during fitting.

use std::sync::Arc;

use instructue_schema::{ColumnRole, Schema, Source, SourceKind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::aggregates::{GroupFit, most_frequent_names};
use crate::event_features::ScaleFit;
use crate::fields::{fields_with, number_fields};
use instructue_schema::History;
use instructue_schema::{UserCounts, user_key};

/// The number of values kept per category column. Rarer ones count as unknown.
const MAX_CATEGORIES: usize = 10_000;

/// The fitted values from which all plans follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Fitted {
    pub(super) schema: Schema,
    pub(super) slot_limit: Option<usize>,
    /// The number of distinct users who had to have a value for it to be kept.
    pub(super) min_users: usize,
    /// One entry per source, in schema order.
    pub(super) sources: Vec<FittedSource>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct FittedSource {
    /// For events: the scale of each number field.
    pub(super) number_scales: Vec<f32>,
    /// For tabular sources: the values of each category column. The code is the position plus 1.
    pub(super) categories: Vec<Vec<String>>,
    /// For tabular sources: per aggregate and grouping column, the values with aggregates of
    /// their own.
    pub(super) groups: Vec<Vec<Vec<String>>>,
}

impl FittedSource {
    /// Whether there is an entry for everything that `source` declares.
    pub(super) fn fits(&self, source: &Source) -> bool {
        let (events, tabular) = match source.kind {
            SourceKind::Events => (number_fields(source).len(), 0),
            SourceKind::Tabular => (0, fields_with(source, ColumnRole::Category).len()),
        };
        self.number_scales.len() == events
            && self.number_scales.iter().all(|scale| *scale > 0.0)
            && self.categories.len() == tabular
            && self.groups.len() == source.aggregates.len()
            && source
                .aggregates
                .iter()
                .zip(&self.groups)
                .all(|(a, g)| a.group_by.len() == g.len())
    }
}

/// The counts of one source during fitting.
pub(super) enum SourceFit {
    Events {
        fields: Vec<(usize, ScaleFit)>,
        window: i64,
    },
    Tabular {
        columns: Vec<(usize, UserCounts<Arc<str>>)>,
        groups: Vec<GroupFit>,
    },
}

impl SourceFit {
    pub(super) fn new(schema: &Schema, source: &Source, min_users: usize) -> Self {
        match source.kind {
            SourceKind::Events => Self::Events {
                fields: number_fields(source)
                    .into_iter()
                    .map(|f| (f, ScaleFit::new(min_users)))
                    .collect(),
                window: i64::from(source.window_days),
            },
            SourceKind::Tabular => {
                let columns = fields_with(source, ColumnRole::Category);
                Self::Tabular {
                    columns: columns
                        .into_iter()
                        .map(|field| (field, UserCounts::new(min_users)))
                        .collect(),
                    groups: source
                        .aggregates
                        .iter()
                        .map(|a| GroupFit::new(schema, a, min_users))
                        .collect(),
                }
            }
        }
    }

    pub(super) fn add(&mut self, index: usize, history: &History<'_>, reference: Timestamp) {
        let user = user_key(history.user());
        match self {
            Self::Events { fields, window } => {
                let from = reference.plus_days(-*window);
                let events = history.events(index).between(from, reference);
                for (field, scale) in fields {
                    let values = (0..events.len()).filter_map(|i| events.number(i, *field));
                    values.for_each(|value| scale.add(user, value));
                }
            }
            Self::Tabular { columns, groups } => {
                let rows = history.events(index).before(reference).newest(1);
                for (field, users) in columns {
                    if let Some(value) = (!rows.is_empty()).then(|| rows.text(0, *field)).flatten()
                    {
                        users.add(user, value);
                    }
                }
                groups
                    .iter_mut()
                    .for_each(|group| group.add(history, reference));
            }
        }
    }

    pub(super) fn finish(self) -> FittedSource {
        match self {
            Self::Events { fields, .. } => FittedSource {
                number_scales: fields.into_iter().map(|(_, scale)| scale.scale()).collect(),
                ..FittedSource::default()
            },
            Self::Tabular { columns, groups } => {
                let columns = columns.into_iter();
                FittedSource {
                    categories: columns
                        .map(|(_, n)| most_frequent_names(n.common(), MAX_CATEGORIES))
                        .collect(),
                    groups: groups.into_iter().map(GroupFit::finish).collect(),
                    ..FittedSource::default()
                }
            }
        }
    }
}
