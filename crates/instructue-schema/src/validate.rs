//! The rules that a schema must keep.

use std::collections::BTreeSet;
use std::path::Path;

use crate::column::{Column, ColumnRole, ColumnType, Lookup};
use crate::declare::{Schema, Source};
use crate::error::Error;
use crate::limits::{self, OutOfRange, numbers, texts};
use crate::paths;
use crate::printable::{printable, shown};
use crate::source_options::{Aggregate, SourceKind};

impl Schema {
    /// Checks every rule. [`Schema::from_toml`] and [`Schema::load`] call it.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the key, the rule and the value that was found.
    pub fn validate(&self) -> Result<(), Error> {
        texts::name("name", &self.name)?;
        if self.sources.is_empty() {
            return Err(invalid("source", "at least one source", "none"));
        }
        limits::check([("source", numbers::LIST.of(self.sources.len()))])?;
        let slots = self.sources.iter().map(|source| source.slots as i128);
        let slots = slots.fold(0_i128, i128::saturating_add);
        let mut names = BTreeSet::new();
        let mut delimiters = BTreeSet::new();
        for source in &self.sources {
            let key = format!("source.{}", source.name);
            texts::word(&format!("source.{}.name", cut(&source.name)), &source.name)?;
            if !names.insert(&source.name) {
                return Err(invalid(
                    format!("{key}.name"),
                    "a unique name",
                    "a repeated one",
                ));
            }
            texts::word(&format!("{key}.delimiter"), source.delimiter())?;
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
        limits::check([("slots of all sources", numbers::SLOTS.of(slots))])?;
        Ok(())
    }

    fn validate_source(&self, key: &str, source: &Source) -> Result<(), Error> {
        texts::line(&format!("{key}.description"), &source.description)?;
        check_file(&format!("{key}.file"), &source.file)?;
        let below = |name: &str| format!("{key}.{name}");
        limits::check([
            (
                &*below("window_days"),
                numbers::WINDOW_DAYS.of(source.window_days),
            ),
            (&*below("slots"), numbers::SLOTS.of(source.slots)),
            (
                &*below("max_tokens"),
                numbers::EVENT_TOKENS.of(source.max_tokens),
            ),
            (
                &*below("column"),
                numbers::LIST.of(source.all_columns().count()),
            ),
            (&*below("lookup"), numbers::LIST.of(source.lookups.len())),
            (
                &*below("aggregate"),
                numbers::LIST.of(source.aggregates.len()),
            ),
        ])?;
        let mut names = BTreeSet::new();
        for column in source.all_columns() {
            let key = format!("{key}.column.{}", cut(&column.name));
            texts::column(&key, &column.name)?;
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
            let key = format!("{key}.aggregate.{}", cut(&aggregate.source));
            self.check_aggregate(&key, aggregate)?;
        }
        Ok(())
    }

    /// Checks the number of columns of each role, and what each kind of source may have.
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
        check_vector(key, source)?;
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
                format!("one of {}", shown(&names.join(", "))),
                shown(&aggregate.source),
            ));
        };
        if source.kind != SourceKind::Events {
            return Err(invalid(
                format!("{key}.source"),
                "an events source",
                "a tabular one",
            ));
        }
        let days_key = format!("{key}.windows_days");
        limits::check([(&*days_key, numbers::LIST.of(aggregate.windows_days.len()))])?;
        let windows: BTreeSet<_> = aggregate.windows_days.iter().collect();
        if windows.is_empty() || windows.len() != aggregate.windows_days.len() {
            let found = match windows.is_empty() {
                true => "none",
                false => "a repeated number",
            };
            return Err(invalid(days_key, "distinct days, at least 1", found));
        }
        let each = aggregate.windows_days.iter();
        limits::check(each.map(|days| (&*days_key, numbers::WINDOW_DAYS.of(*days))))?;
        // The key is written to files even where nothing is grouped, so it needs a bound there
        // too.
        let groups_key = format!("{key}.top_groups");
        let least = usize::from(aggregate.group_by.is_empty());
        let groups = aggregate.top_groups.max(least);
        limits::check([(&*groups_key, numbers::TOP_GROUPS.of(groups))])?;
        let factors = [windows.len(), aggregate.group_by.len(), groups];
        limits::product(
            &format!("{key}: windows × groups × top_groups"),
            &factors.map(|factor| factor as u64),
            &numbers::AGGREGATES,
        )?;
        let mut seen = BTreeSet::new();
        for name in &aggregate.group_by {
            let column = source.all_columns().find(|column| column.name == *name);
            let found = match column {
                None => format!("{}, which `{}` does not have", shown(name), source.name),
                Some(column) if column.role != ColumnRole::Category => {
                    format!("`{name}` with role \"{}\"", column.role.as_str())
                }
                Some(_) if !seen.insert(name) => format!("`{name}` twice"),
                Some(_) => continue,
            };
            let expected = "columns with role \"category\", each once";
            return Err(invalid(format!("{key}.group_by"), expected, found));
        }
        Ok(())
    }
}

fn check_column(key: &str, kind: SourceKind, column: &Column) -> Result<(), Error> {
    use ColumnType::{Bool, Float, Int, Text, Timestamp, Vector};
    let types: &[ColumnType] = match column.role {
        ColumnRole::User | ColumnRole::Text | ColumnRole::Key => &[Text, Int],
        ColumnRole::Time => &[Timestamp, Int],
        ColumnRole::Category => &[Text, Int, Bool],
        ColumnRole::Number => &[Int, Float, Bool],
        ColumnRole::Vector => &[Vector],
    };
    if !types.contains(&column.ty) {
        let names: Vec<_> = types
            .iter()
            .map(|ty| format!("\"{}\"", ty.as_str()))
            .collect();
        // A user whose times are texts may look for a type of that name.
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
    if kind == SourceKind::Tabular && matches!(column.role, ColumnRole::Text | ColumnRole::Vector) {
        let expected = "\"category\" or \"number\" in a tabular source";
        let found = format!("\"{}\"", column.role.as_str());
        return Err(invalid(format!("{key}.role"), expected, found));
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
    let width_key = format!("{key}.width");
    match (column.role, column.width) {
        (ColumnRole::Vector, Some(width)) => {
            limits::check([(&*width_key, numbers::VECTOR_WIDTH.of(width))])?;
        }
        (ColumnRole::Vector, None) => {
            return Err(invalid(width_key, "the length of a vector", "none"));
        }
        (_, Some(width)) => {
            let expected = "no width for a column that is no vector";
            return Err(invalid(width_key, expected, width.to_string()));
        }
        (_, None) => {}
    }
    match &column.label {
        Some(label) => Ok(texts::line(&format!("{key}.label"), label)?),
        None => Ok(()),
    }
}

/// Checks that a source has at most one vector, and no text beside it.
fn check_vector(key: &str, source: &Source) -> Result<(), Error> {
    let fields = source.fields();
    let mut vectors = fields.iter().filter(|f| f.role == ColumnRole::Vector);
    let Some(vector) = vectors.next() else {
        return Ok(());
    };
    if vectors.next().is_some() {
        let expected = "at most one column with role \"vector\"";
        let found = (2 + vectors.count()).to_string();
        return Err(invalid(format!("{key}.column"), expected, found));
    }
    match fields.iter().find(|field| field.rendered) {
        None => Ok(()),
        Some(text) => {
            let expected = format!(
                "false: the vector in `{}` stands in place of a text",
                vector.name
            );
            let found = match text.role {
                ColumnRole::Number => "true",
                _ => "true, the default of such a column",
            };
            let key = format!("{key}.column.{}.render", text.name);
            Err(invalid(key, expected, found))
        }
    }
}

fn check_lookup(key: &str, source: &Source, lookup: &Lookup) -> Result<(), Error> {
    let key = format!("{key}.lookup.{}", cut(&lookup.file));
    check_file(&format!("{key}.file"), &lookup.file)?;
    let role = source
        .columns
        .iter()
        .find(|column| column.name == lookup.key)
        .map(|c| c.role);
    if role != Some(ColumnRole::Key) {
        let found = match role {
            Some(role) => format!("{} with role \"{}\"", shown(&lookup.key), role.as_str()),
            None => format!("{}, which is none of them", shown(&lookup.key)),
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
        let role = column.role;
        if matches!(
            role,
            ColumnRole::User | ColumnRole::Key | ColumnRole::Vector
        ) {
            return Err(invalid(
                format!("{key}.column.{}.role", column.name),
                "\"time\", \"text\", \"category\" or \"number\" in a lookup",
                format!("\"{}\"", column.role.as_str()),
            ));
        }
    }
    Ok(())
}

/// A declared file must lie below the data directory.
fn check_file(key: &str, file: &str) -> Result<(), Error> {
    if file.contains("://") {
        let expected = "a path below the data directory (copy remote files there first)";
        return Err(invalid(key, expected, shown(file)));
    }
    let path = Path::new(file);
    paths::plain(path).map_err(|outside| invalid(key, outside.expected, outside.found))?;
    let parent = path.parent().and_then(Path::to_str).unwrap_or("");
    if parent.contains('*') {
        return Err(invalid(key, "`*` in the last part only", shown(file)));
    }
    Ok(())
}

/// A name shortened for a key in an error: a file may hold names of any length.
fn cut(name: &str) -> String {
    let name: String = name.chars().take(texts::MAX_NAME).collect();
    printable(&name).into_owned()
}

fn invalid(key: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::Invalid {
        file: "schema".into(),
        key: key.into(),
        expected: expected.into(),
        found: found.into(),
    }
}

impl From<OutOfRange> for Error {
    fn from(wrong: OutOfRange) -> Self {
        invalid(wrong.key, wrong.expected, wrong.found)
    }
}
