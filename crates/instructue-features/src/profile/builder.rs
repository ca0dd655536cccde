//! Fitting of vocabularies and scales to histories, and building of profiles.

use instructue_schema::{ColumnRole, Schema, Timestamp};
use serde::{Deserialize, Serialize};

use super::content::{Profile, SourceProfile, TabularLayout};
use super::fit::{Fitted, SourceFit};
use super::plan::SourcePlan;
use super::shard_index::{ShardIndex, ShardIndexes, TabularCodes};
use crate::fields::fields_with;
use instructue_schema::History;

/// Builds profiles from histories, with the vocabularies and scales to which it was fitted.
///
/// It is saved and loaded with `serde`. Its cache of shards is not saved.
///
/// ```
/// use std::sync::Arc;
/// use instructue_features::{ProfileBuilder, SourceProfile};
/// use instructue_schema::{ColumnData, Shard, SourceTable};
/// use instructue_schema::{Schema, Timestamp, UserId};
///
/// let schema = Schema::from_toml(r#"
///     name = "shop"
///     [[source]]
///     name = "bill"
///     kind = "events"
///     description = "purchases"
///     column = [
///         { name = "user", type = "text", role = "user" },
///         { name = "time", type = "timestamp", role = "time" },
///         { name = "product", type = "text", role = "category" },
///         { name = "amount", type = "float", role = "number" },
///     ]
/// "#)?;
/// let day = 86_400;
/// let shard = Shard {
///     users: vec![UserId::new("u1").unwrap()],
///     sources: vec![SourceTable {
///         offsets: vec![0, 3],
///         times: vec![Timestamp(0), Timestamp(2 * day), Timestamp(3 * day)],
///         columns: vec![
///             ColumnData::Text {
///                 codes: vec![0, 1, 0],
///                 dictionary: Arc::new(vec!["milk".into(), "bread".into()]),
///             },
///             ColumnData::Number(vec![1.5, 2.0, 1.5]),
///         ],
///     }],
/// };
/// let reference = Timestamp(3 * day);
/// let histories = shard.histories().map(|history| (history, reference));
/// let builder = ProfileBuilder::fit(&schema, histories, None, 1);
///
/// // The third purchase is not before the reference time.
/// let profile = builder.build(&shard.history(0), reference);
/// let SourceProfile::Events(events) = &profile.sources[0] else { unreachable!() };
/// let texts: Vec<_> = events.iter().map(|event| event.text.as_str()).collect();
/// assert_eq!(texts, ["milk", "bread"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Fitted", into = "Fitted")]
pub struct ProfileBuilder {
    fitted: Fitted,
    plans: Vec<SourcePlan>,
    layouts: Vec<TabularLayout>,
    /// The text fields that any plan reads, as (source, field).
    text_fields: Vec<(usize, usize)>,
    shards: ShardIndexes,
}

impl ProfileBuilder {
    /// Fits vocabularies and scales to histories, each seen from its reference time.
    ///
    /// Only events before a reference time are read. Histories are read once, in turn.
    /// `slot_limit` caps the number of events of every source. The histories should be those of
    /// training users only.
    ///
    /// A value of a grouping or category column is kept if at least `min_users` distinct users
    /// have it, and the scale of a number field if that many have a value. A rarer value is
    /// treated as unseen. With 1 every value is kept.
    ///
    /// # Panics
    /// If a history is not of `schema`.
    pub fn fit<'a>(
        schema: &Schema,
        histories: impl Iterator<Item = (History<'a>, Timestamp)>,
        slot_limit: Option<usize>,
        min_users: usize,
    ) -> Self {
        let mut fits: Vec<_> = schema
            .sources
            .iter()
            .map(|s| SourceFit::new(schema, s, min_users))
            .collect();
        for (history, reference) in histories {
            for (index, fit) in fits.iter_mut().enumerate() {
                fit.add(index, &history, reference);
            }
        }
        let sources = fits.into_iter().map(SourceFit::finish).collect();
        Self::new(Fitted {
            schema: schema.clone(),
            slot_limit,
            min_users,
            sources,
        })
    }

    fn new(fitted: Fitted) -> Self {
        let schema = &fitted.schema;
        let limit = fitted.slot_limit.unwrap_or(usize::MAX);
        let sources = || schema.sources.iter().zip(&fitted.sources);
        let plans: Vec<_> = sources()
            .map(|(s, f)| SourcePlan::new(schema, s, f, limit))
            .collect();
        let layouts = sources()
            .zip(&plans)
            .map(|((s, f), plan)| plan.layout(schema, s, f));
        let layouts = layouts.collect();
        let text_fields = schema
            .sources
            .iter()
            .enumerate()
            .flat_map(|(index, source)| {
                let text = fields_with(source, ColumnRole::Text).into_iter();
                let fields = text.chain(fields_with(source, ColumnRole::Category));
                fields.map(move |field| (index, field))
            });
        let text_fields = text_fields.collect();
        Self {
            plans,
            layouts,
            text_fields,
            fitted,
            shards: ShardIndexes::default(),
        }
    }

    /// The schema that it was fitted for.
    pub fn schema(&self) -> &Schema {
        &self.fitted.schema
    }

    /// The number of distinct users who had to have a value for it to be kept.
    pub fn min_users(&self) -> usize {
        self.fitted.min_users
    }

    /// The names of a tabular source's entries; empty for an events source.
    ///
    /// # Panics
    /// If the schema has no such source.
    pub fn tabular_layout(&self, source: usize) -> &TabularLayout {
        &self.layouts[source]
    }

    /// The profile of a user at the reference time `reference`.
    ///
    /// Events at that time or later have no influence on it.
    ///
    /// # Panics
    /// If `history` is not of the schema.
    pub fn build(&self, history: &History<'_>, reference: Timestamp) -> Profile {
        let shard = self
            .shards
            .of(history, &self.text_fields, || self.index(history));
        let plans = self.plans.iter().enumerate();
        let sources = plans.map(|(index, plan)| match plan {
            SourcePlan::Events(plan) => {
                let events = history.events(index);
                SourceProfile::Events(plan.events(&events, &shard.texts[index], reference))
            }
            SourcePlan::Tabular(plan) => {
                let codes = &shard.codes[index];
                SourceProfile::Tabular(plan.row(index, history, reference, codes))
            }
        });
        Profile {
            user: history.user().clone(),
            reference,
            sources: sources.collect(),
        }
    }

    fn index(&self, history: &History<'_>) -> ShardIndex {
        let plans = self.plans.iter().enumerate();
        let codes = plans.map(|(index, plan)| match plan {
            SourcePlan::Events(_) => TabularCodes::default(),
            SourcePlan::Tabular(plan) => plan.codes(index, history),
        });
        ShardIndex::new(history, &self.text_fields, codes.collect())
    }
}

impl From<ProfileBuilder> for Fitted {
    fn from(builder: ProfileBuilder) -> Self {
        builder.fitted
    }
}

impl TryFrom<Fitted> for ProfileBuilder {
    type Error = String;

    fn try_from(fitted: Fitted) -> Result<Self, String> {
        let schema = &fitted.schema;
        schema.validate().map_err(|error| error.to_string())?;
        let fits = schema.sources.len() == fitted.sources.len()
            && schema
                .sources
                .iter()
                .zip(&fitted.sources)
                .all(|(source, found)| found.fits(source));
        if !fits {
            return Err(
                "expected vocabularies and scales for the schema's columns, found others".into(),
            );
        }
        Ok(Self::new(fitted))
    }
}
