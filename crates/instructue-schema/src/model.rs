//! What a model depends on: the part of a schema that decides what it reads.

use crate::declare::{Field, Schema, Source};

/// A key that two schemas differ in. See [`Schema::model_difference`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path of the key, e.g. `source.bill.column.amount.type`.
    pub key: String,
    /// What stands in the first schema.
    pub first: String,
    /// What stands in the second one.
    pub second: String,
}

impl Schema {
    /// The first key in which the schemas differ, of those that a model trained with one of
    /// them depends on; `None` when the model may read data of either.
    ///
    /// A model depends on the sources and their fields by name and order, on their kinds, types,
    /// roles, labels and rendering, descriptions, windows and limits, and on aggregates, all with
    /// defaults filled in. It does not depend on where values come from: files, lookups, the
    /// columns of users, times and keys, `unit`, `order`, `required`, `on_error`, `times` and the
    /// schema's name.
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
        // A list's names stand before what is in it, so up to the first difference both lists
        // have the same keys.
        let (first, second) = (self.model_keys(), other.model_keys());
        let pairs = first.into_iter().zip(second);
        let mut different = pairs.filter(|(first, second)| first.1 != second.1);
        different
            .next()
            .map(|((key, first), (_, second))| Difference { key, first, second })
    }

    /// All keys that a model depends on, with their values.
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
            for (key, value) in field.model_keys() {
                add(&format!("column.{}.{key}", field.name), value);
            }
        }
        let names = self.aggregates.iter().map(|each| each.source.as_str());
        add("aggregate", list(names));
        for (number, aggregate) in self.aggregates.iter().enumerate() {
            // One source may have several.
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
