//! Rendering of events as short texts, which text encoders read.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use instructue_schema::{ColumnRole, DataText, Source};

use instructue_schema::{Events, NULL_CODE};

/// The text between two fields.
pub(crate) const SEPARATOR: &str = " | ";
/// The number of cached texts per source and shard. It bounds the memory when numbers are
/// rendered.
const REMEMBERED: usize = 1 << 18;

/// The text of event `i`: its rendered fields in declared order, with ` | ` between them.
///
/// Missing values are left out, runs of white space become one space, and numbers have at most
/// two decimals. Times are not in the text, because they are event features. An event without any
/// rendered value has an empty text.
///
/// # Panics
/// If `events` is not of `source` or has no event `i`.
pub fn render_event(source: &Source, events: &Events<'_>, i: usize) -> DataText {
    Renderer::new(source).render(events, i)
}

/// The fields of a source that are rendered.
#[derive(Debug, Clone)]
pub(crate) struct Renderer {
    /// The position of each field among the source's fields, and whether it is a number.
    fields: Vec<(usize, bool)>,
}

impl Renderer {
    pub(crate) fn new(source: &Source) -> Self {
        let fields = source.fields();
        let rendered = fields
            .iter()
            .enumerate()
            .filter(|(_, field)| field.rendered);
        let fields = rendered
            .map(|(i, field)| (i, field.role == ColumnRole::Number))
            .collect();
        Self { fields }
    }

    pub(crate) fn render(&self, events: &Events<'_>, i: usize) -> DataText {
        let mut text = String::new();
        for &(field, is_number) in &self.fields {
            let start = text.len();
            if start > 0 {
                text.push_str(SEPARATOR);
            }
            let filled = text.len();
            if is_number {
                if let Some(number) = events.number(i, field) {
                    text.push_str(&format_number(number));
                }
            } else if let Some(value) = events.text(i, field) {
                push_words(&mut text, value);
            }
            if text.len() == filled {
                text.truncate(start);
            }
        }
        DataText::from(text)
    }

    /// Writes a key of event `i`. Equal keys mean equal texts within a shard.
    fn key(&self, events: &Events<'_>, i: usize, key: &mut Vec<u32>) {
        key.clear();
        for &(field, is_number) in &self.fields {
            if is_number {
                let bits = events.number(i, field).unwrap_or(f64::NAN).to_bits();
                key.extend([(bits >> 32) as u32, bits as u32]);
            } else {
                key.push(events.code(i, field).unwrap_or(NULL_CODE));
            }
        }
    }
}

/// The texts of one source in one shard, each stored once.
#[derive(Debug, Default)]
pub(crate) struct TextCache(RwLock<HashMap<Box<[u32]>, DataText>>);

impl TextCache {
    /// The texts of all `events`.
    pub(crate) fn texts(&self, renderer: &Renderer, events: &Events<'_>) -> Vec<DataText> {
        let mut key = Vec::new();
        let mut texts: Vec<Option<DataText>> = Vec::with_capacity(events.len());
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            texts.extend((0..events.len()).map(|i| {
                renderer.key(events, i, &mut key);
                known.get(key.as_slice()).cloned()
            }));
        }
        if texts.iter().any(Option::is_none) {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            for (i, text) in texts
                .iter_mut()
                .enumerate()
                .filter(|(_, text)| text.is_none())
            {
                renderer.key(events, i, &mut key);
                *text = Some(match known.get(key.as_slice()) {
                    Some(text) => text.clone(),
                    None => {
                        let new = renderer.render(events, i);
                        if known.len() < REMEMBERED {
                            known.insert(key.clone().into(), new.clone());
                        }
                        new
                    }
                });
            }
        }
        texts.into_iter().flatten().collect()
    }
}

fn push_words(text: &mut String, value: &str) {
    for (i, word) in value.split_whitespace().enumerate() {
        if i > 0 {
            text.push(' ');
        }
        text.push_str(word);
    }
}

/// A number with at most two decimals. Very large and very small numbers are in scientific form.
fn format_number(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(0.005..1e15).contains(&size) {
        return format!("{number:.2e}");
    }
    let fixed = format!("{number:.2}");
    let short = fixed.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" {
        "0".into()
    } else {
        short.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Cell, Null, Number, day, row, schema, shard, text};

    fn rendered(cells: &[Cell]) -> String {
        let schema = schema();
        let shard = shard(&schema, &[row("u", 0, day(1.5), cells)], 0);
        let events = shard.history(0).events(0);
        render_event(&schema.sources[0], &events, 0)
            .as_str()
            .to_string()
    }

    #[test]
    fn declared_order_without_time_or_unrendered_numbers() {
        let cells = [text("Milk"), Number(12.5), text("Corner Shop"), Number(3.0)];
        assert_eq!(rendered(&cells), "Milk | 12.5 | Corner Shop");
    }

    #[test]
    fn missing_and_blank_values_leave_no_trace() {
        assert_eq!(rendered(&[Null, Null, text("shop"), Null]), "shop");
        assert_eq!(rendered(&[text("milk"), Null, text(" \t"), Null]), "milk");
        assert_eq!(rendered(&[Null, Number(2.0), Null, Null]), "2");
        assert_eq!(rendered(&[Null, Null, Null, Null]), "");
    }

    #[test]
    fn white_space_is_collapsed_and_nothing_else_is_changed() {
        let cells = [text("  Oat\n\u{a0} milk </bill>\t"), Null, Null, Null];
        assert_eq!(rendered(&cells), "Oat milk </bill>");
    }

    #[test]
    fn numbers_are_short() {
        let all = [
            (0.0, "0"),
            (-0.001, "-1.00e-3"),
            (0.005, "0.01"),
            (12.0, "12"),
            (12.345, "12.35"),
            (-7.1, "-7.1"),
            (100.0, "100"),
            (1234567.891, "1234567.89"),
            (2.5e20, "2.50e20"),
        ];
        for (number, expected) in all {
            assert_eq!(format_number(number), expected);
        }
    }

    #[test]
    fn equal_events_share_one_text() {
        let schema = schema();
        let milk = [text("milk"), Number(1.0), text("shop"), Number(1.0)];
        // Items are not rendered, so they do not matter.
        let same = [text("milk"), Number(1.0), text("shop"), Null];
        let other = [text("milk"), Number(2.0), text("shop"), Null];
        let rows = [
            row("u", 0, day(1.0), &milk),
            row("u", 0, day(2.0), &same),
            row("u", 0, day(3.0), &other),
            row("v", 0, day(1.0), &milk),
        ];
        let shard = shard(&schema, &rows, 0);
        let cache = TextCache::default();
        let renderer = Renderer::new(&schema.sources[0]);
        let u = cache.texts(&renderer, &shard.history(0).events(0));
        let v = cache.texts(&renderer, &shard.history(1).events(0));
        let place = |text: &DataText| text.as_str().as_ptr();
        assert_eq!(place(&u[0]), place(&u[1]));
        assert_eq!(place(&u[0]), place(&v[0]));
        assert_eq!(u[2].as_str(), "milk | 2 | shop");
    }
}
