//! Declarations of downstream tasks: what to ask a model, and what the truth is.

use std::path::Path;

use instructue_schema::{ColumnRole, Schema, SourceKind, Timestamp, parse_toml, shown};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::error::{Error, Result};

/// A set of downstream tasks, usually read from `tasks.toml`.
///
/// ```
/// use instructue_eval::TaskSet;
///
/// let set = TaskSet::from_toml(r#"
///     reference = "2017-07-01"     # profiles end here, labels begin here
///     active_days = 90             # only users with a purchase in the 90 days before
///     active_source = "bill"
///
///     [[task]]
///     name = "dog_food"
///     instruction = "Will this household buy dog food in the next 30 days?"
///     reworded = ["Is dog food going to be bought within a month?"]
///     wrong = "What time of day does this household shop?"
///     [task.label]
///     kind = "event"
///     source = "bill"
///     field = "product_category"
///     equals = ["DOG FOODS"]
///     days = 30
/// "#)?;
/// assert_eq!(set.tasks[0].name, "dog_food");
/// # Ok::<(), instructue_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSet {
    /// Profiles hold only events before, event labels only events from then on.
    /// TOML: a date (`"2017-07-01"`) or a date with time, UTC.
    #[serde(with = "crate::date")]
    pub reference: Timestamp,
    /// Users count in event tasks only with an event of `active_source` in so
    /// many days before the reference time. Tasks about a column of a file
    /// have no such condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_days: Option<u32>,
    /// The source of `active_days`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_source: Option<String>,
    /// The tasks.
    #[serde(rename = "task")]
    pub tasks: Vec<Task>,
}

/// One yes-or-no question about users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// A name of at most 64 characters, unique in the set.
    pub name: String,
    /// The question, as a model gets it.
    pub instruction: String,
    /// The same question in other words, at least one.
    pub reworded: Vec<String>,
    /// A question about something else; default: the instruction of the next task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
    /// Another reference time than the set's.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::date::option"
    )]
    pub reference: Option<Timestamp>,
    /// An answer that is true of positive users; with `negative_text` it makes
    /// the task zero-shot: users are scored by the difference of two cosines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_text: Option<String>,
    /// An answer that is true of negative users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub negative_text: Option<String>,
    /// The truth.
    pub label: Label,
}

/// Where the truth of a task comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Label {
    /// Whether an event happens in the days from the reference time on.
    Event {
        /// An event source of the schema.
        source: String,
        /// A text or category field of it; without one any event counts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        field: Option<String>,
        /// The values of `field` that count, compared exactly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        equals: Option<Vec<String>>,
        /// Length of the window.
        #[serde(deserialize_with = "days")]
        days: u32,
        /// Positive is who has *no* such event.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        negate: bool,
    },
    /// A column of a Parquet file with one row per user; users without a row
    /// or with a missing value are not labelled.
    Column {
        /// The file, below the data directory.
        file: String,
        /// The column with the user ids, text or integer.
        user_column: String,
        /// The column with the values.
        column: String,
        /// Values that make a user positive, compared as text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        positive: Vec<String>,
        /// Or: numbers from here on make a user positive.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at_least: Option<f64>,
    },
}

/// Within a tagged choice a reader's error does not name the key by itself.
fn days<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    u32::deserialize(from).map_err(|error| {
        let reason = error.to_string();
        de::Error::custom(format!("days: {}", reason.trim_end()))
    })
}

impl TaskSet {
    /// Reads and checks a declaration.
    ///
    /// # Errors
    /// Names the key, what is expected and what was found.
    pub fn from_toml(text: &str) -> Result<Self> {
        Self::parse(text, "<text>")
    }

    /// Reads and checks a declaration file.
    ///
    /// # Errors
    /// Names the file, the key, what is expected and what was found.
    pub fn load(path: &Path) -> Result<Self> {
        let text = instructue_fs::read_text(path)?;
        Self::parse(&text, &path.display().to_string())
    }

    fn parse(text: &str, file: &str) -> Result<Self> {
        let set: Self = parse_toml(text).map_err(|fault| Error::Toml {
            file: file.to_owned(),
            line: fault.line,
            column: fault.column,
            reason: fault.to_string(),
        })?;
        set.check(file)?;
        Ok(set)
    }

    /// The task's own reference time, or the set's.
    pub fn reference_of(&self, task: &Task) -> Timestamp {
        task.reference.unwrap_or(self.reference)
    }

    /// The wrong instruction of the task at `index`: declared, or the next task's instruction.
    ///
    /// # Panics
    /// If there is no such task.
    pub fn wrong_of(&self, index: usize) -> &str {
        let next = &self.tasks[(index + 1) % self.tasks.len()].instruction;
        self.tasks[index].wrong.as_ref().unwrap_or(next)
    }

    /// The task of that name.
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Checks that the sources and fields the tasks name are in `schema`.
    ///
    /// # Errors
    /// Names the task, the key and what the schema has instead.
    pub fn check_against(&self, schema: &Schema) -> Result<()> {
        if let Some(source) = &self.active_source {
            event_source(schema, source, "active_source".to_owned())?;
        }
        for task in &self.tasks {
            if let Label::Event { source, field, .. } = &task.label {
                let key = |name: &str| format!("task `{}`.label.{name}", task.name);
                let index = event_source(schema, source, key("source"))?;
                if let Some(field) = field {
                    text_field(schema, index, field, key("field"))?;
                }
            }
        }
        Ok(())
    }
}

/// The index of an event source.
pub(crate) fn event_source(schema: &Schema, name: &str, key: String) -> Result<usize> {
    match schema.source(name) {
        Some((index, source)) if source.kind == SourceKind::Events => Ok(index),
        _ => {
            let events = schema
                .sources
                .iter()
                .filter(|source| source.kind == SourceKind::Events);
            let names: Vec<_> = events.map(|source| source.name.as_str()).collect();
            Err(Error::Task {
                file: format!("schema `{}`", schema.name),
                key,
                expected: format!("one of the event sources {}", names.join(", ")),
                found: shown(name),
            })
        }
    }
}

/// The index of a text field within the fields of the source at `source`.
pub(crate) fn text_field(schema: &Schema, source: usize, name: &str, key: String) -> Result<usize> {
    let fields = schema.sources[source].fields();
    let is_text = |role: ColumnRole| matches!(role, ColumnRole::Text | ColumnRole::Category);
    fields
        .iter()
        .position(|field| field.name == name && is_text(field.role))
        .ok_or_else(|| {
            let texts = fields.iter().filter(|field| is_text(field.role));
            let names: Vec<_> = texts.map(|field| field.name.as_str()).collect();
            Error::Task {
                file: format!("schema `{}`", schema.name),
                key,
                expected: format!(
                    "one of the text fields of `{}`: {}",
                    schema.sources[source].name,
                    names.join(", ")
                ),
                found: shown(name),
            }
        })
}

#[cfg(test)]
mod tests {
    use instructue_schema::limits::trials::try_numbers;

    use super::*;

    const GOOD: &str = r#"
reference = "2017-07-01"
[[task]]
name = "a"
instruction = "A?"
reworded = ["A, then?"]
label = { kind = "event", source = "bill", days = 30, negate = true }
[[task]]
name = "b"
instruction = "B?"
reworded = ["B, then?"]
reference = "2017-10-01"
label = { kind = "column", file = "d.parquet", user_column = "id", column = "age", at_least = 45.0 }
"#;

    #[test]
    fn defaults_follow_the_set() {
        let set = TaskSet::from_toml(GOOD).unwrap();
        assert_eq!(set.wrong_of(0), "B?");
        assert_eq!(set.wrong_of(1), "A?");
        assert_eq!(set.reference_of(&set.tasks[0]), set.reference);
        let later = set.reference.plus_days(92);
        assert_eq!(set.reference_of(set.task("b").unwrap()), later);
        let again = TaskSet::from_toml(&toml::to_string(&set).unwrap()).unwrap();
        assert_eq!(set, again);
    }

    #[test]
    fn wrong_declarations_name_the_key() {
        let cases = [
            ("\"2017-07-01\"", "\"2017-02-30\"", "is not a date"),
            ("days = 30", "days = 0", "label.days"),
            ("days = 30", "dayz = 30", "dayz"),
            (
                "source = \"bill\"",
                "source = \"bill\", field = \"x\"",
                "field and equals",
            ),
            (
                "source = \"bill\"",
                "source = \"bill\", field = \"x\", equals = []",
                "label.equals",
            ),
            (", at_least = 45.0", "", "label.positive"),
            ("at_least = 45.0", "at_least = inf", "label.at_least"),
            ("[\"A, then?\"]", "[]", "reworded"),
            ("name = \"b\"", "name = \"a\"", "name of its own"),
            ("\"A?\"", "\"B?\"", "wrong"),
            ("\"A?\"", "\" \"", "instruction"),
            ("\"event\"", "\"events\"", "events"),
            (
                "reference = \"2017-07-01\"",
                "reference = \"2017-07-01\"\nactive_days = 9",
                "active_source",
            ),
            (
                "name = \"a\"",
                "name = \"a\"\npositive_text = \"yes\"",
                "negative_text",
            ),
            ("name = \"a\"", "name = \"a\"\ncolour = 1", "colour"),
            ("name = \"a\"", "name = \"a\\u001b[31m\"", "task[0].name"),
            ("days = 30", "days = 4000000000", "label.days"),
            ("\"d.parquet\"", "\"../d.parquet\"", "without `..`"),
            ("\"d.parquet\"", "\"/etc/hostname\"", "label.file"),
            ("\"id\"", "\"\"", "label.user_column"),
        ];
        for (from, to, says) in cases {
            assert!(GOOD.contains(from), "{from}");
            let error = TaskSet::from_toml(&GOOD.replacen(from, to, 1))
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{to}: {error}");
            assert!(!error.contains('\n'), "{to}: {error}");
        }
        assert!(TaskSet::from_toml("reference = \"2017-07-01\"\ntask = []").is_err());
        let missing = TaskSet::load(Path::new("no/such/tasks.toml"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("no/such/tasks.toml"), "{missing}");
    }

    #[test]
    fn texts_of_any_length_are_refused_in_a_line() {
        let long = "x".repeat(70_000);
        for (from, key) in [
            ("name = \"a\"", "task[0].name"),
            ("instruction = \"A?\"", "instruction"),
            ("reworded = [\"A, then?\"]", "reworded"),
            ("column = \"age\"", "label.column"),
        ] {
            let (name, old) = from.split_once(" = ").unwrap();
            let new = old.replace(old.trim_matches(['[', ']', '"']), &long);
            let text = GOOD.replacen(from, &format!("{name} = {new}"), 1);
            let error = TaskSet::from_toml(&text).unwrap_err().to_string();
            assert!(error.contains(key) && error.len() < 400, "{from}: {error}");
        }
    }

    #[test]
    fn every_number_is_bounded() {
        let mut set = TaskSet::from_toml(GOOD).unwrap();
        set.active_days = Some(90);
        set.active_source = Some("bill".into());
        let tried = try_numbers(&set, |set| {
            set.check("tasks").map_err(|error| error.to_string())?;
            for task in &set.tasks {
                if let Label::Event { days, .. } = &task.label {
                    let end = set.reference_of(task).plus_days(i64::from(*days));
                    assert!(end.0 < i64::MAX / 2);
                }
            }
            Ok(())
        });
        assert!(tried.unwrap() > 30);
    }

    /// Whatever file stands where tasks were expected.
    #[test]
    fn a_file_of_another_kind_is_not_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tasks.toml");
        for text in [
            "root:hunter2:0:0",
            "key = \"hunter2\"",
            "reference = 5\nx = 'hunter2'",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = TaskSet::load(&path).unwrap_err().to_string();
            assert!(error.contains("tasks.toml:1:"), "{error}");
            assert!(
                !error.contains("hunter2") && !error.contains('\n'),
                "{error}"
            );
        }
    }

    #[test]
    fn sources_and_fields_must_be_in_the_schema() {
        let schema = Schema::default_six();
        let set = TaskSet::from_toml(GOOD).unwrap();
        set.check_against(&schema).unwrap();
        let check = |from: &str, to: &str| {
            let set = TaskSet::from_toml(&GOOD.replacen(from, to, 1)).unwrap();
            set.check_against(&schema).unwrap_err().to_string()
        };
        let error = check("\"bill\"", "\"bills\"");
        assert!(
            error.contains("\"bills\"") && error.contains("minipro"),
            "{error}"
        );
        let error = check("\"bill\"", "\"tabular\"");
        assert!(error.contains("event sources"), "{error}");
        let error = check(
            "\"bill\"",
            "\"bill\", field = \"colour\", equals = [\"red\"]",
        );
        assert!(error.contains("text fields of `bill`"), "{error}");
    }
}
