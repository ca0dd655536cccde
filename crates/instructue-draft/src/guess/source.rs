//! Sources with what is not guessed filled in.

use instructue_schema::{Column, EventOrder, Repeats, Source, SourceKind};

use crate::look::Looked;
use crate::words;

/// A source of this table.
pub fn source_of(table: &Looked, kind: SourceKind, columns: Vec<Column>) -> Source {
    let stem = &table.table.stem;
    let other = match kind {
        SourceKind::Events => "events",
        SourceKind::Tabular => "features",
    };
    let description = words::phrase(stem, other);
    Source {
        columns,
        ..source(
            words::source_name(stem),
            description,
            table.table.file.clone(),
            kind,
        )
    }
}

/// A source without columns.
pub fn source(name: String, description: String, file: String, kind: SourceKind) -> Source {
    Source {
        name,
        kind,
        description,
        file,
        window_days: 90,
        slots: 1,
        max_tokens: 32,
        delimiter: None,
        on_error: None,
        times: None,
        order: EventOrder::Any,
        repeats: Repeats::Keep,
        columns: Vec::new(),
        lookups: Vec::new(),
        aggregates: Vec::new(),
    }
}

/// The name, or with a number behind it the first that no source has.
pub fn free_name(name: &str, sources: &[Source]) -> String {
    let taken = |name: &str| sources.iter().any(|source| source.name == name);
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !taken(name)).unwrap_or_default()
}
