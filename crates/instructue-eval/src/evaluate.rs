//! The whole evaluation of a model that stands behind [`Embedder`].

use instructue_schema::UserRef;

use crate::embedder::Embedder;
use crate::error::{Error, Result};
use crate::fold::{CountsFn, FoldInput, Instructions, RetrievalInput, measure_fold};
use crate::options::EvaluateOptions;
use crate::results::Evaluation;
use crate::study::{FoldUsers, Study};
use crate::summary::{Extras, summarise};
use crate::tasks::TaskSet;
use instructue_schema::Progress;

/// A model in one fold, and who is trained on and tested there.
pub struct Fold<'a> {
    /// The model.
    pub trained: &'a dyn Embedder,
    /// The same model before training, if there is one to compare with.
    pub untrained: Option<&'a dyn Embedder>,
    /// Who is trained on and who is tested.
    pub users: FoldUsers,
    /// Answers of the test users to search with.
    pub answers: Vec<RetrievalInput>,
}

/// What an evaluation is made from.
pub struct EvaluateInput<'a> {
    /// The tasks.
    pub tasks: &'a TaskSet,
    /// The users, each once.
    pub users: &'a [UserRef],
    /// Per task, in its order, one label per user ([`label_all`](crate::label_all)).
    pub labels: &'a [Vec<Option<bool>>],
    /// The folds: one for a holdout split, several with disjoint test users.
    pub folds: Vec<Fold<'a>>,
    /// The baseline ([`count_matrix`](crate::count_matrix)).
    pub counts: Option<&'a CountsFn<'a>>,
    /// How.
    pub options: EvaluateOptions,
    /// Takes what is being done.
    pub progress: &'a mut dyn FnMut(Progress),
}

/// Trains probes on the training users' vectors of each fold, measures them on its test
/// users, and compares the arms on the same bootstrap resamples.
///
/// # Errors
/// As [`Study::new`] and [`measure_fold`]. A task with too few users of a class is no
/// error: its result says why it was left out.
pub fn evaluate(input: EvaluateInput<'_>) -> Result<Evaluation> {
    let users = input.folds.iter().map(|fold| fold.users.clone()).collect();
    let study = Study::new(input.tasks, input.users, input.labels, users, input.options)?;
    let refs: Vec<Option<UserRef>> = input.users.iter().copied().map(Some).collect();
    let mut results = Vec::new();
    for (number, fold) in input.folds.iter().enumerate() {
        let fold = FoldInput {
            number,
            trained: fold.trained,
            untrained: fold.untrained,
            users: &refs,
            counts: input.counts,
            answers: &fold.answers,
            instructions: Instructions::All,
        };
        let found = measure_fold::<Error>(&study, &fold, &mut |_, _, _| Ok(()), input.progress)?;
        results.push(found);
    }
    summarise(&study, &results, &Extras::default())
}
