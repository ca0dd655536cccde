//! What a pass over profiles and questions takes and gives.

use burn::tensor::Tensor;
use instructue_features::{Batch, Layout, ProfileTokens, Row, Segment};

use crate::numbers::{LexicalTable, Question};

/// Slots (rows × padded length) that one pass of
/// [`InstructUe::embed`](crate::InstructUe::embed) takes.
pub(crate) const EMBED_SLOTS: usize = 8192;

/// Some users' profiles, each in a row with all questions behind it.
pub(crate) fn packed(
    layout: &Layout,
    users: &[usize],
    tokens: &[ProfileTokens],
    questions: &[Question],
    lexical_matches: &LexicalTable,
) -> Batch {
    let segment = |user, (number, question): (usize, &Question)| Segment {
        lexical_matches: lexical_matches.of(user, number).to_vec(),
        ..question.segment.clone()
    };
    let row = |&user: &usize| Row {
        user_key: user as u64,
        profile: tokens[user].clone(),
        segments: questions
            .iter()
            .enumerate()
            .map(|q| segment(user, q))
            .collect(),
    };
    let rows: Vec<Row> = users.iter().map(row).collect();
    Batch::collate(layout, &rows)
}

pub(crate) fn to_host(vectors: Tensor<2>) -> Vec<f32> {
    vectors
        .into_data_as::<f32>()
        .try_to_vec()
        .expect("converted to f32 above")
}
