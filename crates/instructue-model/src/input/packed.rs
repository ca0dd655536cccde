//! Packed rows on the device: with their segments, or profiles alone.

use burn::tensor::{Device, Int, Tensor};
use instructue_features::{Batch, PADDING};
use instructue_nn::attention::AttentionBias;

use super::events::{RowEvents, lookup_places};
use super::extras::Extras;
use super::table::TableInput;
use super::tensors::{SIZED, ints, ints2};
use crate::lookup::LookupPlaces;
use crate::normalisers::Normalisers;

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
    /// `[rows, asked]`: the slots of each row whose states are read.
    pub state_slots: Tensor<2, Int>,
    /// `[segments]`: where those of `<USER>` are among them, flat.
    pub users: Tensor<1, Int>,
    /// `[targets]`: where those that predict answer tokens are among them, flat.
    pub predicting: Option<Tensor<1, Int>>,
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

impl NetworkInput {
    /// Uploads `batch`.
    ///
    /// # Panics
    /// If `normalisers` do not fit the batch's sources, or lexical matches are asked
    /// for and not all segments have them.
    pub fn new(batch: &Batch, normalisers: &Normalisers, extras: Extras, device: &Device) -> Self {
        let table = TableInput::new(batch, normalisers, extras, device);
        let (rows, length) = (batch.rows, batch.length);
        let mut allowed = Vec::with_capacity(rows * length * length);
        for row in 0..rows {
            for query in 0..length {
                allowed.extend((0..length).map(|key| batch.may_attend(row, query, key)));
            }
        }
        let asked = AskedSlots::of(batch);
        let users = batch.users.iter().map(|u| asked.place(u.row, u.slot));
        let has_targets = !batch.targets.is_empty();
        let predicting = batch.targets.iter().map(|t| asked.place(t.row, t.slot));
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
            state_slots: ints2(asked.padded(), [rows, asked.width], device),
            users: ints(users.collect(), device),
            predicting: has_targets.then(|| ints(predicting.collect(), device)),
            targets: has_targets.then(|| ints(targets, device)),
        }
    }
}

/// The slots of each row whose states are read.
struct AskedSlots {
    /// Ascending.
    of_rows: Vec<Vec<usize>>,
    /// The most of a row.
    width: usize,
}

impl AskedSlots {
    fn of(batch: &Batch) -> Self {
        let mut of_rows = vec![Vec::new(); batch.rows];
        let users = batch.users.iter().map(|user| (user.row, user.slot));
        let targets = batch.targets.iter().map(|target| (target.row, target.slot));
        for (row, slot) in users.chain(targets) {
            of_rows[row].push(slot);
        }
        for slots in &mut of_rows {
            slots.sort_unstable();
            slots.dedup();
        }
        let width = of_rows.iter().map(Vec::len).max().unwrap_or(0);
        Self { of_rows, width }
    }

    /// Where a slot stands among all.
    fn place(&self, row: usize, slot: usize) -> i64 {
        let of_row = self.of_rows[row].binary_search(&slot);
        (row * self.width + of_row.expect("it is asked for")) as i64
    }

    /// As many of each row: those of which there are fewer end with their last once more.
    fn padded(&self) -> Vec<i64> {
        let each = self.of_rows.iter().flat_map(|slots| {
            let last = slots.last().expect("a row has a segment");
            let missing = self.width - slots.len();
            slots.iter().chain(std::iter::repeat_n(last, missing))
        });
        each.map(|&slot| slot as i64).collect()
    }
}

impl PrefixInput {
    /// Uploads profiles; see [`Batch::of_profiles`].
    ///
    /// # Panics
    /// As [`NetworkInput::new`].
    pub fn new(batch: &Batch, normalisers: &Normalisers, extras: Extras, device: &Device) -> Self {
        let used = batch.segment_of.iter().map(|&of| of != PADDING);
        Self {
            table: TableInput::new(batch, normalisers, extras, device),
            events: RowEvents::new(batch, device),
            used: used.collect(),
        }
    }
}
