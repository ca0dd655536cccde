//! One model on one fold of a suite, and where its users are.

use instructue_eval::{Asked, Embedded, Embedder, Error as EvalError, Study, embed};
use instructue_features::Profile;
use instructue_schema::{Matrix, Progress, Timestamp, UserRef};

use crate::error::Result;
use crate::run::TrainedRun;
use crate::store_embedder::StoreEmbedder;
use crate::suite::declare::Suite;
use crate::suite::plan::Plan;
use crate::suite::stores::Histories;

/// A model on a fold.
pub(crate) struct Bench<'a> {
    pub suite: &'a Suite,
    pub plan: &'a Plan,
    pub study: &'a Study<'a>,
    pub fold: usize,
    pub run: &'a TrainedRun,
    pub model: StoreEmbedder<'a>,
    /// What it was trained on.
    pub histories: &'a Histories,
}

impl Bench<'_> {
    /// Profiles of users by the whole model, whose store is that of the plan.
    pub fn profiles(&self, users: &[usize], reference: Timestamp) -> Result<Vec<Profile>> {
        let refs: Vec<UserRef> = users.iter().map(|&user| self.plan.refs[user]).collect();
        Ok(self.model.profiles(&refs, reference).map_err(failed)?)
    }

    /// The model's vectors from the events as they are.
    pub fn embed(&self, asked: Asked, progress: &mut dyn FnMut(Progress)) -> Result<Embedded> {
        let users = &self.histories.refs;
        Ok(embed(&self.model, "trained", users, asked, progress)?)
    }

    /// Texts in the space of the vectors.
    pub fn embed_texts(&self, texts: &[String]) -> Result<Matrix> {
        Ok(self.model.embed_texts(texts).map_err(failed)?)
    }
}

fn failed(source: instructue_eval::BoxError) -> EvalError {
    EvalError::Model {
        model: "trained",
        source,
    }
}
