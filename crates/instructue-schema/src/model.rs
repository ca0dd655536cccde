//! Comparison of two schemas by what a model depends on. It is needed before a model reads other
//! data.

use crate::column::Field;
use crate::declare::{Schema, Source};

/// A key in which two schemas differ. See [`Schema::model_difference`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path of the key, e.g. `source.bill.column.amount.type`.
    pub key: String,
    /// The value in the first schema.
    pub first: String,
    /// The value in the second schema.
    pub second: String,
}

impl Schema {
    /// The first key that a model depends on and in which the schemas differ; `None` when a model
    /// that was trained with one schema may read data of the other.
    ///
    /// A model depends on the sources and their fields by name and order, on their kinds, types,
    /// roles, widths, labels, rendering, descriptions, windows and limits, and on aggregates. Defaults
    /// are filled in before the comparison. A model does not depend on where values come from:
    /// files, lookups, the columns of users, times and keys, `unit`, `order`, `required`,
    /// `on_error`, `times` and the schema's name.
    ///
    /// ```
    /// use instructue_schema::Schema;
    ///
    /// let trained = Schema::default_six();
    /// let mut data = trained.clone();
    /// data.sources[0].file = "payments/*.parquet".into();
    /// assert_eq!(trained.model_difference(&data), None);
    /// data.sources[0].window_days = 30;
    /// let difference = trained.model_difference(&data).expect("another window");
    /// assert_eq!(difference.key, "source.bill.window_days");
    /// assert_eq!((&*difference.first, &*difference.second), ("90", "30"));
    /// ```
    pub fn model_difference(&self, other: &Self) -> Option<Difference> {
        // The names of a list come before its content, so both lists have the same keys up to the
        // first difference.
        let (first, second) = (self.model_keys(), other.model_keys());
        let pairs = first.into_iter().zip(second);
        let mut different = pairs.filter(|(first, second)| first.1 != second.1);
        different
            .next()
            .map(|((key, first), (_, second))| Difference { key, first, second })
    }

    /// The keys that a model depends on, with their values.
    fn model_keys(&self) -> Vec<(String, String)> {
        let names = self.sources.iter().map(|source| source.name.as_str());
        let mut keys = vec![("source".into(), list(names))];
        for source in &self.sources {
            source.model_keys(&mut keys);
        }
        keys
    }
}

impl Source {
    fn model_keys(&self, keys: &mut Vec<(String, String)>) {
        let at = format!("source.{}", self.name);
        let mut add = |key: &str, value: String| keys.push((format!("{at}.{key}"), value));
        add("kind", format!("{:?}", self.kind).to_lowercase());
        add("description", quoted(&self.description));
        add("window_days", self.window_days.to_string());
        add("slots", self.slots.to_string());
        add("max_tokens", self.max_tokens.to_string());
        add("delimiter", quoted(self.delimiter()));
        add("repeats", format!("{:?}", self.repeats).to_lowercase());
        let fields = self.fields();
        add(
            "column",
            list(fields.iter().map(|field| field.name.as_str())),
        );
        for field in &fields {
            let key = |key: &str| format!("column.{}.{key}", field.name);
            for (name, value) in field.model_keys() {
                add(&key(name), value);
            }
            // Both schemas have the key, or their types differ before it.
            if let Some(width) = field.width {
                add(&key("width"), width.to_string());
            }
        }
        let names = self.aggregates.iter().map(|each| each.source.as_str());
        add("aggregate", list(names));
        for (number, aggregate) in self.aggregates.iter().enumerate() {
            // A source may have several aggregates of the same events source.
            let at = match self.aggregates.len() {
                1 => format!("aggregate.{}", aggregate.source),
                _ => format!("aggregate.{}.{}", number + 1, aggregate.source),
            };
            let windows = format!("{:?}", aggregate.windows_days);
            add(&format!("{at}.windows_days"), windows);
            let groups = aggregate.group_by.iter().map(String::as_str);
            add(&format!("{at}.group_by"), list(groups));
            add(
                &format!("{at}.top_groups"),
                aggregate.top_groups.to_string(),
            );
        }
    }
}

impl Field {
    fn model_keys(&self) -> [(&'static str, String); 4] {
        [
            ("type", quoted(self.ty.as_str())),
            ("role", quoted(self.role.as_str())),
            ("label", quoted(&self.label)),
            ("render", self.rendered.to_string()),
        ]
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(quoted).collect();
    format!("[{}]", names.join(", "))
}
