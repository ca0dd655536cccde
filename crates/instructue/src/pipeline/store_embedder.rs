//! The model behind evaluation's trait, reading users from a store.

use instructue_data::{Profile, UserStore};
use instructue_eval::{BoxError, Embedder, Matrix, UserRef, UserVectors};
use instructue_model::{InstructUe, VectorKind};
use instructue_schema::{DataText, Timestamp};

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
}

impl Embedder for StoreEmbedder<'_> {
    fn embed_users(
        &self,
        users: &[UserRef],
        reference: Timestamp,
        instructions: &[Option<String>],
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<UserVectors>, BoxError> {
        let texts: Vec<Option<DataText>> = instructions
            .iter()
            .map(|text| text.as_deref().map(DataText::new))
            .collect();
        let zeros = |kind| {
            let width = self.model.width_of(kind);
            Matrix::new(users.len(), width, vec![0.0; users.len() * width])
        };
        let mut out = Vec::with_capacity(instructions.len());
        for _ in instructions {
            out.push(UserVectors {
                unit: zeros(VectorKind::Unit)?,
                state: zeros(VectorKind::State)?,
            });
        }
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
                profiles.push(
                    self.model
                        .preparation()
                        .profiles()
                        .build(&history, reference),
                );
                loaded = Some((shard, current));
            }
            let vectors = self.model.embed_both(&profiles, &texts)?;
            for (out, found) in out.iter_mut().zip(&vectors) {
                for (place, &user) in chunk.iter().enumerate() {
                    out.unit
                        .row_mut(user)
                        .copy_from_slice(found.unit.row(place));
                    out.state
                        .row_mut(user)
                        .copy_from_slice(found.state.row(place));
                }
            }
            progress((done * CHUNK + chunk.len()).min(users.len()), users.len());
        }
        Ok(out)
    }

    fn embed_texts(&self, texts: &[String]) -> Result<Matrix, BoxError> {
        let texts: Vec<DataText> = texts
            .iter()
            .map(|text| DataText::new(text.as_str()))
            .collect();
        let vectors = self.model.embed_texts(&texts)?;
        Ok(Matrix::new(vectors.len(), vectors.width, vectors.values)?)
    }
}
