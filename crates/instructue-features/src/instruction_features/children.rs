//! What else the events of a text say: fields that are not part of the text.

use std::collections::{BTreeMap, BTreeSet};

use instructue_schema::{ColumnRole, History, Schema, SourceKind, Timestamp};
use instructue_schema::{UserCounts, user_key};

use crate::lexical_matches::words;
use crate::render::Renderer;

/// Values that are kept for a text, the most frequent ones.
const MOST: usize = 12;

/// The values of fields that are not rendered, by event text. "SOFT DRINKS" of a shop has
/// products such as "COLA" and "LEMONADE", so a question about cola finds it.
#[derive(Debug)]
pub struct Children {
    values: Vec<BTreeMap<String, BTreeMap<String, u64>>>,
    common: UserCounts<(usize, String)>,
    plans: Vec<Option<(Renderer, Vec<usize>)>>,
    source_words: Vec<BTreeSet<String>>,
}

impl Children {
    /// Begins to count; a value is kept if at least `min_users` distinct users have it.
    pub fn new(schema: &Schema, min_users: usize) -> Self {
        let plans = schema.sources.iter().map(|source| {
            let fields = source.fields();
            let hidden = fields.iter().enumerate().filter(|(_, field)| {
                let words = matches!(field.role, ColumnRole::Text | ColumnRole::Category);
                words && !field.rendered
            });
            let hidden: Vec<usize> = hidden.map(|(at, _)| at).collect();
            let is_read = source.kind == SourceKind::Events && !hidden.is_empty();
            is_read.then(|| (Renderer::new(source), hidden))
        });
        let source_words = schema.sources.iter().map(|source| match source.kind {
            SourceKind::Events => {
                let name = words(&source.name);
                name.chain(words(&source.description)).collect()
            }
            SourceKind::Tabular => BTreeSet::new(),
        });
        Self {
            source_words: source_words.collect(),
            values: vec![BTreeMap::new(); schema.sources.len()],
            common: UserCounts::new(min_users),
            plans: plans.collect(),
        }
    }

    /// The words of each source's name and description.
    pub(super) fn source_words(&self) -> &[BTreeSet<String>] {
        &self.source_words
    }

    /// Counts the events of a user before a time.
    pub fn add(&mut self, history: &History<'_>, reference: Timestamp) {
        let user = user_key(history.user());
        for (source, plan) in self.plans.iter().enumerate() {
            let Some((renderer, hidden)) = plan else {
                continue;
            };
            let events = history.events(source).before(reference);
            for event in 0..events.len() {
                let text = renderer.render(&events, event);
                for &field in hidden {
                    let Some(value) = events.text(event, field) else {
                        continue;
                    };
                    self.common.add(user, &(source, value.to_string()));
                    let values = self.values[source]
                        .entry(text.as_str().to_owned())
                        .or_default();
                    *values.entry(value.to_string()).or_default() += 1;
                }
            }
        }
    }

    /// The most frequent values of a source's text, with their shares.
    pub(super) fn of(&self, source: usize, text: &str) -> Vec<(String, f32)> {
        let Some(values) = self.values.get(source).and_then(|values| values.get(text)) else {
            return Vec::new();
        };
        let known = values
            .iter()
            .filter(|(value, _)| self.common.is_common(&(source, (*value).clone())));
        let mut known: Vec<(&String, u64)> = known.map(|(value, count)| (value, *count)).collect();
        known.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        known.truncate(MOST);
        let all: u64 = known.iter().map(|(_, count)| count).sum();
        let share = |count: u64| count as f32 / all.max(1) as f32;
        known
            .into_iter()
            .map(|(value, count)| (value.clone(), share(count)))
            .collect()
    }
}
