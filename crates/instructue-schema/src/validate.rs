//! The rules that a schema must keep.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use crate::declare::{
    Aggregate, Column, ColumnRole, ColumnType, Lookup, Schema, Source, SourceKind,
};
use crate::error::Error;

/// No sensible declaration exceeds this; it keeps arithmetic on them far from overflow.
const LIMIT: usize = 1_000_000;

impl Schema {
    /// Checks every rule; [`Schema::from_toml`] and [`Schema::load`] have done so already.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the key, the rule and what stands there.
    pub fn validate(&self) -> Result<(), Error> {
        if self.name.trim().is_empty() {
            return Err(invalid("name", "a name", "nothing"));
        }
        if self.sources.is_empty() {
            return Err(invalid("source", "at least one source", "none"));
        }
        let mut names = BTreeSet::new();
        let mut delimiters = BTreeSet::new();
        for source in &self.sources {
            let key = format!("source.{}", source.name);
            check_word(&format!("{key}.name"), &source.name)?;
            if !names.insert(&source.name) {
                return Err(invalid(
                    format!("{key}.name"),
                    "a unique name",
                    "a repeated one",
                ));
            }
            check_word(&format!("{key}.delimiter"), source.delimiter())?;
            if !delimiters.insert(source.delimiter()) {
                let found = format!("a repeated `{}`", source.delimiter());
                return Err(invalid(
                    format!("{key}.delimiter"),
                    "a unique delimiter",
                    found,
                ));
            }
            self.validate_source(&key, source)?;
        }
        Ok(())
    }

    fn validate_source(&self, key: &str, source: &Source) -> Result<(), Error> {
        check_line(&format!("{key}.description"), &source.description)?;
        check_file(&format!("{key}.file"), &source.file)?;
        check_count(&format!("{key}.window_days"), source.window_days as usize)?;
        check_count(&format!("{key}.slots"), source.slots)?;
        check_count(&format!("{key}.max_tokens"), source.max_tokens)?;
        let mut names = BTreeSet::new();
        for column in source.all_columns() {
            let key = format!("{key}.column.{}", column.name);
            if column.name.is_empty() {
                return Err(invalid(key, "a column name", "nothing"));
            }
            if !names.insert(&column.name) {
                return Err(invalid(
                    key,
                    "a column name unique in the source",
                    "a repeated one",
                ));
            }
            check_column(&key, source.kind, column)?;
        }
        self.check_structure(key, source)?;
        for lookup in &source.lookups {
            check_lookup(key, source, lookup)?;
        }
        for aggregate in &source.aggregates {
            self.check_aggregate(&format!("{key}.aggregate.{}", aggregate.source), aggregate)?;
        }
        Ok(())
    }

    /// How many columns of each role, and what a kind may have.
    fn check_structure(&self, key: &str, source: &Source) -> Result<(), Error> {
        let column_key = format!("{key}.column");
        let count = |role| {
            source
                .all_columns()
                .filter(|column| column.role == role)
                .count()
        };
        let (users, times) = (count(ColumnRole::User), count(ColumnRole::Time));
        match source.kind {
            SourceKind::Events if times != 1 => {
                let expected = "exactly one column with role \"time\"";
                return Err(invalid(column_key, expected, times.to_string()));
            }
            SourceKind::Events if !source.aggregates.is_empty() => {
                let expected = "aggregates in tabular sources only";
                return Err(invalid(
                    format!("{key}.aggregate"),
                    expected,
                    "an events source",
                ));
            }
            SourceKind::Tabular if times > 1 => {
                let expected = "at most one column with role \"time\"";
                return Err(invalid(column_key, expected, times.to_string()));
            }
            SourceKind::Tabular if !source.has_file() => {
                if source.aggregates.is_empty() {
                    let expected = "columns or aggregates in a tabular source";
                    return Err(invalid(column_key, expected, "neither"));
                }
                return match source.lookups.is_empty() {
                    true => Ok(()),
                    false => {
                        let expected = "columns in a source with lookups";
                        Err(invalid(column_key, expected, "none"))
                    }
                };
            }
            SourceKind::Events | SourceKind::Tabular => {}
        }
        if users != 1 {
            let expected = "exactly one column with role \"user\"";
            return Err(invalid(column_key, expected, users.to_string()));
        }
        Ok(())
    }

    fn check_aggregate(&self, key: &str, aggregate: &Aggregate) -> Result<(), Error> {
        let Some((_, source)) = self.source(&aggregate.source) else {
            let names: Vec<_> = self
                .sources
                .iter()
                .map(|source| source.name.as_str())
                .collect();
            return Err(invalid(
                format!("{key}.source"),
                format!("one of {}", names.join(", ")),
                format!("`{}`", aggregate.source),
            ));
        };
        if source.kind != SourceKind::Events {
            return Err(invalid(
                format!("{key}.source"),
                "an events source",
                "a tabular one",
            ));
        }
        let windows: BTreeSet<_> = aggregate.windows_days.iter().collect();
        if windows.is_empty()
            || windows.contains(&0)
            || windows.len() != aggregate.windows_days.len()
        {
            let found = format!("{:?}", aggregate.windows_days);
            return Err(invalid(
                format!("{key}.windows_days"),
                "distinct days, at least 1",
                found,
            ));
        }
        if !aggregate.group_by.is_empty() {
            check_count(&format!("{key}.top_groups"), aggregate.top_groups)?;
        }
        let mut seen = BTreeSet::new();
        for name in &aggregate.group_by {
            let column = source.all_columns().find(|column| column.name == *name);
            let found = match column {
                None => format!("`{name}`, which `{}` does not have", source.name),
                Some(column) if column.role != ColumnRole::Category => {
                    format!("`{name}` with role \"{}\"", column.role.as_str())
                }
                Some(_) if !seen.insert(name) => format!("`{name}` twice"),
                Some(_) => continue,
            };
            let expected = "columns with role \"category\", each once";
            return Err(invalid(format!("{key}.group_by"), expected, found));
        }
        if aggregate.top_groups > LIMIT {
            let found = aggregate.top_groups.to_string();
            return Err(invalid(
                format!("{key}.top_groups"),
                format!("at most {LIMIT}"),
                found,
            ));
        }
        Ok(())
    }
}

fn check_column(key: &str, kind: SourceKind, column: &Column) -> Result<(), Error> {
    use ColumnType::{Bool, Float, Int, Text, Timestamp};
    let types: &[ColumnType] = match column.role {
        ColumnRole::User | ColumnRole::Text | ColumnRole::Key => &[Text, Int],
        ColumnRole::Time => &[Timestamp, Int],
        ColumnRole::Category => &[Text, Int, Bool],
        ColumnRole::Number => &[Int, Float, Bool],
    };
    if !types.contains(&column.ty) {
        let names: Vec<_> = types
            .iter()
            .map(|ty| format!("\"{}\"", ty.as_str()))
            .collect();
        // Whose times are texts looks for a type of that name.
        let texts = match (column.role, column.ty) {
            (ColumnRole::Time, Text) => " (\"timestamp\" also reads texts such as 2024-01-31)",
            _ => "",
        };
        return Err(invalid(
            format!("{key}.type"),
            format!(
                "{} for role \"{}\"{texts}",
                names.join(" or "),
                column.role.as_str()
            ),
            format!("\"{}\"", column.ty.as_str()),
        ));
    }
    if kind == SourceKind::Tabular && column.role == ColumnRole::Text {
        let expected = "\"category\" or \"number\" in a tabular source";
        return Err(invalid(format!("{key}.role"), expected, "\"text\""));
    }
    let content = matches!(
        column.role,
        ColumnRole::Text | ColumnRole::Category | ColumnRole::Number
    );
    if column.render == Some(true) && !content {
        let expected = "false for a column that is no text, category or number";
        return Err(invalid(format!("{key}.render"), expected, "true"));
    }
    if let (Some(unit), false) = (column.unit, column.role == ColumnRole::Time) {
        let expected = "no unit for a column that is no time";
        let found = format!("\"{}\"", unit.as_str());
        return Err(invalid(format!("{key}.unit"), expected, found));
    }
    match &column.label {
        Some(label) => check_line(&format!("{key}.label"), label),
        None => Ok(()),
    }
}

fn check_lookup(key: &str, source: &Source, lookup: &Lookup) -> Result<(), Error> {
    let key = format!("{key}.lookup.{}", lookup.file);
    check_file(&format!("{key}.file"), &lookup.file)?;
    let role = source
        .columns
        .iter()
        .find(|column| column.name == lookup.key)
        .map(|c| c.role);
    if role != Some(ColumnRole::Key) {
        let found = match role {
            Some(role) => format!("`{}` with role \"{}\"", lookup.key, role.as_str()),
            None => format!("`{}`, which is none of them", lookup.key),
        };
        let expected = "one of the source's columns with role \"key\"";
        return Err(invalid(format!("{key}.key"), expected, found));
    }
    if lookup.columns.is_empty() {
        return Err(invalid(
            format!("{key}.column"),
            "at least one column",
            "none",
        ));
    }
    for column in &lookup.columns {
        if matches!(column.role, ColumnRole::User | ColumnRole::Key) {
            return Err(invalid(
                format!("{key}.column.{}.role", column.name),
                "\"time\", \"text\", \"category\" or \"number\" in a lookup",
                format!("\"{}\"", column.role.as_str()),
            ));
        }
    }
    Ok(())
}

/// Names become file names and delimiters, so few characters are allowed.
fn check_word(key: &str, word: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if word.is_empty() || word.len() > 64 || !word.chars().all(allowed) {
        return Err(invalid(
            key,
            "1 to 64 characters of a-z, 0-9, _ and -",
            format!("{word:?}"),
        ));
    }
    Ok(())
}

fn check_line(key: &str, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(invalid(key, "one line of text", format!("{text:?}")));
    }
    Ok(())
}

/// All files lie below the data directory.
fn check_file(key: &str, file: &str) -> Result<(), Error> {
    if file.contains("://") {
        let expected = "a path below the data directory (copy remote files there first)";
        return Err(invalid(key, expected, format!("{file:?}")));
    }
    let path = Path::new(file);
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    if file.is_empty() || !inside {
        let expected = "a relative path without `..`";
        return Err(invalid(key, expected, format!("{file:?}")));
    }
    let parent = path.parent().and_then(Path::to_str).unwrap_or("");
    if parent.contains('*') {
        return Err(invalid(
            key,
            "`*` in the last part only",
            format!("{file:?}"),
        ));
    }
    Ok(())
}

fn check_count(key: &str, count: usize) -> Result<(), Error> {
    if count == 0 || count > LIMIT {
        return Err(invalid(key, format!("1 to {LIMIT}"), count.to_string()));
    }
    Ok(())
}

fn invalid(key: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::Invalid {
        file: "schema".into(),
        key: key.into(),
        expected: expected.into(),
        found: found.into(),
    }
}
