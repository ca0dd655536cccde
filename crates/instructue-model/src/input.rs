//! From a host-side [`Batch`] to tensors.

pub(crate) mod events;

use std::sync::Arc;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use instructue_encoders::TabularNormaliser;
use instructue_features::{Batch, EventBatch, Input, LEXICAL_FEATURES, PADDING, SourceBatch};
use instructue_nn::attention::AttentionBias;

use crate::lookup::LookupPlaces;
pub use events::RowEvents;
use events::lookup_places;

/// Why a mask has the size that its shape says.
const SIZED: &str = "one entry per row, query and key";

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
    /// Distinct texts in buckets of similar length.
    pub texts: Vec<Tokens>,
    /// The same texts, in the same buckets, as tokens of the backbone; empty where
    /// they are those already.
    pub words: Vec<Tokens>,
    /// `[events]`: the text of each event, counted over the buckets.
    pub text_of: Tensor<1, Int>,
    /// The row of each event, kept on the host.
    pub row_of: Vec<usize>,
    /// `[events, features]`
    pub features: Option<Tensor<2>>,
    /// `[texts, width]`: the texts' vectors, if they are known; else the network
    /// encodes them.
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

/// What a batch carries beside its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extras {
    /// Source and user summary tokens.
    pub summaries: bool,
    /// The tabular sources' vectors at `<USER>`, where there are such sources.
    pub tabular_at_user: bool,
    /// How much of the row's profile an instruction names, at its `<USER>`.
    pub lexical_matches: bool,
}

/// The inputs of a batch's slots, as rows of one table.
#[derive(Debug, Clone)]
pub struct TableInput {
    /// Rows.
    pub rows: usize,
    /// Padded length.
    pub length: usize,
    /// `[distinct tokens]`
    pub tokens: Tensor<1, Int>,
    /// Schema order.
    pub sources: Vec<SourceInput>,
    /// Whether summary tokens are made.
    pub summaries: bool,
    /// Whether `<USER>` carries its row's tabular vectors.
    pub tabular_at_user: bool,
    /// What each segment's `<USER>` carries of its own; `None`: all of them are the
    /// same vector, or there are no segments.
    pub users: Option<UserInput>,
    /// `[rows · length]`: the row of the input table that each slot takes.
    pub slots: Tensor<1, Int>,
}

/// The `<USER>` slots of segments.
#[derive(Debug, Clone)]
pub struct UserInput {
    /// `[segments]`: each one's row.
    pub row_of: Tensor<1, Int>,
    /// `[segments, numbers]`: see [`LexicalMatches`](instructue_features::LexicalMatches).
    pub lexical_matches: Option<Tensor<2>>,
}

/// A batch on the device.
#[derive(Debug, Clone)]
pub struct NetworkInput {
    /// What the slots hold.
    pub table: TableInput,
    /// Which events instructions may look up; `None`: no row has an event.
    pub lookup: Option<LookupPlaces>,
    /// `[rows, length]`
    pub positions: Tensor<2, Int>,
    /// `[rows, 1, length, length]`
    pub bias: AttentionBias,
    /// `[segments]`: flat slots of `<USER>`.
    pub user_slots: Tensor<1, Int>,
    /// `[targets]`: flat slots that predict answer tokens.
    pub target_slots: Option<Tensor<1, Int>>,
    /// `[targets]`: the tokens to predict.
    pub targets: Option<Tensor<1, Int>>,
}

/// Profiles without segments on the device.
#[derive(Debug, Clone)]
pub struct PrefixInput {
    /// What the slots hold.
    pub table: TableInput,
    /// Each row's events, for instructions that will follow; `None`: no row
    /// has one.
    pub events: Option<RowEvents>,
    /// `[rows, length]`, flat: true where there is no padding.
    pub used: Vec<bool>,
}

/// Texts for the answer side.
#[derive(Debug, Clone)]
pub struct TextInput {
    /// `[n, length]`
    pub ids: Tensor<2, Int>,
    /// `[n, length]`
    pub positions: Tensor<2, Int>,
    /// `[n, 1, length, length]`
    pub bias: AttentionBias,
    /// `[n]`: flat position of each text's last token.
    pub last: Tensor<1, Int>,
}

impl TextInput {
    /// Pads `texts` on the right.
    ///
    /// # Panics
    /// If there is no text or one is empty.
    pub fn new(texts: &[Vec<u32>], device: &Device) -> Self {
        assert!(
            texts.iter().all(|text| !text.is_empty()),
            "a text without tokens"
        );
        let length = texts.iter().map(Vec::len).max().expect("at least one text");
        let rows = texts.len();
        let mut ids = vec![0i64; rows * length];
        let mut last = Vec::with_capacity(rows);
        for (row, text) in texts.iter().enumerate() {
            for (slot, &id) in text.iter().enumerate() {
                ids[row * length + slot] = i64::from(id);
            }
            last.push((row * length + text.len() - 1) as i64);
        }
        let positions: Vec<i64> = (0..rows).flat_map(|_| 0..length as i64).collect();
        let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
        let allowed = (0..rows).flat_map(|row| {
            let length_of = lengths[row];
            (0..length).flat_map(move |q| (0..length).map(move |k| k <= q && k < length_of))
        });
        Self {
            ids: ints2(ids, [rows, length], device),
            positions: ints2(positions, [rows, length], device),
            bias: AttentionBias::from_host(allowed.collect(), [rows, length, length], device)
                .expect(SIZED),
            last: ints(last, device),
        }
    }
}

impl NetworkInput {
    /// Uploads `batch`. `normalisers` holds one per tabular source, in order.
    ///
    /// # Panics
    /// If `normalisers` do not fit the batch's tabular sources, or lexical_matches are asked
    /// for and not all segments have them.
    pub fn new(
        batch: &Batch,
        normalisers: &[TabularNormaliser],
        extras: Extras,
        device: &Device,
    ) -> Self {
        let table = TableInput::new(batch, normalisers, extras, device);
        let (rows, length) = (batch.rows, batch.length);
        let mut allowed = Vec::with_capacity(rows * length * length);
        for row in 0..rows {
            for query in 0..length {
                allowed.extend((0..length).map(|key| batch.may_attend(row, query, key)));
            }
        }
        let flat = |row: usize, slot: usize| (row * length + slot) as i64;
        let users = batch.users.iter().map(|u| flat(u.row, u.slot)).collect();
        let has_targets = !batch.targets.is_empty();
        let target_slots: Vec<i64> = batch.targets.iter().map(|t| flat(t.row, t.slot)).collect();
        let targets: Vec<i64> = batch.targets.iter().map(|t| i64::from(t.token)).collect();
        Self {
            table,
            lookup: lookup_places(batch, device),
            positions: ints2(
                batch.positions.iter().map(|&p| i64::from(p)).collect(),
                [rows, length],
                device,
            ),
            bias: AttentionBias::from_host(allowed, [rows, length, length], device).expect(SIZED),
            user_slots: ints(users, device),
            target_slots: has_targets.then(|| ints(target_slots, device)),
            targets: has_targets.then(|| ints(targets, device)),
        }
    }
}

impl PrefixInput {
    /// Uploads profiles; see [`Batch::of_profiles`].
    ///
    /// # Panics
    /// As [`NetworkInput::new`].
    pub fn new(
        batch: &Batch,
        normalisers: &[TabularNormaliser],
        extras: Extras,
        device: &Device,
    ) -> Self {
        let used = batch.segment_of.iter().map(|&of| of != PADDING);
        Self {
            table: TableInput::new(batch, normalisers, extras, device),
            events: RowEvents::new(batch, device),
            used: used.collect(),
        }
    }
}

impl TableInput {
    fn new(
        batch: &Batch,
        normalisers: &[TabularNormaliser],
        extras: Extras,
        device: &Device,
    ) -> Self {
        let mut tabular = normalisers.iter();
        let sources: Vec<SourceInput> = batch
            .sources
            .iter()
            .map(|source| match source {
                SourceBatch::Events(events) => SourceInput::Events(event_input(events, device)),
                SourceBatch::Tabular(rows) => {
                    let normaliser = tabular
                        .next()
                        .expect("a normaliser for each tabular source");
                    tabular_input(&rows.numbers, &rows.categories, normaliser, device)
                }
            })
            .collect();
        let extras = Extras {
            tabular_at_user: extras.tabular_at_user
                && sources
                    .iter()
                    .any(|source| matches!(source, SourceInput::Tabular { .. })),
            ..extras
        };
        // A backbone's embedding wants at least one id; an unused one costs nothing.
        let tokens: Vec<i64> = if batch.tokens.is_empty() {
            vec![0]
        } else {
            batch.tokens.iter().map(|&id| i64::from(id)).collect()
        };
        Self {
            rows: batch.rows,
            length: batch.length,
            tokens: ints(tokens, device),
            slots: ints(slot_rows(batch, extras), device),
            sources,
            summaries: extras.summaries,
            tabular_at_user: extras.tabular_at_user,
            users: user_input(batch, extras, device),
        }
    }
}

fn user_input(batch: &Batch, extras: Extras, device: &Device) -> Option<UserInput> {
    let own = extras.tabular_at_user || extras.lexical_matches;
    if batch.users.is_empty() || !own {
        return None;
    }
    let row_of = batch.users.iter().map(|user| user.row as i64);
    Some(UserInput {
        row_of: ints(row_of.collect(), device),
        lexical_matches: extras
            .lexical_matches
            .then(|| lexical_input(&batch.lexical_matches, batch.users.len(), device)),
    })
}

/// `[users, numbers]`.
///
/// # Panics
/// If there are not as many.
pub(crate) fn lexical_input(lexical_matches: &[f32], users: usize, device: &Device) -> Tensor<2> {
    assert_eq!(
        lexical_matches.len(),
        users * LEXICAL_FEATURES,
        "lexical_matches of all segments"
    );
    let data = TensorData::new(lexical_matches.to_vec(), [users, LEXICAL_FEATURES]);
    Tensor::from_data(data, device)
}

/// For each slot its row in the input table; see `Network::input_table` for the order.
fn slot_rows(batch: &Batch, extras: Extras) -> Vec<i64> {
    let sources = batch.sources.len();
    let reserved = batch.tokens.len().max(1);
    let mut next = reserved + 2 * sources + 2;
    let summaries = if extras.summaries { batch.rows } else { 0 };
    let mut starts = Vec::with_capacity(sources);
    for source in &batch.sources {
        let vectors = match source {
            SourceBatch::Events(events) => events.text_of.len(),
            SourceBatch::Tabular(_) => batch.rows,
        };
        let (first, empty, summary) = (next, next + vectors, next + vectors + 1);
        next = summary + summaries;
        starts.push((first, empty, summary));
    }
    let own_users = extras.tabular_at_user || extras.lexical_matches;
    let mut user = next + summaries;
    let mut table_row = |input: &Input| match *input {
        Input::Token(index) => index as usize,
        Input::Open(source) => reserved + 2 * source,
        Input::Close(source) => reserved + 2 * source + 1,
        // Segments are counted in the order of their slots.
        Input::User if own_users => {
            user += 1;
            user - 1
        }
        Input::User => reserved + 2 * sources,
        Input::Pad => reserved + 2 * sources + 1,
        Input::Event { source, index } => starts[source].0 + index,
        Input::Tabular { source, row } => starts[source].0 + row,
        Input::Empty(source) => starts[source].1,
        Input::SourceSummary { source, row } => starts[source].2 + row,
        Input::UserSummary(row) => next + row,
    };
    let inputs = batch.inputs.iter();
    inputs.map(|input| table_row(input) as i64).collect()
}

fn event_input(events: &EventBatch, device: &Device) -> Option<EventInput> {
    let count = events.text_of.len();
    if count == 0 {
        return None;
    }
    let (order, buckets) = length_buckets(&events.texts);
    let mut place = vec![0i64; order.len()];
    for (position, &text) in order.iter().enumerate() {
        place[text] = position as i64;
    }
    let padded = |texts: &[Arc<[u32]>]| -> Vec<Tokens> {
        let bucket = |range: &std::ops::Range<usize>| {
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
    let width = events.features.len() / count;
    let features = (width > 0).then(|| {
        Tensor::from_data(
            TensorData::new(events.features.clone(), [count, width]),
            device,
        )
    });
    Some(EventInput {
        texts,
        words,
        text_of: ints(
            events.text_of.iter().map(|&t| place[t as usize]).collect(),
            device,
        ),
        row_of: events.row_of.iter().map(|&row| row as usize).collect(),
        features,
        vectors: None,
    })
}

/// The order in which the buckets hold the texts.
pub(crate) fn text_order(texts: &[Arc<[u32]>]) -> Vec<usize> {
    length_buckets(texts).0
}

/// Sorts texts by length and cuts them where padding would cost more than a
/// further call: a bucket's longest text has at most 4 tokens more than its shortest.
fn length_buckets(texts: &[Arc<[u32]>]) -> (Vec<usize>, Vec<std::ops::Range<usize>>) {
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

fn tabular_input(
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

pub(crate) fn ints(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

fn ints2(values: Vec<i64>, shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(values, shape), device)
}
