//! The report of an ingest, for programs and tests.

use std::collections::BTreeMap;

use instructue_schema::Timestamp;
use serde::{Deserialize, Serialize};

/// The numbers of rows that an ingest read, kept and left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IngestReport {
    /// One entry per source with a file, in schema order.
    pub sources: Vec<SourceReport>,
    /// Users with at least one row in any source.
    pub users: u64,
}

/// The report of one source: `rows == kept + the sum of skipped`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SourceReport {
    /// The source.
    pub name: String,
    /// Rows read.
    pub rows: u64,
    /// Rows in the store.
    pub kept: u64,
    /// Rows left out, by reason (see [`RowProblem`](crate::RowProblem)).
    pub skipped: BTreeMap<String, u64>,
    /// The first and the last time of the rows in the store; `None` without rows or times.
    #[serde(default)]
    pub times: Option<(Timestamp, Timestamp)>,
    /// Reports of those lookups, by file, that left rows unmatched or skipped.
    pub lookups: BTreeMap<String, LookupReport>,
}

/// The report of a lookup.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LookupReport {
    /// Kept rows of the source whose key the lookup lacks. The lookup's fields are missing in
    /// them.
    pub unmatched: u64,
    /// Rows of the lookup left out, by reason.
    pub skipped: BTreeMap<String, u64>,
}

/// The span that covers both spans.
pub(crate) fn union(
    a: Option<(Timestamp, Timestamp)>,
    b: Option<(Timestamp, Timestamp)>,
) -> Option<(Timestamp, Timestamp)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}
