//! Masks of pairs that must not be negatives, and counts of masked pairs.

use std::collections::HashMap;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};

use super::config::ContrastiveConfig;
use crate::error::Error;

/// A kind of negatives. The first part of the name is the anchor's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    UserAnswer,
    UserUser,
    AnswerAnswer,
    AnswerUser,
    UserOther,
}

/// The pairs of rows with equal keys, diagonal included, each `[n, n]`; and the pairs of a row
/// with an extra negative, `[n, m]`.
pub(super) struct Keys {
    same_row: Tensor<2, Bool>,
    same_user: Tensor<2, Bool>,
    same_answer: Tensor<2, Bool>,
    other_same_answer: Tensor<2, Bool>,
}

impl Keys {
    pub(super) fn new(
        users: &[u64],
        answers: &[u64],
        extra_negatives: &[u64],
        device: &Device,
    ) -> Self {
        // A mask is a constant, so it is computed without autodiff.
        let device = &device.clone().without_autodiff();
        let (n, m) = (users.len(), extra_negatives.len());
        let all: Vec<u64> = answers.iter().chain(extra_negatives).copied().collect();
        let all = ranks(&all, device);
        let answers = all.clone().narrow(0, 0, n);
        Self {
            same_row: square(Tensor::arange(0..n as i64, device)),
            same_user: square(ranks(users, device)),
            same_answer: square(answers.clone()),
            other_same_answer: pairs(answers, if m > 0 { all.narrow(0, n, m) } else { all }),
        }
    }
}

/// Numbers the distinct keys from 0, so that they fit any device's integers.
fn ranks(keys: &[u64], device: &Device) -> Tensor<1, Int> {
    let mut seen = HashMap::new();
    let ranks: Vec<i32> = keys
        .iter()
        .map(|key| {
            let next = seen.len() as i32;
            *seen.entry(*key).or_insert(next)
        })
        .collect();
    let n = ranks.len();
    Tensor::from_data(TensorData::new(ranks, [n]), device)
}

/// `[i, j]` is true where `keys[i] == keys[j]`.
fn square(keys: Tensor<1, Int>) -> Tensor<2, Bool> {
    pairs(keys.clone(), keys)
}

/// `[i, j]` is true where `left[i] == right[j]`.
fn pairs(left: Tensor<1, Int>, right: Tensor<1, Int>) -> Tensor<2, Bool> {
    let ([n], [m]) = (left.dims(), right.dims());
    let rows = left.reshape([n, 1]).expand([n, m]);
    let columns = right.reshape([1, m]).expand([n, m]);
    rows.equal(columns)
}

/// The masked pairs of one term: `[n, n]` with the diagonal, or `[n, m]`.
#[derive(Debug, Clone)]
pub(super) struct TermMask(Tensor<2, Bool>);

impl TermMask {
    /// # Shapes
    /// - `cosines`: `[n, n]` or `[n, m]`, anchors in rows
    /// - `positive`: `[n, 1]`
    pub(super) fn new(
        config: &ContrastiveConfig,
        term: Term,
        cosines: &Tensor<2>,
        positive: &Tensor<2>,
        keys: &Keys,
    ) -> Self {
        let same_answer = match term {
            Term::UserOther => &keys.other_same_answer,
            _ => &keys.same_answer,
        };
        let mut excluded = match term {
            // An extra negative is still none for a row whose own answer has the same text.
            Term::UserOther => same_answer.clone(),
            Term::UserUser => keys.same_row.clone().bool_or(keys.same_user.clone()),
            Term::UserAnswer | Term::AnswerUser if !config.same_user_negatives => {
                keys.same_row.clone().bool_or(keys.same_user.clone())
            }
            Term::UserAnswer | Term::AnswerUser | Term::AnswerAnswer => keys.same_row.clone(),
        };
        if config.mask_false_negatives {
            // No gradient flows through a mask, so the comparison is made without autodiff.
            let limit = positive
                .clone()
                .without_autodiff()
                .add_scalar(config.margin);
            let cosines = cosines.clone().without_autodiff();
            let too_near = cosines.greater(limit.expand(excluded.dims()));
            excluded = excluded.bool_or(same_answer.clone()).bool_or(too_near);
        }
        Self(excluded)
    }

    pub(super) fn excluded(&self) -> Tensor<2, Bool> {
        self.0.clone()
    }
}

/// The numbers of pairs of a term, and of masked ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairCount {
    /// The number of ordered pairs `(i, j)`, `i ≠ j`.
    pub pairs: u64,
    /// The number of masked pairs, for any reason.
    pub dropped: u64,
}

impl PairCount {
    /// The share of masked pairs; 0 when there are no pairs.
    pub fn share(&self) -> f64 {
        if self.pairs == 0 {
            return 0.0;
        }
        self.dropped as f64 / self.pairs as f64
    }
}

/// The numbers of masked pairs of each term; `None` for a term that was not computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DroppedNegatives {
    /// The pairs of `s(u_i, v_j)`.
    pub user_answer: Option<PairCount>,
    /// The pairs of `s(u_i, u_j)`.
    pub user_user: Option<PairCount>,
    /// The pairs of `s(v_i, v_j)`.
    pub answer_answer: Option<PairCount>,
    /// The pairs of `s(v_i, u_j)`.
    pub answer_user: Option<PairCount>,
    /// The pairs of `s(u_i, v_j)` with answers of no row.
    pub user_other: Option<PairCount>,
}

impl DroppedNegatives {
    pub(super) fn count(masks: &[(Term, TermMask)]) -> Result<Self, Error> {
        let mut counts = Self::default();
        for (term, mask) in masks {
            let excluded: i64 = mask
                .excluded()
                .int()
                .sum()
                .try_into_scalar()
                .map_err(|error| Error::Read {
                    what: "masked negatives",
                    reason: error.to_string(),
                })?;
            let [rows, columns] = mask.0.dims().map(|size| size as u64);
            // The diagonal of a square is masked but is no pair.
            let diagonal = if *term == Term::UserOther { 0 } else { rows };
            let count = PairCount {
                pairs: rows * columns - diagonal,
                dropped: (excluded as u64).saturating_sub(diagonal),
            };
            *match term {
                Term::UserAnswer => &mut counts.user_answer,
                Term::UserUser => &mut counts.user_user,
                Term::AnswerAnswer => &mut counts.answer_answer,
                Term::AnswerUser => &mut counts.answer_user,
                Term::UserOther => &mut counts.user_other,
            } = Some(count);
        }
        Ok(counts)
    }
}
