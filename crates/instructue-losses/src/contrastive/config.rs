//! Configuration and input of the contrastive loss.

use burn::config::Config;
use burn::tensor::Tensor;

use crate::error::Error;

/// The configuration of the [`Contrastive`] loss.
///
/// Let `u_i` be the vector of user row i, `v_i` that of its answer and `s` their cosine. The loss
/// of anchor i is `−ln( e^{s(u_i,v_i)/τ} / Z_i )`. `Z_i` is the positive plus, over `j ≠ i`, the
/// terms that are switched on and not masked. The losses are those of arXiv:2602.10622 and
/// arXiv:2602.14492; the defaults are the printed form of the latter.
#[derive(Config, Debug, PartialEq)]
pub struct ContrastiveConfig {
    /// The temperature τ by which cosines are divided; positive.
    #[config(default = 0.07)]
    pub temperature: f64,
    /// The margin c; not negative. A negative whose cosine exceeds `s(u_i,v_i) + c` counts as
    /// false, see [`mask_false_negatives`](Self::mask_false_negatives).
    #[config(default = 0.1)]
    pub margin: f64,
    /// Whether `s(u_i, v_j)` are negatives.
    #[config(default = true)]
    pub user_answer: bool,
    /// Whether `s(u_i, u_j)` are negatives. Rows of the same user are always left out, because
    /// two vectors of one user may well be near.
    #[config(default = true)]
    pub user_user: bool,
    /// Whether `s(v_i, v_j)` are negatives.
    #[config(default = true)]
    pub answer_answer: bool,
    /// Whether `s(v_i, u_j)` are negatives. The published code has them instead of answer–answer
    /// negatives.
    #[config(default = false)]
    pub answer_user: bool,
    /// Whether the loss is the mean of the one anchored on users and the one anchored on answers.
    /// In the latter, user–answer and answer–user change places; user–user and answer–answer keep
    /// their meaning and their masks.
    #[config(default = false)]
    pub symmetric: bool,
    /// Whether likely false negatives are left out: a term's j whose cosine exceeds `s(u_i,v_i) +
    /// margin`, and all terms of a j with the same answer as i.
    #[config(default = true)]
    pub mask_false_negatives: bool,
    /// Whether rows of the same user under another instruction stay user–answer (and answer–user)
    /// negatives. They are the only negatives that force a vector to follow the instruction.
    #[config(default = true)]
    pub same_user_negatives: bool,
}

impl ContrastiveConfig {
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
        Ok(Contrastive {
            config: self.clone(),
        })
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
    pub others: Option<ExtraNegatives>,
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
        let [others, other_width] = self
            .others
            .as_ref()
            .map_or([0, width], |o| o.vectors.dims());
        let other_keys = self.others.as_ref().map_or(0, |others| others.keys.len());
        if rows == 0 {
            return Err(Error::Empty { what: "`users`" });
        }
        for (what, expected, found) in [
            ("rows of `answers`", rows, answers),
            ("width of `answers`", width, answer_width),
            ("length of `user_keys`", rows, self.user_keys.len()),
            ("length of `answer_keys`", rows, self.answer_keys.len()),
            ("width of `others`", width, other_width),
            ("length of `others.keys`", others, other_keys),
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
