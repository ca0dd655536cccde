//! Means over the events of each row. Which row an event belongs to is worked out on the
//! host, so no step reads a tensor back.

use burn::prelude::*;
use burn::tensor::IndexingUpdateOp;

use crate::Error;

/// The rows that have events, numbered compactly, and each event's number.
///
/// Known on the host, so that no step reads a tensor back.
pub(crate) struct Groups {
    /// For each row: does it have an event?
    pub present: Vec<bool>,
    /// How many rows have one.
    pub groups: usize,
    member: Vec<i32>,
    counts: Vec<f32>,
}

impl Groups {
    /// `event_rows[e]` is the row of event e.
    pub fn new(index: usize, event_rows: &[usize], rows: usize) -> Result<Self, Error> {
        let mut events_of = vec![0u32; rows];
        for (event, &row) in event_rows.iter().enumerate() {
            match events_of.get_mut(row) {
                Some(n) => *n += 1,
                None => {
                    return Err(Error::RowOutOfRange {
                        index,
                        event,
                        found: row,
                        rows,
                    });
                }
            }
        }
        let mut number = vec![0i32; rows];
        let mut counts = Vec::new();
        for (row, &n) in events_of.iter().enumerate().filter(|(_, n)| **n > 0) {
            number[row] = counts.len() as i32;
            counts.push(n as f32);
        }
        Ok(Self {
            present: events_of.iter().map(|&n| n > 0).collect(),
            groups: counts.len(),
            member: event_rows.iter().map(|&row| number[row]).collect(),
            counts,
        })
    }

    /// Mean over each group's events.
    ///
    /// An indexed sum: its cost grows with the events alone, where a product
    /// with a `[groups, events]` averaging matrix grows with the square of the
    /// batch. Its backward is a gather.
    ///
    /// # Shapes
    /// - `events`: `[events, w]`
    /// - result: `[groups, w]`
    pub fn mean(&self, events: Tensor<2>) -> Tensor<2> {
        // One event per row, in order (the tabular source): nothing to average.
        if self
            .member
            .iter()
            .enumerate()
            .all(|(i, &g)| i == g as usize)
        {
            return events;
        }
        let [n, width] = events.dims();
        let device = events.device();
        let member = Tensor::from_data(TensorData::new(self.member.clone(), [n]), &device);
        let counts = TensorData::new(self.counts.clone(), [self.groups, 1]);
        let sums = Tensor::zeros([self.groups, width], &device).select_assign(
            0,
            member,
            events,
            IndexingUpdateOp::Add,
        );
        sums / Tensor::from_data(counts, &device)
    }
}

/// Puts compact rows back in their places; the others get `fallback`.
///
/// # Shapes
/// - `values`: `[number of true in present, w]`, `None` when that is 0
/// - `fallback`: `[1, w]`
/// - result: `[present.len(), w]`
pub(crate) fn place(values: Option<Tensor<2>>, fallback: Tensor<2>, present: &[bool]) -> Tensor<2> {
    let [_, width] = fallback.dims();
    if present.is_empty() {
        return Tensor::zeros([0, width], &fallback.device());
    }
    let Some(values) = values else {
        return fallback.expand([present.len(), width]);
    };
    let groups = values.dims()[0];
    if groups == present.len() {
        return values;
    }
    let mut next = 0;
    let rows: Vec<i32> = present
        .iter()
        .map(|&here| {
            if !here {
                return groups as i32;
            }
            next += 1;
            next - 1
        })
        .collect();
    let rows = TensorData::new(rows, [present.len()]);
    let rows = Tensor::from_data(rows, &values.device());
    Tensor::cat(vec![values, fallback], 0).select(0, rows)
}
