//! What the network must know of a source: derived from the schema by the
//! preprocessor, and what widths and counts of parts follow from.

use instructue_schema::SourceKind;

/// What the network must know of each source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceShape {
    /// The source's name.
    pub name: String,
    /// Events or tabular.
    pub kind: SourceKind,
    /// The width of the events' own vectors; `None` where events are texts.
    pub vector: Option<usize>,
    /// Features of each event (events) or numbers of the row (tabular).
    pub numbers: usize,
    /// Cardinalities of the row's categories (tabular).
    pub categories: Vec<usize>,
}

impl SourceShape {
    /// Whether its events are texts, which an encoder reads.
    pub fn has_texts(&self) -> bool {
        self.kind == SourceKind::Events && self.vector.is_none()
    }
}
