//! The model behind evaluation's trait, reading users from a store.

use instructue_eval::{BoxError, Embedder};
use instructue_features::Profile;
use instructue_model::{InstructUe, SoftPrompt, VectorKind};
use instructue_schema::{DataText, Matrix, Progress, Timestamp, UserRef, UserVectors};
use instructue_store::UserStore;

/// Users embedded at a time.
const CHUNK: usize = 256;

/// A model and the store that its users come from.
#[derive(Debug)]
pub struct StoreEmbedder<'a> {
    model: InstructUe,
    store: &'a UserStore,
}

impl<'a> StoreEmbedder<'a> {
    /// Embeds users of `store` with `model`, without autodiff.
    pub fn new(model: &InstructUe, store: &'a UserStore) -> Self {
        Self {
            model: model.frozen(),
            store,
        }
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
        self.in_chunks(users, reference, progress, |chunk, profiles| {
            let cache = self.model.profile_cache(profiles)?;
            copy(&mut out, &self.model.embed_tuned(&cache, tuned)?, chunk);
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
        self.in_chunks(users, reference, &mut |_| {}, |chunk, profiles| {
            for (&user, profile) in chunk.iter().zip(profiles) {
                out[user] = Some(profile.clone());
            }
            Ok(())
        })?;
        Ok(out.into_iter().flatten().collect())
    }

    fn zeros(&self, users: usize) -> UserVectors {
        let zeros = |width| Matrix::zeros(users, width);
        UserVectors {
            unit: zeros(self.model.width_of(VectorKind::Unit)),
            state: zeros(self.model.width_of(VectorKind::State)),
            pca: zeros(self.model.preprocessor().pca_width()),
        }
    }

    /// Hands `work` some of `users` at a time, by their places, with their profiles.
    fn in_chunks(
        &self,
        users: &[UserRef],
        reference: Timestamp,
        progress: &mut dyn FnMut(Progress),
        mut work: impl FnMut(&[usize], &[Profile]) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let mut loaded = None;
        // By shard, so that each is read once.
        let mut order: Vec<usize> = (0..users.len()).collect();
        order.sort_by_key(|&user| users[user]);
        for (done, chunk) in order.chunks(CHUNK).enumerate() {
            let mut profiles: Vec<Profile> = Vec::with_capacity(chunk.len());
            for &user in chunk {
                let UserRef { shard, index } = users[user];
                let current = match loaded.take() {
                    Some((number, current)) if number == shard => current,
                    _ => self.store.shard(shard)?,
                };
                let history = current.history(index);
                let builder = self.model.preprocessor().profiles();
                profiles.push(builder.build(&history, reference));
                loaded = Some((shard, current));
            }
            work(chunk, &profiles)?;
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
        self.in_chunks(users, reference, progress, |chunk, profiles| {
            let vectors = self.model.embed_both(profiles, &texts)?;
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
