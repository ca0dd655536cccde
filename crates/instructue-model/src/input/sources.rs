//! The sources of a batch: distinct event texts in buckets of similar length, and
//! tabular rows.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use instructue_encoders::TabularNormaliser;
use instructue_features::EventBatch;

use super::tensors::{ints, ints2};

/// Padded token ids and which of them are tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// `[texts, length]`
    pub ids: Tensor<2, Int>,
    /// `[texts, length]`: true = token.
    pub mask: Tensor<2, Bool>,
}

/// The events of one source.
#[derive(Debug, Clone)]
pub struct EventInput {
    /// Distinct texts in buckets of similar length; empty for events with vectors.
    pub texts: Vec<Tokens>,
    /// The same texts, in the same buckets, as tokens of the backbone; empty where
    /// they are those already.
    pub words: Vec<Tokens>,
    /// `[events]`: the text of each event, counted over the buckets, or its vector.
    pub text_of: Tensor<1, Int>,
    /// The row of each event, kept on the host.
    pub row_of: Vec<usize>,
    /// `[events, features]`
    pub features: Option<Tensor<2>>,
    /// `[texts, width]`: the texts' vectors, if they are known; else the network
    /// encodes them. Of events with vectors: the distinct ones, standardised.
    pub vectors: Option<Tensor<2>>,
}

/// One source.
#[derive(Debug, Clone)]
pub enum SourceInput {
    /// `None`: no row has an event.
    Events(Option<EventInput>),
    /// One tabular row per row of the batch.
    Tabular {
        /// `[rows, numbers]`, standardised, 0 where missing.
        values: Tensor<2>,
        /// `[rows, numbers]`: 1 where missing.
        missing: Tensor<2>,
        /// `[rows, categories]`
        categories: Option<Tensor<2, Int>>,
    },
}

/// The events of a source; `normaliser` is of their vectors, if they have some.
pub(super) fn event_input(
    events: &EventBatch,
    normaliser: Option<&TabularNormaliser>,
    device: &Device,
) -> Option<EventInput> {
    let count = events.text_of.len();
    if count == 0 {
        return None;
    }
    let row_of = events.row_of.iter().map(|&row| row as usize).collect();
    let width = events.features.len() / count;
    let features = (width > 0).then(|| {
        Tensor::from_data(
            TensorData::new(events.features.clone(), [count, width]),
            device,
        )
    });
    if !events.vectors.is_empty() {
        let normaliser = normaliser.expect("a normaliser for each source of vectors");
        let places = events.text_of.iter().map(|&vector| i64::from(vector));
        return Some(EventInput {
            texts: Vec::new(),
            words: Vec::new(),
            text_of: ints(places.collect(), device),
            row_of,
            features,
            vectors: Some(standardised(&events.vectors, normaliser, device)),
        });
    }
    let (order, buckets) = length_buckets(&events.texts);
    let mut place = vec![0i64; order.len()];
    for (position, &text) in order.iter().enumerate() {
        place[text] = position as i64;
    }
    let padded = |texts: &[Arc<[u32]>]| -> Vec<Tokens> {
        let bucket = |range: &Range<usize>| {
            pad(
                order[range.clone()].iter().map(|&text| &texts[text]),
                device,
            )
        };
        buckets.iter().map(bucket).collect()
    };
    let texts = padded(&events.texts);
    let words = match events.words.is_empty() {
        true => Vec::new(),
        false => padded(&events.words),
    };
    Some(EventInput {
        texts,
        words,
        text_of: ints(
            events.text_of.iter().map(|&t| place[t as usize]).collect(),
            device,
        ),
        row_of,
        features,
        vectors: None,
    })
}

/// Vectors as the adapter reads them, `[vectors, width]`.
fn standardised(
    vectors: &[Arc<[f32]>],
    normaliser: &TabularNormaliser,
    device: &Device,
) -> Tensor<2> {
    let width = normaliser.mean.len();
    let mut values = Vec::with_capacity(vectors.len() * width);
    for vector in vectors {
        let (standardised, _) = normaliser
            .apply(vector)
            .expect("normaliser and vectors share a schema");
        values.extend(standardised);
    }
    Tensor::from_data(TensorData::new(values, [vectors.len(), width]), device)
}

/// The order in which the buckets hold the texts.
pub(crate) fn text_order(texts: &[Arc<[u32]>]) -> Vec<usize> {
    length_buckets(texts).0
}

/// Sorts texts by length and cuts them where padding would cost more than a
/// further call: a bucket's longest text has at most 4 tokens more than its shortest.
fn length_buckets(texts: &[Arc<[u32]>]) -> (Vec<usize>, Vec<Range<usize>>) {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&text| (texts[text].len(), text));
    let mut buckets = Vec::new();
    let mut start = 0;
    for end in 1..=order.len() {
        let cut = end == order.len() || {
            let (shortest, longest) = (texts[order[start]].len(), texts[order[end]].len());
            longest > shortest + 4 && end - start >= 32
        };
        if cut {
            buckets.push(start..end);
            start = end;
        }
    }
    (order, buckets)
}

fn pad<'a>(
    texts: impl ExactSizeIterator<Item = &'a Arc<[u32]>> + Clone,
    device: &Device,
) -> Tokens {
    let rows = texts.len();
    let length = texts
        .clone()
        .map(|text| text.len())
        .max()
        .unwrap_or(1)
        .max(1);
    let mut ids = vec![0i64; rows * length];
    let mut mask = vec![false; rows * length];
    for (row, text) in texts.enumerate() {
        for (slot, &id) in text.iter().enumerate() {
            ids[row * length + slot] = i64::from(id);
            mask[row * length + slot] = true;
        }
    }
    Tokens {
        ids: ints2(ids, [rows, length], device),
        mask: Tensor::from_data(TensorData::new(mask, [rows, length]), device),
    }
}

pub(super) fn tabular_input(
    numbers: &[Vec<f32>],
    categories: &[Vec<u32>],
    normaliser: &TabularNormaliser,
    device: &Device,
) -> SourceInput {
    let (rows, width) = (numbers.len(), numbers.first().map_or(0, Vec::len));
    let mut values = Vec::with_capacity(rows * width);
    let mut missing = Vec::with_capacity(rows * width);
    for row in numbers {
        let (v, m) = normaliser
            .apply(row)
            .expect("normaliser and row share a layout");
        values.extend(v);
        missing.extend(m);
    }
    let kinds = categories.first().map_or(0, Vec::len);
    let codes: Vec<i64> = categories.iter().flatten().map(|&c| i64::from(c)).collect();
    SourceInput::Tabular {
        values: Tensor::from_data(TensorData::new(values, [rows, width]), device),
        missing: Tensor::from_data(TensorData::new(missing, [rows, width]), device),
        categories: (kinds > 0).then(|| ints2(codes, [rows, kinds], device)),
    }
}
