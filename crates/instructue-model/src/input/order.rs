//! The order of the input table: the one place that says which row of it each slot of
//! a packed row takes.
//!
//! The table holds each distinct input vector of a batch once. The host counts its
//! rows ([`TableOrder`]) before the network makes them ([`parts`]), so both read the
//! order here.

use std::collections::BTreeMap;

use instructue_features::{Batch, Input, SourceBatch};

use super::extras::Extras;

/// Rows of the table that are made together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Embeddings of the batch's distinct tokens.
    Tokens,
    /// Delimiters, `<USER>` and padding, see [`Reserved`].
    Reserved,
    /// The events or tabular rows of a source.
    Vectors(usize),
    /// The learned token of a source without events.
    Empty(usize),
    /// The summary of a source, a row per user.
    SourceSummaries(usize),
    /// The summary of each user.
    UserSummaries,
    /// What stands at each segment's own `<USER>`.
    Users,
}

/// The parts of the table, first to last.
pub(crate) fn parts(sources: usize, summaries: bool, own_users: bool) -> Vec<Part> {
    let mut order = vec![Part::Tokens, Part::Reserved];
    for source in 0..sources {
        order.extend([Part::Vectors(source), Part::Empty(source)]);
        order.extend(summaries.then_some(Part::SourceSummaries(source)));
    }
    order.extend(summaries.then_some(Part::UserSummaries));
    order.extend(own_users.then_some(Part::Users));
    order
}

/// The rows of the learned vectors that are no vocabulary entries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reserved {
    /// How many sources there are.
    pub sources: usize,
}

impl Reserved {
    /// The opening delimiter of a source.
    pub fn open(self, source: usize) -> usize {
        2 * source
    }

    /// The closing delimiter of a source.
    pub fn close(self, source: usize) -> usize {
        2 * source + 1
    }

    /// `<USER>`.
    pub fn user(self) -> usize {
        2 * self.sources
    }

    /// Padding.
    pub fn pad(self) -> usize {
        2 * self.sources + 1
    }

    /// All of them.
    pub fn count(self) -> usize {
        2 * self.sources + 2
    }
}

/// Where each part of a batch's table begins.
pub(super) struct TableOrder {
    starts: BTreeMap<Part, usize>,
    reserved: Reserved,
}

impl TableOrder {
    /// Counts the rows that `batch` has in each part.
    pub fn new(batch: &Batch, extras: Extras) -> Self {
        let reserved = Reserved {
            sources: batch.sources.len(),
        };
        let size = |part| match part {
            // A backbone's embedding wants at least one id.
            Part::Tokens => batch.tokens.len().max(1),
            Part::Reserved => reserved.count(),
            Part::Vectors(source) => match &batch.sources[source] {
                SourceBatch::Events(events) => events.text_of.len(),
                SourceBatch::Tabular(_) => batch.rows,
            },
            Part::Empty(_) => 1,
            Part::SourceSummaries(_) | Part::UserSummaries => batch.rows,
            Part::Users => batch.users.len(),
        };
        let mut next = 0;
        let parts = parts(reserved.sources, extras.summaries, extras.own_users());
        let starts = parts.into_iter().map(|part| {
            let start = next;
            next += size(part);
            (part, start)
        });
        Self {
            starts: starts.collect(),
            reserved,
        }
    }

    /// The table's row for each slot of the batch.
    pub fn slots(&self, batch: &Batch) -> Vec<i64> {
        // Segments are counted in the order of their slots.
        let mut users = 0;
        let inputs = batch.inputs.iter();
        inputs.map(|input| self.row(input, &mut users)).collect()
    }

    fn row(&self, input: &Input, users: &mut usize) -> i64 {
        let reserved = |row| (Part::Reserved, row);
        let (part, row) = match *input {
            Input::Token(index) => (Part::Tokens, index as usize),
            Input::Open(source) => reserved(self.reserved.open(source)),
            Input::Close(source) => reserved(self.reserved.close(source)),
            Input::User if self.starts.contains_key(&Part::Users) => {
                *users += 1;
                (Part::Users, *users - 1)
            }
            Input::User => reserved(self.reserved.user()),
            Input::Pad => reserved(self.reserved.pad()),
            Input::Event { source, index } => (Part::Vectors(source), index),
            Input::Tabular { source, row } => (Part::Vectors(source), row),
            Input::Empty(source) => (Part::Empty(source), 0),
            Input::SourceSummary { source, row } => (Part::SourceSummaries(source), row),
            Input::UserSummary(row) => (Part::UserSummaries, row),
        };
        (self.starts[&part] + row) as i64
    }
}
