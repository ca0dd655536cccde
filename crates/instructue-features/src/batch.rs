//! Batches of packed rows as plain arrays on the host. They are the interface between data and
//! tensors.
//!
//! [`Batch::collate`] lays the slots of several [`Row`]s side by side, collects the distinct
//! event texts, vectors and answers that have to be encoded, and records where vectors and next-token
//! targets are read.

use std::collections::HashMap;
use std::sync::Arc;

use instructue_schema::SourceKind;

use crate::pack::{Layout, ProfileTokens, Row, Slot, SourceTokens};

/// The events of one source over all rows of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventBatch {
    /// The distinct texts as tokens of the encoder.
    pub texts: Vec<Arc<[u32]>>,
    /// The same texts as tokens of the backbone, if the profiles hold these; otherwise empty.
    pub words: Vec<Arc<[u32]>>,
    /// The distinct vectors of a source that has vectors in place of texts; otherwise empty.
    pub vectors: Vec<Arc<[f32]>>,
    /// For each event, the index of its text, or of its vector.
    pub text_of: Vec<u32>,
    /// For each event, its row.
    pub row_of: Vec<u32>,
    /// The event features, `[events, features]`, flat.
    pub features: Vec<f32>,
    /// For each row, its first event.
    first: Vec<usize>,
}

/// One tabular source over all rows of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TabularBatch {
    /// The numeric features of each row. NaN stands for a missing value.
    pub numbers: Vec<Vec<f32>>,
    /// The category codes of each row. 0 stands for a missing value.
    pub categories: Vec<Vec<u32>>,
}

/// A source in a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceBatch {
    /// An events source.
    Events(EventBatch),
    /// A tabular source.
    Tabular(TabularBatch),
}

/// The origin of a slot's input vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// An index into [`Batch::tokens`].
    Token(u32),
    /// The opening delimiter of a source.
    Open(usize),
    /// The closing delimiter of a source.
    Close(usize),
    /// An event of the batch's source.
    Event {
        /// The source, in schema order.
        source: usize,
        /// The event within [`EventBatch`].
        index: usize,
    },
    /// The vector of a tabular source in a row.
    Tabular {
        /// The source, in schema order.
        source: usize,
        /// The row of the batch.
        row: usize,
    },
    /// The learned token of a source without events.
    Empty(usize),
    /// The summary token of a source in a row.
    SourceSummary {
        /// The source, in schema order.
        source: usize,
        /// The row of the batch.
        row: usize,
    },
    /// The summary token of the user in a row.
    UserSummary(usize),
    /// `<USER>`.
    User,
    /// Padding after the row's end.
    Pad,
}

/// The position from which a segment's vector is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserPosition {
    /// The row of the batch.
    pub row: usize,
    /// The slot of `<USER>` in that row.
    pub slot: usize,
}

/// A next-token target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The row of the batch.
    pub row: usize,
    /// The slot whose hidden state predicts the token.
    pub slot: usize,
    /// The token to predict.
    pub token: u32,
    /// The segment, counted over the whole batch.
    pub segment: usize,
}

/// Rows side by side, padded to the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The number of rows.
    pub rows: usize,
    /// The padded length.
    pub length: usize,
    /// The origin of each slot's vector, `[rows, length]`, flat.
    pub inputs: Vec<Input>,
    /// Each slot's position within its segment's own sequence, `[rows, length]`, flat.
    pub positions: Vec<u32>,
    /// Each slot's segment, `[rows, length]`, flat: 0 for the profile, k ≥ 1 for the k-th
    /// segment, `u32::MAX` for padding.
    pub segment_of: Vec<u32>,
    /// The first slot that a slot may attend to, `[rows, length]`, flat: the slot of its `<USER>`
    /// for an answer's slot under the answer bottleneck, otherwise 0. See [`Layout::bottleneck`].
    pub attends_from: Vec<u32>,
    /// The distinct backbone tokens in `inputs`.
    pub tokens: Vec<u32>,
    /// The sources, in schema order.
    pub sources: Vec<SourceBatch>,
    /// The position of each segment's vector, in row order.
    pub users: Vec<UserPosition>,
    /// The key of each segment's user.
    pub user_keys: Vec<u64>,
    /// Each segment's [`lexical_matches`](crate::Segment::lexical_matches), `[segments,
    /// numbers]`, flat.
    pub lexical_matches: Vec<f32>,
    /// The next-token targets of all answers.
    pub targets: Vec<Target>,
    /// The distinct answers without end mark, which are encoded as texts: first those of the
    /// segments, then extra negatives that are no segment's answer.
    pub answers: Vec<Vec<u32>>,
    /// The number of `answers` that belong to segments.
    pub own_answers: usize,
    /// For each segment, the index of its answer; `None` when it has none.
    pub answer_of: Vec<Option<u32>>,
}

/// The value of a padded slot in [`Batch::segment_of`].
pub const PADDING: u32 = u32::MAX;

impl Batch {
    /// Lays `rows` side by side.
    ///
    /// # Panics
    /// If a row's profile does not fit `layout` or a row has no segment. Rows and layout of one
    /// schema always fit.
    pub fn collate(layout: &Layout, rows: &[Row]) -> Self {
        let complete = rows.iter().all(|row| !row.segments.is_empty());
        assert!(complete, "a row needs a segment");
        Self::lay(layout, rows)
    }

    /// Lays profiles side by side without segments: the part of a row that is the same under
    /// every instruction.
    ///
    /// # Panics
    /// If a profile does not fit `layout`. Profiles and layout of one schema always fit.
    pub fn of_profiles(layout: &Layout, profiles: &[ProfileTokens]) -> Self {
        let rows = profiles.iter().zip(0..).map(|(profile, user_key)| Row {
            user_key,
            profile: profile.clone(),
            segments: Vec::new(),
        });
        Self::lay(layout, &rows.collect::<Vec<_>>())
    }

    fn lay(layout: &Layout, rows: &[Row]) -> Self {
        let profiles: Vec<&ProfileTokens> = rows.iter().map(|row| &row.profile).collect();
        let sources = collect_sources(layout, &profiles);
        let mut laid: Vec<LaidRow> = rows.iter().map(|row| LaidRow::new(layout, row)).collect();
        let length = laid.iter().map(|row| row.slots.len()).max().unwrap_or(0);
        let mut batch = Self {
            rows: rows.len(),
            length,
            inputs: Vec::with_capacity(rows.len() * length),
            positions: Vec::with_capacity(rows.len() * length),
            segment_of: Vec::with_capacity(rows.len() * length),
            attends_from: Vec::with_capacity(rows.len() * length),
            tokens: Vec::new(),
            sources,
            users: Vec::new(),
            user_keys: Vec::new(),
            lexical_matches: Vec::new(),
            targets: Vec::new(),
            answers: Vec::new(),
            own_answers: 0,
            answer_of: Vec::new(),
        };
        let mut token_index: HashMap<u32, u32> = HashMap::new();
        let mut answer_index: HashMap<Vec<u32>, u32> = HashMap::new();
        for (row, (source_row, laid)) in rows.iter().zip(&mut laid).enumerate() {
            let missing = length - laid.slots.len();
            for slot in &laid.slots {
                let input = batch.input(*slot, row, &mut token_index);
                batch.inputs.push(input);
            }
            batch
                .inputs
                .extend(std::iter::repeat_n(Input::Pad, missing));
            batch.positions.append(&mut laid.positions);
            batch.positions.extend(std::iter::repeat_n(0, missing));
            batch.attends_from.append(&mut laid.attends_from);
            batch.attends_from.extend(std::iter::repeat_n(0, missing));
            batch.segment_of.append(&mut laid.segment_of);
            batch
                .segment_of
                .extend(std::iter::repeat_n(PADDING, missing));
            for (segment, &slot) in source_row.segments.iter().zip(&laid.users) {
                let number = batch.users.len();
                batch.users.push(UserPosition { row, slot });
                batch.user_keys.push(source_row.user_key);
                batch
                    .lexical_matches
                    .extend_from_slice(&segment.lexical_matches);
                for (offset, &token) in segment.answer.iter().enumerate() {
                    batch.targets.push(Target {
                        row,
                        slot: slot + offset,
                        token,
                        segment: number,
                    });
                }
                let text = without_end(&segment.answer);
                batch.answer_of.push((!text.is_empty()).then(|| {
                    let next = answer_index.len() as u32;
                    *answer_index.entry(text.to_vec()).or_insert_with(|| {
                        batch.answers.push(text.to_vec());
                        next
                    })
                }));
            }
        }
        batch.own_answers = batch.answers.len();
        let segments = rows.iter().flat_map(|row| &row.segments);
        for contrast in segments.flat_map(|segment| &segment.extra_negatives) {
            let text = without_end(contrast);
            if !text.is_empty() && !answer_index.contains_key(text) {
                answer_index.insert(text.to_vec(), batch.answers.len() as u32);
                batch.answers.push(text.to_vec());
            }
        }
        batch
    }

    /// The number of segments over all rows.
    pub fn segments(&self) -> usize {
        self.users.len()
    }

    /// Whether slot `query` of `row` may attend to slot `key`. The key must not be later, must
    /// not be padding, must belong to the profile or to the same segment, and must not be hidden
    /// by the answer bottleneck.
    pub fn may_attend(&self, row: usize, query: usize, key: usize) -> bool {
        let of = |slot: usize| self.segment_of[row * self.length + slot];
        let from = self.attends_from[row * self.length + query] as usize;
        (from..=query).contains(&key)
            && of(key) != PADDING
            && (of(key) == 0 || of(key) == of(query))
    }

    /// The number of slots that are not padding.
    pub fn used_slots(&self) -> usize {
        self.segment_of
            .iter()
            .filter(|&&segment| segment != PADDING)
            .count()
    }

    fn input(&mut self, slot: Slot, row: usize, token_index: &mut HashMap<u32, u32>) -> Input {
        match slot {
            Slot::Token(id) => Input::Token(*token_index.entry(id).or_insert_with(|| {
                self.tokens.push(id);
                (self.tokens.len() - 1) as u32
            })),
            Slot::Open(source) => Input::Open(source),
            Slot::Close(source) => Input::Close(source),
            Slot::Event { source, index } => match &self.sources[source] {
                SourceBatch::Events(events) => Input::Event {
                    source,
                    index: events.first[row] + index,
                },
                SourceBatch::Tabular(_) => unreachable!("events of a tabular source"),
            },
            Slot::Tabular(source) => Input::Tabular { source, row },
            Slot::Empty(source) => Input::Empty(source),
            Slot::SourceSummary(source) => Input::SourceSummary { source, row },
            Slot::UserSummary => Input::UserSummary(row),
            Slot::User => Input::User,
        }
    }
}

/// The answer without the end mark, which is predicted and never read.
fn without_end(answer: &[u32]) -> &[u32] {
    &answer[..answer.len().saturating_sub(1)]
}

struct LaidRow {
    slots: Vec<Slot>,
    positions: Vec<u32>,
    segment_of: Vec<u32>,
    attends_from: Vec<u32>,
    users: Vec<usize>,
}

impl LaidRow {
    fn new(layout: &Layout, row: &Row) -> Self {
        let mut slots = layout.profile_slots(&row.profile);
        let profile = slots.len();
        let mut positions: Vec<u32> = (0..profile as u32).collect();
        let mut segment_of = vec![0; profile];
        let mut attends_from = vec![0; profile];
        let mut users = Vec::with_capacity(row.segments.len());
        for (number, segment) in row.segments.iter().enumerate() {
            let (mut more, user) = layout.segment_slots(segment);
            let slot = slots.len() + user;
            users.push(slot);
            let hidden = if layout.bottleneck() { slot as u32 } else { 0 };
            attends_from
                .extend((0..more.len()).map(|offset| if offset > user { hidden } else { 0 }));
            positions.extend((0..more.len()).map(|offset| (profile + offset) as u32));
            segment_of.extend(std::iter::repeat_n(number as u32 + 1, more.len()));
            slots.append(&mut more);
        }
        Self {
            slots,
            positions,
            segment_of,
            attends_from,
            users,
        }
    }
}

fn collect_sources(layout: &Layout, profiles: &[&ProfileTokens]) -> Vec<SourceBatch> {
    (0..layout.sources())
        .map(|source| match layout.kind(source) {
            SourceKind::Events => SourceBatch::Events(collect_events(source, profiles)),
            SourceKind::Tabular => SourceBatch::Tabular(collect_tabular(source, profiles)),
        })
        .collect()
}

/// A text as tokens of the encoder and of the backbone. Texts that are equal for the encoder may
/// differ for the backbone.
type TextKey = (Arc<[u32]>, Option<Arc<[u32]>>);

fn collect_events(source: usize, profiles: &[&ProfileTokens]) -> EventBatch {
    let mut batch = EventBatch::default();
    let mut index: HashMap<TextKey, u32> = HashMap::new();
    let mut vector_index: HashMap<Vec<u32>, u32> = HashMap::new();
    for (row, profile) in profiles.iter().enumerate() {
        batch.first.push(batch.text_of.len());
        let SourceTokens::Events {
            texts,
            words,
            vectors,
            features,
        } = &profile.sources[source]
        else {
            unreachable!("source {source} holds events in the layout");
        };
        for vector in vectors {
            let bits = vector.iter().map(|number| number.to_bits()).collect();
            let number = *vector_index.entry(bits).or_insert_with(|| {
                batch.vectors.push(vector.clone());
                batch.vectors.len() as u32 - 1
            });
            batch.text_of.push(number);
            batch.row_of.push(row as u32);
        }
        for (event, text) in texts.iter().enumerate() {
            let next = index.len() as u32;
            let words = words.get(event);
            let key = (text.clone(), words.cloned());
            let number = *index.entry(key).or_insert_with(|| {
                batch.texts.push(text.clone());
                batch.words.extend(words.cloned());
                next
            });
            batch.text_of.push(number);
            batch.row_of.push(row as u32);
        }
        batch.features.extend_from_slice(features);
    }
    batch
}

fn collect_tabular(source: usize, profiles: &[&ProfileTokens]) -> TabularBatch {
    let mut batch = TabularBatch::default();
    for profile in profiles {
        let SourceTokens::Tabular {
            numbers,
            categories,
        } = &profile.sources[source]
        else {
            unreachable!("source {source} is tabular in the layout");
        };
        batch.numbers.push(numbers.clone());
        batch.categories.push(categories.clone());
    }
    batch
}
