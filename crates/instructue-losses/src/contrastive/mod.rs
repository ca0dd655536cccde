//! The contrastive loss between users under an instruction and answers. It trains the vectors.

mod config;
mod masks;

pub use config::{Contrastive, ContrastiveConfig, ContrastiveInput, ExtraNegatives};
pub use masks::{DroppedNegatives, PairCount};

use burn::tensor::{FloatDType, Tensor};

use crate::error::Error;
use masks::{Keys, Term, TermMask};

/// The loss of a batch, and its masks for counting.
#[derive(Debug, Clone)]
pub struct ContrastiveOutput {
    /// The mean loss over the anchors, shape `[1]`.
    pub loss: Tensor<1>,
    masks: Vec<(Term, TermMask)>,
}

impl ContrastiveOutput {
    /// Counts the masked pairs of each term.
    ///
    /// This waits for the device, which the loss alone does not.
    ///
    /// # Errors
    /// [`Error::Read`] when the device fails.
    pub fn dropped(&self) -> Result<DroppedNegatives, Error> {
        DroppedNegatives::count(&self.masks)
    }
}

/// The cosines of one term, and its mask.
struct Negatives {
    logits: Tensor<2>,
}

impl Contrastive {
    /// Computes the loss with the configured, fixed temperature.
    ///
    /// # Shapes
    /// - `input.users`, `input.answers`: `[n, width]`, rows of length 1
    /// - `loss`: `[1]`
    ///
    /// # Errors
    /// The parts of the input have different lengths, or there are no rows.
    pub fn forward(&self, input: ContrastiveInput) -> Result<ContrastiveOutput, Error> {
        let scale = 1.0 / self.config().temperature;
        self.compute(input, |cosines| cosines.mul_scalar(scale))
    }

    /// Computes the loss with a learned temperature, which is given as its logarithm.
    ///
    /// The logarithm keeps the temperature positive under every update. It should start at
    /// `config.temperature.ln()`.
    ///
    /// # Shapes
    /// - `log_temperature`: `[1]`
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_with_temperature(
        &self,
        input: ContrastiveInput,
        log_temperature: Tensor<1>,
    ) -> Result<ContrastiveOutput, Error> {
        let scale = log_temperature
            .cast(FloatDType::F32)
            .neg()
            .exp()
            .unsqueeze::<2>();
        self.compute(input, |cosines| cosines * scale.clone())
    }

    fn compute(
        &self,
        input: ContrastiveInput,
        scale: impl Fn(Tensor<2>) -> Tensor<2>,
    ) -> Result<ContrastiveOutput, Error> {
        input.check()?;
        let config = self.config();
        let extra_negatives = input
            .extra_negatives
            .filter(|extra_negatives| !extra_negatives.keys.is_empty());
        let keys = Keys::new(
            &input.user_keys,
            &input.answer_keys,
            extra_negatives
                .as_ref()
                .map_or(&[], |extra_negatives| &extra_negatives.keys),
            &input.users.device(),
        );
        // Half precision is enough for the vectors, but not for a sum of exponentials.
        let users = input.users.cast(FloatDType::F32);
        let answers = input.answers.cast(FloatDType::F32);
        let positive = (users.clone() * answers.clone()).sum_dim(1);

        let mut masks = Vec::new();
        let mut negatives = |term: Term, cosines: Tensor<2>| {
            let mask = TermMask::new(config, term, &cosines, &positive, &keys);
            let logits = scale(cosines).mask_fill(mask.excluded(), f32::NEG_INFINITY);
            masks.push((term, mask));
            Negatives { logits }
        };

        let needs_cross = config.user_answer || config.answer_user;
        let cross = needs_cross.then(|| users.clone().matmul(answers.clone().transpose()));
        let user_user = config.user_user.then(|| {
            negatives(
                Term::UserUser,
                users.clone().matmul(users.clone().transpose()),
            )
        });
        let answer_answer = config.answer_answer.then(|| {
            let cosines = answers.clone().matmul(answers.transpose());
            negatives(Term::AnswerAnswer, cosines)
        });
        let user_answer = (config.user_answer || (config.symmetric && config.answer_user))
            .then(|| cross.clone())
            .flatten()
            .map(|cosines| negatives(Term::UserAnswer, cosines));
        let answer_user = (config.answer_user || (config.symmetric && config.user_answer))
            .then_some(cross)
            .flatten()
            .map(|cosines| negatives(Term::AnswerUser, cosines.transpose()));

        let user_other = extra_negatives
            .filter(|_| config.user_answer)
            .map(|extra_negatives| {
                let extra_negatives = extra_negatives.vectors.cast(FloatDType::F32);
                negatives(
                    Term::UserOther,
                    users.clone().matmul(extra_negatives.transpose()),
                )
            });

        let positive = scale(positive);
        let direction = |on_users: bool, cross: [(bool, &Option<Negatives>); 2]| {
            let terms = cross
                .into_iter()
                .filter_map(|(on, term)| term.as_ref().filter(|_| on))
                .chain(&user_user)
                .chain(&answer_answer)
                .chain(user_other.as_ref().filter(|_| on_users));
            anchored(positive.clone(), terms)
        };
        let cross = [
            (config.user_answer, &user_answer),
            (config.answer_user, &answer_user),
        ];
        let mut loss = direction(true, cross);
        if config.symmetric {
            let cross = [
                (config.user_answer, &answer_user),
                (config.answer_user, &user_answer),
            ];
            let answers_first = direction(false, cross);
            loss = (loss + answers_first).mul_scalar(0.5);
        }
        Ok(ContrastiveOutput { loss, masks })
    }
}

/// Computes `mean_i [ ln(e^{p_i} + Σ_terms Σ_j e^{n_ij}) − p_i ]`.
///
/// The largest logit of each row is subtracted (as a constant) before the exponential. It is
/// finite because the positive is never masked, so a masked `-inf` becomes an exact zero, forward
/// and backward.
///
/// # Shapes
/// - `positive`: `[n, 1]`; each term's logits `[n, …]`, `-inf` where masked
/// - result: `[1]`
fn anchored<'a>(positive: Tensor<2>, terms: impl Iterator<Item = &'a Negatives>) -> Tensor<1> {
    let terms: Vec<_> = terms.map(|term| term.logits.clone()).collect();
    let largest = terms
        .iter()
        .fold(positive.clone().detach(), |largest, term| {
            largest.max_pair(term.clone().detach().max_dim(1))
        });
    let positive = positive - largest.clone();
    let mut total = positive.clone().exp();
    for term in terms {
        total = total + (term - largest.clone()).exp().sum_dim(1);
    }
    (total.log() - positive).mean()
}
