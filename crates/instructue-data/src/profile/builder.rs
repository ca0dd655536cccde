//! Fitting on histories, then building profiles.

use std::collections::HashMap;
use std::sync::Arc;

use instructue_schema::{ColumnRole, Schema, Source, SourceKind, Timestamp};
use serde::{Deserialize, Serialize};

use super::shard_index::{ShardIndex, ShardIndexes};
use super::{Profile, ProfileEvent, SourceProfile, TabularLayout, TabularRow};
use crate::aggregates::{AggregatePlan, GroupFit, count, most_frequent};
use crate::features::{EventFeatures, ScaleFit, fields_with, number_fields};
use crate::history::{Events, History};
use crate::render::{Renderer, TextCache};

/// Values kept per category column; rarer ones count as unknown.
const MAX_CATEGORIES: usize = 10_000;

/// Turns histories into profiles, with the vocabularies and scales that it was fitted to.
///
/// It is saved and restored with `serde`; what it remembers of shards is not saved.
///
/// ```
/// use std::sync::Arc;
/// use instructue_data::{ColumnData, ProfileBuilder, Shard, SourceProfile, SourceTable};
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
/// let builder = ProfileBuilder::fit(&schema, histories, None);
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
    /// The text fields that some plan reads, as (source, field).
    text_fields: Vec<(usize, usize)>,
    shards: ShardIndexes,
}

/// What fitting finds; everything else follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fitted {
    schema: Schema,
    slot_limit: Option<usize>,
    /// One per source, in schema order.
    sources: Vec<FittedSource>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct FittedSource {
    /// Events: the scale of each number field.
    number_scales: Vec<f32>,
    /// Tabular: the values of each category column; the code is the position plus 1.
    categories: Vec<Vec<String>>,
    /// Tabular: per aggregate and grouping column the values that are counted.
    groups: Vec<Vec<Vec<String>>>,
}

#[derive(Debug, Clone)]
enum SourcePlan {
    Events {
        window: i64,
        slots: usize,
        renderer: Renderer,
        features: EventFeatures,
    },
    Tabular(TabularPlan),
}

#[derive(Debug, Clone)]
struct TabularPlan {
    numbers: Vec<usize>,
    categories: Vec<(usize, HashMap<String, u32>)>,
    aggregates: Vec<AggregatePlan>,
}

impl ProfileBuilder {
    /// Fits vocabularies and scales to histories, each seen from its reference time.
    ///
    /// Only what lies before a reference time is read. Histories are read once, in
    /// turn; what is kept are the distinct values of grouping and category columns.
    /// `slot_limit` caps the number of events of every source. Fit on training
    /// users only.
    ///
    /// # Panics
    /// If a history is not of `schema`.
    pub fn fit<'a>(
        schema: &Schema,
        histories: impl Iterator<Item = (History<'a>, Timestamp)>,
        slot_limit: Option<usize>,
    ) -> Self {
        let mut fits: Vec<_> = schema
            .sources
            .iter()
            .map(|s| SourceFit::new(schema, s))
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

    /// The schema it was fitted for.
    pub fn schema(&self) -> &Schema {
        &self.fitted.schema
    }

    /// What the rows of a tabular source hold; empty for an events source.
    ///
    /// # Panics
    /// If the schema has no such source.
    pub fn tabular_layout(&self, source: usize) -> &TabularLayout {
        &self.layouts[source]
    }

    /// The profile of a user as seen from `reference`.
    ///
    /// Events at that time or later have no influence on it.
    ///
    /// # Panics
    /// If `history` is not of the schema.
    pub fn build(&self, history: &History<'_>, reference: Timestamp) -> Profile {
        let shard = self
            .shards
            .of(history, &self.text_fields, || self.index(history));
        let sources = self
            .plans
            .iter()
            .enumerate()
            .map(|(index, plan)| match plan {
                SourcePlan::Events {
                    window,
                    slots,
                    renderer,
                    features,
                } => {
                    let from = reference.plus_days(-window);
                    let before = history.events(index).before(reference);
                    let kept = before.between(from, reference).newest(*slots);
                    let kept = EventRun {
                        first: before.len() - kept.len(),
                        kept,
                        before,
                    };
                    SourceProfile::Events(kept.profile(
                        &shard.texts[index],
                        renderer,
                        features,
                        reference,
                    ))
                }
                SourcePlan::Tabular(plan) => {
                    let (categories, groups) = (&shard.categories[index], &shard.groups[index]);
                    SourceProfile::Tabular(plan.row(index, history, reference, categories, groups))
                }
            });
        Profile {
            user: history.user().clone(),
            reference,
            sources: sources.collect(),
        }
    }

    fn index(&self, history: &History<'_>) -> ShardIndex {
        let mut categories = Vec::new();
        let mut groups = Vec::new();
        for (index, plan) in self.plans.iter().enumerate() {
            let (of_columns, of_aggregates) = match plan {
                SourcePlan::Events { .. } => (Vec::new(), Vec::new()),
                SourcePlan::Tabular(plan) => (
                    plan.category_codes(&history.events(index)),
                    plan.aggregates
                        .iter()
                        .map(|a| a.group_codes(history))
                        .collect(),
                ),
            };
            categories.push(of_columns);
            groups.push(of_aggregates);
        }
        ShardIndex::new(history, &self.text_fields, categories, groups)
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

impl FittedSource {
    /// Whether it has an entry for everything that `source` declares.
    fn fits(&self, source: &Source) -> bool {
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

/// What is counted of one source while histories pass by.
enum SourceFit {
    Events {
        fields: Vec<(usize, ScaleFit)>,
        window: i64,
    },
    Tabular {
        columns: Vec<(usize, HashMap<Arc<str>, u64>)>,
        groups: Vec<GroupFit>,
    },
}

impl SourceFit {
    fn new(schema: &Schema, source: &Source) -> Self {
        match source.kind {
            SourceKind::Events => Self::Events {
                fields: number_fields(source)
                    .into_iter()
                    .map(|f| (f, ScaleFit::default()))
                    .collect(),
                window: i64::from(source.window_days),
            },
            SourceKind::Tabular => {
                let columns = fields_with(source, ColumnRole::Category);
                Self::Tabular {
                    columns: columns
                        .into_iter()
                        .map(|field| (field, HashMap::new()))
                        .collect(),
                    groups: source
                        .aggregates
                        .iter()
                        .map(|a| GroupFit::new(schema, a))
                        .collect(),
                }
            }
        }
    }

    fn add(&mut self, index: usize, history: &History<'_>, reference: Timestamp) {
        match self {
            Self::Events { fields, window } => {
                let from = reference.plus_days(-*window);
                let events = history.events(index).between(from, reference);
                for (field, scale) in fields {
                    let values = (0..events.len()).filter_map(|i| events.number(i, *field));
                    values.for_each(|value| scale.add(value));
                }
            }
            Self::Tabular { columns, groups } => {
                let rows = history.events(index).before(reference).newest(1);
                for (field, users) in columns {
                    if let Some(value) = (!rows.is_empty()).then(|| rows.text(0, *field)).flatten()
                    {
                        count(users, value);
                    }
                }
                groups
                    .iter_mut()
                    .for_each(|group| group.add(history, reference));
            }
        }
    }

    fn finish(self) -> FittedSource {
        match self {
            Self::Events { fields, .. } => FittedSource {
                number_scales: fields.into_iter().map(|(_, scale)| scale.scale()).collect(),
                ..FittedSource::default()
            },
            Self::Tabular { columns, groups } => {
                let columns = columns.into_iter();
                FittedSource {
                    categories: columns
                        .map(|(_, n)| most_frequent(n, MAX_CATEGORIES))
                        .collect(),
                    groups: groups.into_iter().map(GroupFit::finish).collect(),
                    ..FittedSource::default()
                }
            }
        }
    }
}

impl SourcePlan {
    fn new(schema: &Schema, source: &Source, fitted: &FittedSource, slot_limit: usize) -> Self {
        match source.kind {
            SourceKind::Events => Self::Events {
                window: i64::from(source.window_days),
                slots: source.slots.min(slot_limit),
                renderer: Renderer::new(source),
                features: EventFeatures::new(source, &fitted.number_scales),
            },
            SourceKind::Tabular => {
                let columns = fields_with(source, ColumnRole::Category);
                let coded = |values: &Vec<String>| values.iter().cloned().zip(1..).collect();
                let codes = fitted.categories.iter().map(coded);
                let aggregates = source.aggregates.iter().zip(&fitted.groups);
                Self::Tabular(TabularPlan {
                    numbers: number_fields(source),
                    categories: columns.into_iter().zip(codes).collect(),
                    aggregates: aggregates
                        .map(|(a, g)| AggregatePlan::new(schema, a, g))
                        .collect(),
                })
            }
        }
    }

    fn layout(&self, schema: &Schema, source: &Source, fitted: &FittedSource) -> TabularLayout {
        let Self::Tabular(plan) = self else {
            return TabularLayout::default();
        };
        let fields = source.fields();
        let declared = plan.numbers.iter().map(|&field| fields[field].name.clone());
        let aggregates = plan.aggregates.iter().zip(&fitted.groups);
        let computed = aggregates.flat_map(|(aggregate, groups)| aggregate.names(schema, groups));
        let categories = plan.categories.iter();
        TabularLayout {
            numbers: declared.chain(computed).collect(),
            categories: categories
                .map(|(field, codes)| (fields[*field].name.clone(), codes.len() + 1))
                .collect(),
        }
    }
}

impl TabularPlan {
    /// For each category column, the category of each code of a shard.
    fn category_codes(&self, rows: &Events<'_>) -> Vec<Vec<u32>> {
        let columns = self.categories.iter().map(|(field, codes)| {
            let values = rows
                .dictionary(*field)
                .into_iter()
                .flat_map(|values| values.iter());
            values
                .map(|value| codes.get(&**value).copied().unwrap_or(0))
                .collect()
        });
        columns.collect()
    }

    fn row(
        &self,
        source: usize,
        history: &History<'_>,
        reference: Timestamp,
        category_of: &[Vec<u32>],
        group_of: &[Vec<Vec<u32>>],
    ) -> TabularRow {
        let rows = history.events(source).before(reference).newest(1);
        let here = !rows.is_empty();
        let number = |&field: &usize| here.then(|| rows.number(0, field)).flatten();
        let mut numbers: Vec<f32> = self
            .numbers
            .iter()
            .map(|field| number(field).map_or(f32::NAN, to_f32))
            .collect();
        for (aggregate, codes) in self.aggregates.iter().zip(group_of) {
            aggregate.compute(history, reference, codes, &mut numbers);
        }
        let columns = self.categories.iter().zip(category_of);
        let categories = columns.map(|((field, _), category_of)| {
            let code = here.then(|| rows.code(0, *field)).flatten();
            code.and_then(|code| category_of.get(code as usize))
                .copied()
                .unwrap_or(0)
        });
        TabularRow {
            categories: categories.collect(),
            numbers,
        }
    }
}

/// The events that a profile keeps, and all before the reference time.
struct EventRun<'a> {
    before: Events<'a>,
    kept: Events<'a>,
    /// Position of the first kept event among `before`.
    first: usize,
}

impl EventRun<'_> {
    fn profile(
        &self,
        texts: &TextCache,
        renderer: &Renderer,
        features: &EventFeatures,
        reference: Timestamp,
    ) -> Vec<ProfileEvent> {
        let texts = texts.texts(renderer, &self.kept).into_iter();
        let events = texts.zip(self.first..).map(|(text, i)| ProfileEvent {
            text,
            features: features.compute(&self.before, i, reference),
        });
        events.collect()
    }
}

/// The nearest finite 32-bit number.
fn to_f32(value: f64) -> f32 {
    value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}
