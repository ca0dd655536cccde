//! What the slots of a batch hold, on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};
use instructue_features::{Batch, LEXICAL_FEATURES, SourceBatch};

use super::extras::Extras;
use super::order::TableOrder;
use super::sources::{SourceInput, event_input, tabular_input};
use super::tensors::ints;
use crate::normalisers::Normalisers;

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

impl TableInput {
    pub(super) fn new(
        batch: &Batch,
        normalisers: &Normalisers,
        extras: Extras,
        device: &Device,
    ) -> Self {
        let mut tabular = normalisers.tabular.iter();
        let sources: Vec<SourceInput> = batch
            .sources
            .iter()
            .enumerate()
            .map(|(number, source)| match source {
                SourceBatch::Events(events) => {
                    let normaliser = normalisers.of_vectors(number);
                    SourceInput::Events(event_input(events, normaliser, device))
                }
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
            slots: ints(TableOrder::new(batch, extras).slots(batch), device),
            sources,
            summaries: extras.summaries,
            tabular_at_user: extras.tabular_at_user,
            users: user_input(batch, extras, device),
        }
    }
}

fn user_input(batch: &Batch, extras: Extras, device: &Device) -> Option<UserInput> {
    if batch.users.is_empty() || !extras.own_users() {
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
        "lexical matches of all segments"
    );
    let data = TensorData::new(lexical_matches.to_vec(), [users, LEXICAL_FEATURES]);
    Tensor::from_data(data, device)
}
