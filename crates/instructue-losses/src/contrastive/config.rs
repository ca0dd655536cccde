//! Configuration and input of the contrastive loss.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The configuration of the [`Contrastive`] loss.
///
/// With `u_i` the vector of user row i, `v_i` that of its answer and `s` their
/// cosine, the loss of anchor i is `−ln( e^{s(u_i,v_i)/τ} / Z_i )`, where `Z_i`
/// is the positive plus, over `j ≠ i`, the terms that are switched on and not
/// masked. [`paper`](Self::paper) has the published values (arXiv:2602.10622, and the
/// printed form of arXiv:2602.14492); the defaults are for a model trained from scratch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ContrastiveConfig {
    /// Temperature τ that cosines are divided by; positive.
    pub temperature: f64,
    /// Margin c: a negative whose cosine exceeds `s(u_i,v_i) + c` counts as a
    /// false one. Not negative; see [`mask_false_negatives`](Self::mask_false_negatives).
    pub margin: f64,
    /// Negatives `s(u_i, v_j)`.
    pub user_answer: bool,
    /// Negatives `s(u_i, u_j)`; rows of the same user are always left out, since
    /// two vectors of one user are near for a reason.
    pub user_user: bool,
    /// Negatives `s(v_i, v_j)`.
    pub answer_answer: bool,
    /// Negatives `s(v_i, u_j)`, which the published code has instead of
    /// answer–answer.
    pub answer_user: bool,
    /// Mean of the loss anchored on users and the one anchored on answers. In
    /// the latter, user–answer and answer–user change places; user–user and
    /// answer–answer keep their meaning and their masks.
    pub symmetric: bool,
    /// Leave out likely false negatives: a term's j whose own cosine exceeds
    /// `s(u_i,v_i) + margin`, and all terms of a j with the same answer as i.
    pub mask_false_negatives: bool,
    /// Keep rows of the same user under another instruction as user–answer (and
    /// answer–user) negatives. They are the only negatives that force a vector to
    /// follow the instruction.
    pub same_user_negatives: bool,
}

impl Default for ContrastiveConfig {
    fn default() -> Self {
        Self {
            // In a fresh model users are alike and answers are alike. These two terms are
            // then masked as false negatives until all vectors have become alike, and a
            // model that is trained from scratch stays there.
            user_user: false,
            answer_answer: false,
            // As in the published code.
            answer_user: true,
            ..Self::paper()
        }
    }
}

impl ContrastiveConfig {
    /// The published loss: the printed form of arXiv:2602.14492.
    pub fn paper() -> Self {
        Self {
            temperature: 0.07,
            margin: 0.1,
            user_answer: true,
            user_user: true,
            answer_answer: true,
            answer_user: false,
            symmetric: false,
            mask_false_negatives: true,
            same_user_negatives: true,
        }
    }

    /// Checks the numbers and makes the loss.
    ///
    /// # Errors
    /// [`Error::Config`] for a temperature that is not positive and finite or a
    /// margin that is negative or not finite.
    pub fn init(&self) -> Result<Contrastive, Error> {
        let wrong = |field, expected, found| Error::Config {
            config: "ContrastiveConfig",
            field,
            expected,
            found,
        };
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            let expected = "a positive number";
            return Err(wrong("temperature", expected, self.temperature));
        }
        if !(self.margin.is_finite() && self.margin >= 0.0) {
            return Err(wrong("margin", "a number of at least 0", self.margin));
        }
        Ok(Contrastive { config: *self })
    }
}

/// The contrastive loss, made by [`ContrastiveConfig::init`].
#[derive(Debug, Clone)]
pub struct Contrastive {
    config: ContrastiveConfig,
}

impl Contrastive {
    /// The configuration that it was made with.
    pub fn config(&self) -> &ContrastiveConfig {
        &self.config
    }
}

/// The vectors of one batch. Rows i of all parts belong together.
#[derive(Debug, Clone)]
pub struct ContrastiveInput {
    /// The users' vectors of length 1 (see [`l2_normalize`](crate::l2_normalize)), `[n, width]`.
    pub users: Tensor<2>,
    /// The answers' vectors of length 1, `[n, width]`.
    pub answers: Tensor<2>,
    /// The user of each row. Equal keys mean the same user.
    pub user_keys: Vec<u64>,
    /// The answer of each row. Equal keys mean the same text.
    pub answer_keys: Vec<u64>,
    /// Answers of no row, as additional negatives `s(u_i, v_j)`.
    pub extra_negatives: Option<ExtraNegatives>,
}

/// Answers that belong to no row of the batch, such as those of other users to the same
/// questions. With them a vector must tell answers apart, not just questions.
#[derive(Debug, Clone)]
pub struct ExtraNegatives {
    /// The vectors of length 1, `[m, width]`.
    pub vectors: Tensor<2>,
    /// One key per answer, as in [`ContrastiveInput::answer_keys`].
    pub keys: Vec<u64>,
}

impl ContrastiveInput {
    /// The number of rows, if all parts agree on it.
    pub(super) fn check(&self) -> Result<usize, Error> {
        let [rows, width] = self.users.dims();
        let [answers, answer_width] = self.answers.dims();
        let [extra_negatives, other_width] = self
            .extra_negatives
            .as_ref()
            .map_or([0, width], |o| o.vectors.dims());
        let other_keys = self
            .extra_negatives
            .as_ref()
            .map_or(0, |extra_negatives| extra_negatives.keys.len());
        if rows == 0 {
            return Err(Error::Empty { what: "`users`" });
        }
        for (what, expected, found) in [
            ("rows of `answers`", rows, answers),
            ("width of `answers`", width, answer_width),
            ("length of `user_keys`", rows, self.user_keys.len()),
            ("length of `answer_keys`", rows, self.answer_keys.len()),
            ("width of `extra_negatives`", width, other_width),
            (
                "length of `extra_negatives.keys`",
                extra_negatives,
                other_keys,
            ),
        ] {
            if expected != found {
                return Err(Error::Length {
                    what,
                    expected,
                    found,
                });
            }
        }
        Ok(rows)
    }
}
