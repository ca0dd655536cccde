//! Keys and values of tokens that were read, so that what follows them need
//! not read them again (one user, many instructions).
//!
//! A cache has rows, and a row has lanes: one at first, `k` after
//! [`KvCache::fork`]. All lanes of a row read the tokens from before the fork
//! at one place in memory; what is appended later belongs to one lane and is
//! hidden from the others. So `k` continuations of one prefix are one pass
//! over one longer row, nothing of the prefix copied `k` times. The price is
//! that each lane's scores of the other lanes' tokens are computed and thrown
//! away, which is little while continuations are short beside the prefix.

pub(crate) mod past;
mod slots;

use burn::tensor::{Int, Tensor, TensorData};
use instructue_nn::attention::AttentionBias;

use crate::decoder::{Decoder, DecoderInput};
use past::Past;
use slots::Slots;

/// Why a mask has the size that its shape says.
const SIZED: &str = "an entry per row, query and key";

/// Tokens to append, as many slots for each lane.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// Embeddings, `[lanes, length, hidden]`: all lanes of the first row, then
    /// those of the second.
    pub inputs: Tensor<3>,
    /// `[lanes, length]`, flat: true where there is a token. `None`: everywhere.
    /// Padding may stand anywhere, on the left, on the right or between.
    pub tokens: Option<Vec<bool>>,
}

impl Chunk {
    /// A token at each place of `inputs`, `[lanes, length, hidden]`.
    pub fn new(inputs: Tensor<3>) -> Self {
        Self {
            inputs,
            tokens: None,
        }
    }

    /// Marks padding; see [`Chunk::tokens`].
    pub fn with_tokens(mut self, tokens: Vec<bool>) -> Self {
        self.tokens = Some(tokens);
        self
    }
}

/// Tokens to append, with lanes of different lengths side by side in one row.
#[derive(Debug, Clone)]
pub struct PackedChunk {
    /// Embeddings, `[rows, slots, hidden]`.
    pub inputs: Tensor<3>,
    /// `[rows, slots]`, flat: the lane of each slot within its row, from 0;
    /// `None` is padding.
    pub lanes: Vec<Option<usize>>,
}

/// What a [`Decoder`] keeps of the tokens that it read.
///
/// A clone shares the memory. Dropping the last clone frees it.
#[derive(Debug, Clone)]
pub struct KvCache {
    layers: Vec<Past>,
    slots: Slots,
}

impl KvCache {
    /// Rows: prefixes that were read apart.
    pub fn rows(&self) -> usize {
        self.slots.rows
    }

    /// Lanes of each row: continuations of one prefix.
    pub fn lanes(&self) -> usize {
        self.slots.lanes
    }

    /// Tokens of each lane, which is the position of its next one.
    ///
    /// # Shapes
    ///
    /// - result: `[rows · lanes]`
    pub fn lengths(&self) -> &[usize] {
        &self.slots.lengths
    }

    /// Slots of each row, padding and the tokens of all lanes included: what
    /// the memory grows with.
    pub fn slots(&self) -> usize {
        self.slots.width
    }

    /// Continues each lane in `count` ways: `count` times as many lanes, those
    /// of lane 0 first. The prefix is shared, not copied.
    ///
    /// If the lanes have parted already (something was appended after another
    /// fork), each becomes a row of its own first, which does copy.
    ///
    /// # Panics
    ///
    /// If `count` is 0.
    pub fn fork(&self, count: usize) -> Self {
        assert!(count > 0, "a fork into no lanes");
        let mut forked = self.clone();
        if forked.slots.parted() {
            let lanes = forked.slots.lanes;
            let rows: Vec<usize> = (0..forked.slots.lengths.len())
                .map(|lane| lane / lanes)
                .collect();
            forked.select(0, &rows);
            forked.slots.part();
        }
        forked.slots.fork(count);
        forked
    }

    /// The same cache for a pass that computes gradients; none goes to what was
    /// read.
    pub fn autodiff(&self) -> Self {
        Self {
            layers: self.layers.iter().map(Past::autodiff).collect(),
            slots: self.slots.clone(),
        }
    }

    /// The bytes of all keys and values, and of the room for further ones.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(Past::bytes).sum()
    }

    /// Forgets all but the first `count` tokens of each lane, and the slots
    /// that no lane needs any more. Lanes stay lanes.
    pub fn truncate(&mut self, count: usize) {
        let before = self.slots.width;
        let kept = self.slots.truncate(count);
        if kept.len() < before {
            self.select(2, &kept);
        }
    }

    /// Drops all rows but these, which may come in another order and more than
    /// once.
    ///
    /// # Panics
    ///
    /// If a row is not there, or there would be none.
    pub fn keep(&mut self, rows: &[usize]) {
        let count = self.slots.rows;
        assert!(!rows.is_empty(), "a cache without rows");
        assert!(
            rows.iter().all(|&row| row < count),
            "{rows:?} of {count} rows"
        );
        self.slots.keep(rows);
        self.select(0, rows);
    }

    /// Hides a lane's tokens before `position` from those that are still to
    /// come. Positions go on as before.
    ///
    /// # Panics
    ///
    /// If there is no lane of this number, counted over all rows.
    pub fn look_from(&mut self, lane: usize, position: usize) {
        self.slots.look_from(lane, position);
    }

    fn select(&mut self, axis: usize, indices: &[usize]) {
        for layer in &mut self.layers {
            layer.select(axis, indices);
        }
    }
}

impl Decoder {
    /// Reads the beginnings of rows; `[rows, length]` of the chunk as the lanes.
    ///
    /// # Shapes
    ///
    /// - result: the cache, and the states after the final norm, `[rows,
    ///   length, hidden]`
    ///
    /// # Panics
    ///
    /// As [`append`](Self::append).
    pub fn prefill(&self, chunk: Chunk) -> (KvCache, Tensor<3>) {
        let mut cache = self.empty_cache(&chunk);
        let states = self.append(&mut cache, chunk);
        (cache, states)
    }

    /// [`prefill`](Self::prefill) for the cache alone, without what only the states need.
    ///
    /// # Panics
    ///
    /// As [`append`](Self::append).
    pub fn prefill_cache(&self, chunk: Chunk) -> KvCache {
        let mut cache = self.empty_cache(&chunk);
        let packed = packed(&cache, chunk);
        let input = self.input(&mut cache, packed);
        self.keep(input, &mut cache.layers);
        cache
    }

    /// A cache that has read nothing, with a row for each lane of a chunk.
    fn empty_cache(&self, chunk: &Chunk) -> KvCache {
        KvCache {
            layers: vec![Past::default(); self.layers.len()],
            slots: Slots::new(chunk.inputs.dims()[0]),
        }
    }

    /// Reads what follows: as many slots for each lane, causal within the chunk.
    ///
    /// The states are those that a full pass over each lane's tokens would
    /// give; the states of padding are finite and without meaning. On an
    /// autodiff device the cache keeps the graph.
    ///
    /// # Shapes
    ///
    /// - result: `[lanes, length, hidden]`
    ///
    /// # Panics
    ///
    /// If the chunk has another number of lanes than the cache, no slot, or
    /// another width; if the cache is another decoder's.
    pub fn append(&self, cache: &mut KvCache, chunk: Chunk) -> Tensor<3> {
        let shape = chunk.inputs.dims();
        let packed = packed(cache, chunk);
        self.append_packed(cache, packed).reshape(shape)
    }

    /// As [`append`](Self::append), with lanes of different lengths side by
    /// side; a lane's slots stand in the order of its tokens.
    ///
    /// # Shapes
    ///
    /// - result: `[rows, slots, hidden]`
    ///
    /// # Panics
    ///
    /// If the chunk has another number of rows than the cache, a lane that is
    /// not there, no slot, or another width; if the cache is another decoder's.
    pub fn append_packed(&self, cache: &mut KvCache, chunk: PackedChunk) -> Tensor<3> {
        let input = self.input(cache, chunk);
        self.run(input, None, Some(&mut cache.layers))
    }

    /// The states of [`append_packed`](Self::append_packed) at chosen slots of the chunk, as
    /// [`forward_at`](Self::forward_at) gives them. All slots are added to the cache.
    ///
    /// # Shapes
    ///
    /// - `slots`: `[rows, chosen]`, places in each row of the chunk
    /// - result: `[rows, chosen, hidden]`
    ///
    /// # Panics
    ///
    /// As [`append_packed`](Self::append_packed), or if there is no slot.
    pub fn append_packed_at(
        &self,
        cache: &mut KvCache,
        chunk: PackedChunk,
        slots: Tensor<2, Int>,
    ) -> Tensor<3> {
        let input = self.input(cache, chunk);
        self.run(input, Some(slots), Some(&mut cache.layers))
    }

    /// What a pass over a chunk reads; its slots are in the cache's books after it.
    fn input(&self, cache: &mut KvCache, chunk: PackedChunk) -> DecoderInput {
        let [rows, added, _] = chunk.inputs.dims();
        assert_eq!(rows, cache.rows(), "a chunk for each row of the cache");
        assert!(added > 0, "a chunk with slots");
        assert_eq!(chunk.lanes.len(), rows * added, "a lane for each slot");
        assert_eq!(
            cache.layers.len(),
            self.layers.len(),
            "a cache of this decoder"
        );
        let device = chunk.inputs.device();
        let what = cache.slots.add(&chunk.lanes);
        let positions = TensorData::new(what.positions, [rows, added]);
        let shape = [rows, added, cache.slots.width];
        DecoderInput {
            inputs: chunk.inputs,
            positions: Tensor::from_data(positions, &device),
            bias: AttentionBias::from_host(what.allowed, shape, &device).expect(SIZED),
        }
    }
}

/// A chunk with the lanes of each row side by side.
fn packed(cache: &KvCache, chunk: Chunk) -> PackedChunk {
    let [lanes, length, hidden] = chunk.inputs.dims();
    let (rows, of_row) = (cache.rows(), cache.lanes());
    assert_eq!(lanes, rows * of_row, "a chunk for each lane of the cache");
    let tokens = chunk.tokens.unwrap_or_else(|| vec![true; lanes * length]);
    assert_eq!(tokens.len(), lanes * length, "a mark for each slot");
    let lane_of = |(slot, token): (usize, bool)| token.then_some(slot / length % of_row);
    PackedChunk {
        inputs: chunk.inputs.reshape([rows, of_row * length, hidden]),
        lanes: tokens.into_iter().enumerate().map(lane_of).collect(),
    }
}
