//! What events are called by.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use instructue_schema::{ColumnRole, Repeats, Source};

use crate::look::Looked;

/// A category of more values than this is not what an event is called by.
const RENDERED: usize = 500;
/// A text of a joined table of more values than this is not part of events' texts.
const TITLES: usize = 5_000;

/// Chooses what events are called by, and gives the length of such a text: two categories of at
/// most 500 values, the log's own first, and a text. Where equal events are merged, a text of a
/// joined table would keep them apart.
pub fn render(
    source: &mut Source,
    table: &Looked,
    tables: &[Looked],
    keys: &BTreeMap<String, usize>,
) -> f64 {
    /// A column that may be part of the text.
    struct Candidate {
        name: String,
        own: bool,
        distinct: usize,
        length: f64,
    }
    let vector = source
        .columns
        .iter()
        .any(|column| column.role == ColumnRole::Vector);
    let own = source.columns.iter().map(|column| (column, Some(table)));
    let theirs = source.lookups.iter().flat_map(|lookup| {
        let joined = keys.get(&lookup.key).map(|at| &tables[*at]);
        lookup.columns.iter().map(move |column| (column, joined))
    });
    let (mut categories, mut texts) = (Vec::new(), Vec::new());
    for (column, looked) in own.chain(theirs) {
        let Some(found) = looked.and_then(|looked| looked.column(&column.name)) else {
            continue;
        };
        let candidate = Candidate {
            name: column.name.clone(),
            own: table.column(&column.name).is_some(),
            distinct: found.distinct(),
            length: found.length(),
        };
        match column.role {
            ColumnRole::Category => categories.push(candidate),
            ColumnRole::Text => texts.push(candidate),
            _ => {}
        }
    }
    // The finest first, the log's own before those of joined tables.
    categories.sort_by_key(|one| (!one.own, Reverse(one.distinct)));
    let mut shown: Vec<&Candidate> = Vec::new();
    for one in categories.iter().filter(|one| one.distinct <= RENDERED) {
        // Of nested categories the next one says something if it is much coarser.
        let nested = |finer: &&Candidate| !one.own && one.distinct * 2 > finer.distinct;
        if shown.len() < 2 && !shown.iter().any(nested) {
            shown.push(one);
        }
    }
    let merged = source.repeats == Repeats::Merge;
    let text = texts
        .iter()
        .find(|one| one.own || (!merged && one.distinct <= TITLES));
    shown.extend(text);
    if shown.is_empty() {
        // Only categories of very many values.
        shown.extend(categories.first());
    }
    let names: Vec<&String> = shown.iter().map(|one| &one.name).collect();
    let all = source.columns.iter_mut();
    let all = all.chain(
        source
            .lookups
            .iter_mut()
            .flat_map(|lookup| &mut lookup.columns),
    );
    for column in all.filter(|c| matches!(c.role, ColumnRole::Category | ColumnRole::Text)) {
        let rendered = !vector && names.contains(&&column.name);
        column.render = (!rendered).then_some(false);
    }
    shown.iter().map(|one| one.length + 3.0).sum()
}
