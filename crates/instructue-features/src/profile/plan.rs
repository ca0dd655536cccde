//! The plan by which the profile of one source is made.

use std::collections::HashMap;
use std::sync::Arc;

use instructue_schema::{ColumnRole, DataText, Repeats, Schema, Source, SourceKind, Timestamp};

use super::content::{ProfileEvent, TabularLayout, TabularRow};
use super::fit::FittedSource;
use super::shard_index::TabularCodes;
use crate::aggregates::AggregatePlan;
use crate::event_features::EventFeatures;
use crate::fields::{fields_with, number_fields};
use crate::render::{Renderer, TextCache};
use instructue_schema::{Events, History};

/// The plan of one source, with all columns resolved.
#[derive(Debug, Clone)]
pub(super) enum SourcePlan {
    Events(EventPlan),
    Tabular(TabularPlan),
}

/// What an event says: its text, or the vector in place of it.
#[derive(Debug, Clone)]
struct Content {
    text: DataText,
    vector: Option<Arc<[f32]>>,
}

impl Content {
    /// Equal keys mean equal contents. Vectors are compared bit by bit.
    fn key(&self) -> (DataText, Option<Vec<u32>>) {
        let bits = |vector: &Arc<[f32]>| vector.iter().map(|number| number.to_bits()).collect();
        (self.text.clone(), self.vector.as_ref().map(bits))
    }
}

/// The plan of an events source.
#[derive(Debug, Clone)]
pub(super) struct EventPlan {
    /// The window in days.
    window: i64,
    slots: usize,
    repeats: Repeats,
    renderer: Renderer,
    /// The field with the events' vectors.
    vector: Option<usize>,
    features: EventFeatures,
}

/// The plan of a tabular source.
#[derive(Debug, Clone)]
pub(super) struct TabularPlan {
    numbers: Vec<usize>,
    /// The field of each category column, and the code of each value.
    categories: Vec<(usize, HashMap<String, u32>)>,
    aggregates: Vec<AggregatePlan>,
}

impl SourcePlan {
    /// `slot_limit` caps the declared number of slots.
    pub(super) fn new(
        schema: &Schema,
        source: &Source,
        fitted: &FittedSource,
        slot_limit: usize,
    ) -> Self {
        match source.kind {
            SourceKind::Events => Self::Events(EventPlan {
                window: i64::from(source.window_days),
                slots: source.slots.min(slot_limit),
                repeats: source.repeats,
                renderer: Renderer::new(source),
                vector: source.vector_field().map(|(field, _)| field),
                features: EventFeatures::new(source, &fitted.number_scales),
            }),
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

    /// The names of the rows' entries; empty for an events source.
    pub(super) fn layout(
        &self,
        schema: &Schema,
        source: &Source,
        fitted: &FittedSource,
    ) -> TabularLayout {
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

impl EventPlan {
    /// The shown part of `events` in the window before `reference`, oldest first.
    pub(super) fn events(
        &self,
        events: &Events<'_>,
        texts: &TextCache,
        reference: Timestamp,
    ) -> Vec<ProfileEvent> {
        let before = events.before(reference);
        let window = before.between(reference.plus_days(-self.window), reference);
        match self.repeats {
            Repeats::Keep => self.newest(&before, &window.newest(self.slots), texts, reference),
            Repeats::Merge => self.merged(&window, texts, reference),
        }
    }

    fn contents(&self, events: &Events<'_>, texts: &TextCache) -> Vec<Content> {
        match self.vector {
            None => {
                let texts = texts.texts(&self.renderer, events).into_iter();
                texts.map(|text| Content { text, vector: None }).collect()
            }
            Some(field) => {
                let vectors = (0..events.len()).map(|i| events.vector(i, field));
                let content = |vector: Option<&[f32]>| Content {
                    text: DataText::new(""),
                    vector: Some(vector.expect("a history of the schema").into()),
                };
                vectors.map(content).collect()
            }
        }
    }

    /// Each of `kept`, the newest of the events `before` the reference, as an event of its own.
    fn newest(
        &self,
        before: &Events<'_>,
        kept: &Events<'_>,
        texts: &TextCache,
        reference: Timestamp,
    ) -> Vec<ProfileEvent> {
        // The gap to the previous event is known even if that event is not kept.
        let first = before.len() - kept.len();
        let contents = self.contents(kept, texts).into_iter();
        let events = contents.zip(first..).map(|(content, i)| ProfileEvent {
            text: content.text,
            vector: content.vector,
            features: self.features.of_one(before, i, reference),
            days: days_before(before, &[i], reference),
        });
        events.collect()
    }

    /// One event for each text or vector in the window, in the order of their newest events.
    fn merged(
        &self,
        window: &Events<'_>,
        texts: &TextCache,
        reference: Timestamp,
    ) -> Vec<ProfileEvent> {
        let mut groups: Vec<(Content, Vec<usize>)> = Vec::new();
        let mut group_of = HashMap::new();
        for (i, content) in self.contents(window, texts).into_iter().enumerate() {
            let group = *group_of.entry(content.key()).or_insert_with(|| {
                groups.push((content, Vec::new()));
                groups.len() - 1
            });
            groups[group].1.push(i);
        }
        groups.sort_unstable_by_key(|(_, same)| same.last().copied());
        let hidden = groups.len().saturating_sub(self.slots);
        let events = groups
            .into_iter()
            .skip(hidden)
            .map(|(content, same)| ProfileEvent {
                text: content.text,
                vector: content.vector,
                features: self.features.of_merged(window, &same, reference),
                days: days_before(window, &same, reference),
            });
        events.collect()
    }
}

/// The value of [`ProfileEvent::days`]. `same` is in ascending order of time.
fn days_before(events: &Events<'_>, same: &[usize], reference: Timestamp) -> Arc<[f32]> {
    let newest_first = same.iter().rev();
    newest_first
        .map(|&i| reference.days_since(events.time(i)) as f32)
        .collect()
}

impl TabularPlan {
    /// The meaning of the codes of the history's shard.
    pub(super) fn codes(&self, source: usize, history: &History<'_>) -> TabularCodes {
        let aggregates = self.aggregates.iter();
        TabularCodes {
            categories: self.category_codes(&history.events(source)),
            groups: aggregates.map(|a| a.group_codes(history)).collect(),
        }
    }

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

    /// The newest row before `reference`, and the aggregates of the events before it.
    pub(super) fn row(
        &self,
        source: usize,
        history: &History<'_>,
        reference: Timestamp,
        codes: &TabularCodes,
    ) -> TabularRow {
        let rows = history.events(source).before(reference).newest(1);
        let here = !rows.is_empty();
        let number = |&field: &usize| here.then(|| rows.number(0, field)).flatten();
        let mut numbers: Vec<f32> = self
            .numbers
            .iter()
            .map(|field| number(field).map_or(f32::NAN, to_f32))
            .collect();
        for (aggregate, group_of) in self.aggregates.iter().zip(&codes.groups) {
            aggregate.compute(history, reference, group_of, &mut numbers);
        }
        let columns = self.categories.iter().zip(&codes.categories);
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

/// The nearest finite 32-bit number.
fn to_f32(value: f64) -> f32 {
    value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}
