//! Values that are computed once per shard: event texts and the meaning of codes.

use std::sync::{Arc, Mutex, PoisonError};

use crate::render::TextCache;
use instructue_schema::History;

/// The number of cached shards. More are rarely read at the same time.
const REMEMBERED: usize = 4;

/// The distinct values of a text column.
type Dictionary = Arc<Vec<Arc<str>>>;

/// The cached values of one shard.
#[derive(Debug)]
pub(super) struct ShardIndex {
    /// All dictionaries, by which the shard is recognised. They are held so that no other
    /// dictionary can be allocated at the same address.
    dictionaries: Vec<Dictionary>,
    /// One cache per source.
    pub(super) texts: Vec<TextCache>,
    /// One entry per source; empty for an events source.
    pub(super) codes: Vec<TabularCodes>,
}

/// The meaning of a shard's codes for a tabular source.
#[derive(Debug, Default)]
pub(super) struct TabularCodes {
    /// `[category column][code]`: the category.
    pub(super) categories: Vec<Vec<u32>>,
    /// `[aggregate][grouping column][code]`: the group.
    pub(super) groups: Vec<Vec<Vec<u32>>>,
}

impl ShardIndex {
    pub(super) fn new(
        history: &History<'_>,
        text_fields: &[(usize, usize)],
        codes: Vec<TabularCodes>,
    ) -> Self {
        Self {
            dictionaries: dictionaries(history, text_fields).cloned().collect(),
            texts: codes.iter().map(|_| TextCache::default()).collect(),
            codes,
        }
    }

    fn is_of(&self, history: &History<'_>, text_fields: &[(usize, usize)]) -> bool {
        let mut known = self.dictionaries.iter();
        dictionaries(history, text_fields).all(|d| known.next().is_some_and(|k| Arc::ptr_eq(k, d)))
            && known.next().is_none()
    }
}

/// The dictionaries behind the given fields, each as (source, field).
fn dictionaries<'a>(
    history: &History<'a>,
    text_fields: &[(usize, usize)],
) -> impl Iterator<Item = &'a Dictionary> {
    text_fields
        .iter()
        .filter_map(|&(source, field)| history.events(source).dictionary(field))
}

/// The indexes of the shards that were read last. A clone starts empty.
#[derive(Debug, Default)]
pub(super) struct ShardIndexes(Mutex<Vec<Arc<ShardIndex>>>);

impl Clone for ShardIndexes {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl ShardIndexes {
    /// The index of the history's shard. `make` builds it if it is not cached.
    pub(super) fn of(
        &self,
        history: &History<'_>,
        text_fields: &[(usize, usize)],
        make: impl FnOnce() -> ShardIndex,
    ) -> Arc<ShardIndex> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = known
            .iter()
            .position(|index| index.is_of(history, text_fields))
        {
            let index = known.remove(at);
            known.insert(0, index.clone());
            return index;
        }
        let index = Arc::new(make());
        known.insert(0, index.clone());
        known.truncate(REMEMBERED);
        index
    }
}
