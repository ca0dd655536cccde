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
    pub fn new(batch: &Batch, normalisers: &Normalisers, extras: Extras, device: &Device) -> Self {
        let used = batch.segment_of.iter().map(|&of| of != PADDING);
        Self {
            table: TableInput::new(batch, normalisers, extras, device),
            events: RowEvents::new(batch, device),
            used: used.collect(),
        }
    }
}
