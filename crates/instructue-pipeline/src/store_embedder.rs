//! The model behind evaluation's trait, reading users from a store.

use instructue_eval::{BoxError, Embedder};
use instructue_features::Profile;
use instructue_model::{AnswerScorer, InstructUe, SoftPrompt, VectorKind};
use instructue_schema::{DataText, Matrix, Progress, Timestamp, UserRef, UserVectors};
use instructue_store::UserStore;

/// Users embedded at a time.
const CHUNK: usize = 256;

/// A model and the store that its users come from.
#[derive(Debug)]
pub struct StoreEmbedder<'a> {
    model: InstructUe,
    store: &'a UserStore,
    answers: Option<&'a AnswerScorer>,
}

impl<'a> StoreEmbedder<'a> {
    /// Embeds users of `store` with `model`, without autodiff.
    pub fn new(model: &InstructUe, store: &'a UserStore) -> Self {
        Self {
            model: model.frozen(),
            store,
            answers: None,
        }
    }

    /// The same with what an answer scorer says of users beside their states.
    pub fn with_answers(self, answers: Option<&'a AnswerScorer>) -> Self {
        Self { answers, ..self }
    }

    /// Vectors under a tuned instruction.
    ///
    /// # Errors
    /// An unreadable store, or tokens of another model.
    pub fn embed_tuned(
        &self,
        users: &[UserRef],
        reference: Timestamp,
        tuned: &SoftPrompt,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<UserVectors, BoxError> {
        let mut out = self.zeros(users.len());
        let asked = [Some(DataText::new(tuned.instruction()))];
        self.in_chunks(users, reference, progress, |chunk, scored, profiles| {
            let cache = self.model.profile_cache(profiles)?;
            let mut found = [self.model.embed_tuned(&cache, tuned)?];
            self.score(&mut found, scored, &asked);
            copy(&mut out, &found[0], chunk);
            Ok(())
        })?;
        Ok(out)
    }

    /// [`InstructUe::answer_log_likelihoods`] of users: `[users, asked]`.
    ///
    /// # Errors
    /// An unreadable store, an empty instruction or answer.
    pub fn answer_log_likelihoods(
        &self,
        users: &[UserRef],
        reference: Timestamp,
        asked: &[(Option<DataText>, DataText)],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Matrix, BoxError> {
        let mut out = Matrix::zeros(users.len(), asked.len());
        self.in_chunks(users, reference, progress, |chunk, _, profiles| {
            let found = self.model.answer_log_likelihoods(profiles, asked)?;
            for (place, &user) in chunk.iter().enumerate() {
                let row = &mut out.values[user * asked.len()..][..asked.len()];
                row.copy_from_slice(found.row(place));
            }
            Ok(())
        })?;
        Ok(out)
    }

    /// Profiles as the model reads them, in the order of `users`; each shard is read once.
    ///
    /// # Errors
    /// An unreadable store.
    pub fn profiles(
        &self,
        users: &[UserRef],
        reference: Timestamp,
    ) -> Result<Vec<Profile>, BoxError> {
        let mut out: Vec<Option<Profile>> = vec![None; users.len()];
        self.in_chunks(users, reference, &mut |_| {}, |chunk, _, profiles| {
            for (&user, profile) in chunk.iter().zip(profiles) {
                out[user] = Some(profile.clone());
            }
            Ok(())
        })?;
        Ok(out.into_iter().flatten().collect())
    }

    /// Puts beside vectors what the scorer says of the same users under the same instructions.
    fn score(&self, vectors: &mut [UserVectors], scored: &[Profile], texts: &[Option<DataText>]) {
        let Some(scorer) = self.answers else {
            return;
        };
        let numbers = scorer.numbers(scored, texts);
        for (vectors, numbers) in vectors.iter_mut().zip(numbers) {
            vectors.answers = numbers;
        }
    }

    fn zeros(&self, users: usize) -> UserVectors {
        let zeros = |width| Matrix::zeros(users, width);
        UserVectors {
            unit: zeros(self.model.width_of(VectorKind::Unit)),
            state: zeros(self.model.width_of(VectorKind::State)),
            pca: zeros(self.model.preprocessor().pca_width()),
            answers: zeros(self.answers.map_or(0, |_| AnswerScorer::WIDTH)),
        }
    }

    /// Hands `work` some of `users` at a time, by their places, with their profiles as the
    /// scorer reads them, if there is one, and as the model does.
    fn in_chunks(
        &self,
        users: &[UserRef],
        reference: Timestamp,
        progress: &mut dyn FnMut(Progress),
        mut work: impl FnMut(&[usize], &[Profile], &[Profile]) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let mut loaded = None;
        // By shard, so that each is read once.
        let mut order: Vec<usize> = (0..users.len()).collect();
        order.sort_by_key(|&user| users[user]);
        for (done, chunk) in order.chunks(CHUNK).enumerate() {
            let mut profiles: Vec<Profile> = Vec::with_capacity(chunk.len());
            let mut scored = Vec::new();
            for &user in chunk {
                let UserRef { shard, index } = users[user];
                let current = match loaded.take() {
                    Some((number, current)) if number == shard => current,
                    _ => self.store.shard(shard)?,
                };
                let history = current.history(index);
                let builder = self.model.preprocessor().profiles();
                profiles.push(builder.build(&history, reference));
                let builder = self.answers.map(AnswerScorer::profiles);
                scored.extend(builder.map(|builder| builder.build(&history, reference)));
                loaded = Some((shard, current));
            }
            work(chunk, &scored, &profiles)?;
            let done = (done * CHUNK + chunk.len()).min(users.len());
            progress(Progress::of(done, users.len()));
        }
        Ok(())
    }
}

/// Puts the vectors of some users at their places.
fn copy(out: &mut UserVectors, found: &UserVectors, chunk: &[usize]) {
    for (place, &user) in chunk.iter().enumerate() {
        out.set_row(user, found, place);
    }
}

impl Embedder for StoreEmbedder<'_> {
    fn embed_users(
        &self,
        users: &[UserRef],
        reference: Timestamp,
        instructions: &[Option<String>],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Vec<UserVectors>, BoxError> {
        let texts: Vec<Option<DataText>> = instructions
            .iter()
            .map(|text| text.as_deref().map(DataText::new))
            .collect();
        let mut out = vec![self.zeros(users.len()); instructions.len()];
        if out.is_empty() {
            return Ok(out); // no profile need be built
        }
        self.in_chunks(users, reference, progress, |chunk, scored, profiles| {
            let mut vectors = self.model.embed_both(profiles, &texts)?;
            self.score(&mut vectors, scored, &texts);
            for (out, found) in out.iter_mut().zip(&vectors) {
                copy(out, found, chunk);
            }
            Ok(())
        })?;
        Ok(out)
    }

    fn embed_texts(&self, texts: &[String]) -> Result<Matrix, BoxError> {
        let texts: Vec<DataText> = texts
            .iter()
            .map(|text| DataText::new(text.as_str()))
            .collect();
        Ok(self.model.embed_texts(&texts)?)
    }
}
