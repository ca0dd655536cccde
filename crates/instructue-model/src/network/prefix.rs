//! Profiles that are read once, and the instructions that follow them.
//!
//! What an instruction needs of a profile is kept: the decoder's keys and
//! values, the events that words look up, and the input at `<USER>`, which
//! carries the row's numbers.

use burn::tensor::Tensor;
use instructue_backbone::{Chunk, KvCache, PackedChunk};
use instructue_features::Slot;

use super::forward::NetworkOutput;
use super::module::Network;
use crate::input::{PrefixInput, ints, ints2, lexical_input, lookup_bias};
use crate::lookup::LookupTable;

/// Profiles as the network keeps them, one row each.
#[derive(Debug, Clone)]
pub struct Prefix {
    cache: KvCache,
    /// `[rows, hidden]`: the input at `<USER>`.
    users: Tensor<2>,
    events: Option<Events>,
}

/// What words may look up.
#[derive(Debug, Clone)]
struct Events {
    table: LookupTable,
    /// Events of each row.
    counts: Vec<usize>,
}

/// One instruction's slots: tokens and `<USER>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// In their order.
    pub slots: Vec<Slot>,
    /// Which of them is `<USER>`.
    pub user: usize,
}

/// One slot behind a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Token(u32),
    User,
    /// A row of the learned vectors.
    Learned(usize),
}

impl From<&Slot> for Piece {
    /// # Panics
    /// If it is a slot of a profile.
    fn from(slot: &Slot) -> Self {
        match slot {
            Slot::Token(id) => Self::Token(*id),
            Slot::User => Self::User,
            other => panic!("{other:?} is a slot of a profile"),
        }
    }
}

impl Prefix {
    /// Number of profiles.
    pub fn rows(&self) -> usize {
        self.cache.rows()
    }

    /// Slots of each row: the longest profile's, and what was appended.
    pub fn slots(&self) -> usize {
        self.cache.slots()
    }

    /// The bytes of keys and values.
    pub fn bytes(&self) -> usize {
        self.cache.bytes()
    }

    /// Each lane of each row in `lanes` ways; see [`KvCache::fork`].
    ///
    /// # Panics
    /// If `lanes` is 0 or there is more than one lane already.
    pub fn fork(&self, lanes: usize) -> Self {
        assert_eq!(self.cache.lanes(), 1, "a prefix forks once");
        Self {
            cache: self.cache.fork(lanes),
            ..self.clone()
        }
    }

    /// One row by itself.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> Self {
        let mut cache = self.cache.clone();
        cache.keep(&[row]);
        let events = self.events.as_ref().filter(|events| events.counts[row] > 0);
        Self {
            cache,
            users: self.users.clone().narrow(0, row, 1),
            events: events.map(|events| {
                // Key 0 is none.
                let keys = 1 + events.counts[row];
                let own = |x: &Tensor<4>| x.clone().narrow(0, row, 1).narrow(2, 0, keys);
                Events {
                    table: LookupTable {
                        words: own(&events.table.words),
                        values: own(&events.table.values),
                    },
                    counts: vec![events.counts[row]],
                }
            }),
        }
    }

    /// The same prefix for a pass that computes gradients; none goes to what was
    /// read.
    pub(crate) fn autodiff(&self) -> Self {
        let events = self.events.clone().map(|events| Events {
            table: LookupTable {
                words: events.table.words.autodiff(),
                values: events.table.values.autodiff(),
            },
            ..events
        });
        Self {
            cache: self.cache.autodiff(),
            users: self.users.clone().autodiff(),
            events,
        }
    }

    /// Hides what stands before the last token of a row's only lane from what
    /// is still to come; see
    /// [`Layout::bottleneck`](instructue_features::Layout::bottleneck).
    pub(crate) fn look_from_last(&mut self, row: usize) {
        let length = self.cache.lengths()[row];
        self.cache.look_from(row, length.saturating_sub(1));
    }
}

impl Network {
    /// Reads profiles.
    pub fn prefix(&self, input: PrefixInput) -> Prefix {
        let table = self.input_table(&input.table, &mut |_, vectors, _| vectors);
        // Only tokens of instructions look up events, so none does here.
        let chunk = Chunk::new(table.of_slots(&input.table)).with_tokens(input.used);
        let cache = self.backbone.prefill_cache(chunk);
        let events = match (&self.lookup, table.events, input.events) {
            (Some(lookup), Some((words, tokens)), Some(events)) => Some(Events {
                table: lookup.prepare(words, tokens, events.keys, input.table.rows),
                counts: events.counts,
            }),
            _ => None,
        };
        Prefix {
            cache,
            users: table.users,
            events,
        }
    }

    /// Appends the same slots to each row of a prefix; `lanes` holds each
    /// slot's lane. The decoder's states of the slots that are asked for.
    ///
    /// # Shapes
    /// - `asked`: places among `slots`, at least one
    /// - result: `[rows, asked, hidden]`
    /// - `lexical_matches`: `[rows, <USER> slots, numbers]`, flat; of no account where the
    ///   network has none
    ///
    /// # Panics
    /// If a slot is neither a token nor `<USER>`, a lane is not there, or lexical matches are
    /// missing.
    pub fn extend(
        &self,
        prefix: &mut Prefix,
        slots: &[Slot],
        lanes: &[usize],
        asked: &[usize],
        lexical_matches: &[f32],
    ) -> Tensor<3> {
        let pieces: Vec<Piece> = slots.iter().map(Piece::from).collect();
        self.extend_by(prefix, (&pieces, lanes), asked, lexical_matches, None)
    }

    /// The inputs at the `<USER>` slots of each row, `[rows · slots, hidden]`.
    fn user_inputs(&self, prefix: &Prefix, slots: usize, lexical_matches: &[f32]) -> Tensor<2> {
        let [rows, width] = prefix.users.dims();
        let users = prefix.users.clone().unsqueeze_dim::<3>(1);
        let users = users
            .expand([rows, slots, width])
            .reshape([rows * slots, width]);
        match self.lexical_matches.is_some() && slots > 0 {
            true => {
                let lexical_matches = lexical_input(lexical_matches, rows * slots, &users.device());
                users + self.scaled(self.of_lexical_matches(lexical_matches))
            }
            false => users,
        }
    }

    /// As [`extend`](Self::extend); `learned` is `[n, hidden]`.
    fn extend_by(
        &self,
        prefix: &mut Prefix,
        (pieces, lanes): (&[Piece], &[usize]),
        asked: &[usize],
        lexical_matches: &[f32],
        learned: Option<Tensor<2>>,
    ) -> Tensor<3> {
        let (rows, count) = (prefix.rows(), pieces.len());
        let device = prefix.users.device();
        let width = self.backbone.hidden_size();
        let ids = pieces.iter().map(|piece| match piece {
            Piece::Token(id) => i64::from(*id),
            Piece::User | Piece::Learned(_) => 0,
        });
        let ids = ints(ids.collect(), &device).unsqueeze::<2>();
        let tokens = self.backbone.embed(ids).reshape([count, width]);
        // Which of the `<USER>` slots each is.
        let mut users = 0;
        let numbered = pieces.iter().map(|piece| {
            let number = users;
            users += usize::from(*piece == Piece::User);
            number
        });
        let numbered: Vec<usize> = numbered.collect();
        let mut parts = vec![tokens];
        if users > 0 {
            parts.push(self.user_inputs(prefix, users, lexical_matches));
        }
        parts.extend(learned);
        let table = Tensor::cat(parts, 0);
        let place = |row: usize, slot: usize| match pieces[slot] {
            Piece::Token(_) => slot,
            Piece::User => count + row * users + numbered[slot],
            Piece::Learned(number) => count + rows * users + number,
        } as i64;
        let places = (0..rows).flat_map(|row| (0..count).map(move |slot| (row, slot)));
        let places = places.map(|(row, slot)| place(row, slot)).collect();
        let inputs = table
            .select(0, ints(places, &device))
            .reshape([rows, count, width]);
        let inputs = match (&self.lookup, &prefix.events) {
            (Some(lookup), Some(events)) => {
                let reads = pieces.iter().map(|piece| *piece != Piece::User);
                let reads = reads.collect::<Vec<_>>().repeat(rows);
                let bias = lookup_bias(&events.counts, &reads, &device);
                lookup.find(inputs, &events.table, &bias)
            }
            _ => inputs,
        };
        let lanes: Vec<Option<usize>> = lanes.iter().copied().map(Some).collect();
        let chunk = PackedChunk {
            inputs,
            lanes: lanes.repeat(rows),
        };
        let asked: Vec<i64> = asked.iter().map(|&slot| slot as i64).collect();
        let each = [rows, asked.len()];
        let asked = ints2(asked.repeat(rows), each, &device);
        self.backbone
            .append_packed_at(&mut prefix.cache, chunk, asked)
    }

    /// Each row of a prefix under each instruction, in one pass: states and
    /// vectors of all instructions of the first row, then of the second.
    ///
    /// # Shapes
    /// - `lexical_matches`: `[rows, instructions, numbers]`, flat; of no account where the
    ///   network has none
    ///
    /// # Panics
    /// If there is no instruction, one holds slots of a profile, or lexical matches are
    /// missing.
    pub fn instruct(
        &self,
        prefix: &Prefix,
        instructions: &[Instruction],
        lexical_matches: &[f32],
    ) -> NetworkOutput {
        let mut lanes = prefix.fork(instructions.len());
        let (mut slots, mut lane_of, mut users) = (Vec::new(), Vec::new(), Vec::new());
        for (lane, instruction) in instructions.iter().enumerate() {
            users.push(slots.len() + instruction.user);
            slots.extend_from_slice(&instruction.slots);
            lane_of.resize(slots.len(), lane);
        }
        let states = self.extend(&mut lanes, &slots, &lane_of, &users, lexical_matches);
        let [rows, asked, width] = states.dims();
        let states = states.reshape([rows * asked, width]);
        NetworkOutput {
            users: self.head.forward(states.clone()),
            states,
            logits: None,
        }
    }

    /// Each row of a prefix under one instruction with vectors of its own between
    /// its tokens and `<USER>`; they look up events as words do.
    ///
    /// # Shapes
    /// - `lexical_matches`: `[rows, numbers]`, flat; of no account where the network has none
    /// - `learned`: `[n, hidden]`; `n` may be 0
    ///
    /// # Panics
    /// If the instruction holds slots of a profile, the width differs, or lexical matches are
    /// missing.
    pub fn instruct_tuned(
        &self,
        prefix: &Prefix,
        instruction: &Instruction,
        lexical_matches: &[f32],
        learned: Tensor<2>,
    ) -> NetworkOutput {
        let count = learned.dims()[0];
        let mut pieces: Vec<Piece> = instruction.slots.iter().map(Piece::from).collect();
        let before = instruction.user;
        pieces.splice(before..before, (0..count).map(Piece::Learned));
        let mut prefix = prefix.clone();
        let lanes = vec![0; pieces.len()];
        let learned = (count > 0).then_some(learned);
        let user = [before + count];
        let pieces = (&pieces[..], &lanes[..]);
        let states = self.extend_by(&mut prefix, pieces, &user, lexical_matches, learned);
        let [rows, _, width] = states.dims();
        let states = states.reshape([rows, width]);
        NetworkOutput {
            users: self.head.forward(states.clone()),
            states,
            logits: None,
        }
    }
}
