//! Each row's events, and which slots may look them up.

use burn::tensor::{Device, Int, Tensor, TensorData};
use instructue_features::{Batch, Input, SourceBatch};
use instructue_nn::attention::MASKED;

use super::tensors::ints;
use crate::lookup::{LookupPlaces, NOTHING};

/// The events with texts of each row, over all sources in the order of the schema.
#[derive(Debug, Clone)]
pub struct RowEvents {
    /// `[rows · keys]`: events by number, the first of each row none; the
    /// number of events stands for none.
    pub keys: Tensor<1, Int>,
    /// How many events each row has, kept on the host.
    pub counts: Vec<usize>,
}

impl RowEvents {
    pub(super) fn new(batch: &Batch, device: &Device) -> Option<Self> {
        let mut of_row: Vec<Vec<i64>> = vec![Vec::new(); batch.rows];
        let mut events = 0;
        for source in &batch.sources {
            if let SourceBatch::Events(batch) = source {
                // Events with vectors have no words by which they could be found.
                let rows = match batch.vectors.is_empty() {
                    true => &batch.row_of[..],
                    false => &[],
                };
                for &row in rows {
                    of_row[row as usize].push(events);
                    events += 1;
                }
            }
        }
        if events == 0 {
            return None;
        }
        let counts: Vec<usize> = of_row.iter().map(Vec::len).collect();
        let most = counts.iter().max().copied().unwrap_or(0);
        let numbers = of_row.into_iter().flat_map(|own| {
            let none = std::iter::repeat_n(events, most - own.len());
            std::iter::once(events).chain(own).chain(none)
        });
        Some(Self {
            keys: ints(numbers.collect(), device),
            counts,
        })
    }
}

/// What a lookup adds to its scores, `[rows, 1, length, 1 + most events]`;
/// `reads` tells of each of `[rows, length]` slots whether it may look.
pub(crate) fn lookup_bias(counts: &[usize], reads: &[bool], device: &Device) -> Tensor<4> {
    let (rows, most) = (counts.len(), counts.iter().max().copied().unwrap_or(0));
    let length = reads.len() / rows.max(1);
    let mut bias = Vec::with_capacity(reads.len() * (1 + most));
    for (slot, &reads) in reads.iter().enumerate() {
        let open = if reads { counts[slot / length] } else { 0 };
        bias.push(NOTHING);
        bias.extend(std::iter::repeat_n(0.0, open));
        bias.extend(std::iter::repeat_n(MASKED, most - open));
    }
    let data = TensorData::new(bias, [rows, 1, length, 1 + most]);
    Tensor::from_data(data, &device.clone().inner())
}

/// Which slots may look at which events: tokens of instructions and answers at
/// those of their row.
pub(super) fn lookup_places(batch: &Batch, device: &Device) -> Option<LookupPlaces> {
    let events = RowEvents::new(batch, device)?;
    let slots = batch.inputs.iter().zip(&batch.segment_of);
    let reads = slots.map(|(input, &of)| matches!(input, Input::Token(_)) && of > 0);
    let reads: Vec<bool> = reads.collect();
    Some(LookupPlaces {
        bias: lookup_bias(&events.counts, &reads, device),
        keys: events.keys,
    })
}
