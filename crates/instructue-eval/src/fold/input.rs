//! What a fold is measured with: models, users, answers to search with.

use instructue_schema::{Matrix, Timestamp, UserRef};

use crate::embedder::Embedder;
use crate::error::BoxError;

/// A baseline's inputs for users at a reference time, one row per user.
pub type CountsFn<'a> = dyn Fn(&[UserRef], Timestamp) -> Result<Matrix, BoxError> + 'a;

/// Under which instructions a model is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Instructions {
    /// All that the tasks have, and everything that their vectors are used for.
    #[default]
    All,
    /// The tasks' own and none, by probes alone: enough to compare two models.
    MatchedAndEmpty,
}

/// Answers to instructions of families that were trained on.
pub const SEEN: &str = "seen families";
/// Answers to instructions of families that were kept from training.
pub const UNSEEN: &str = "unseen families";

/// A true answer of a user to an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whose it is.
    pub user: UserRef,
    /// The question.
    pub instruction: String,
    /// The answer.
    pub answer: String,
}

/// What to search with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievalInput {
    /// Which answers, for example [`SEEN`].
    pub kind: String,
    /// Reference time of the profiles; the answers must be true as of then.
    pub reference: Timestamp,
    /// Answers of test users. Of users with the same answer to the same
    /// instruction each counts as found, so give all that are known.
    pub answers: Vec<Answer>,
}

/// A model in one fold.
pub struct FoldInput<'a> {
    /// Which of the study's folds.
    pub number: usize,
    /// The model.
    pub trained: &'a dyn Embedder,
    /// The same model before training.
    pub untrained: Option<&'a dyn Embedder>,
    /// Per user of the study where the models find them; nothing where they know no event.
    pub users: &'a [Option<UserRef>],
    /// The baseline ([`count_matrix`](crate::count_matrix)).
    pub counts: Option<&'a CountsFn<'a>>,
    /// Answers to search with.
    pub answers: &'a [RetrievalInput],
    /// Under which instructions.
    pub instructions: Instructions,
}
