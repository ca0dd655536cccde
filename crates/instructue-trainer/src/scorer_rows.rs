//! The rows that an answer scorer is trained on, from a user store.

use instructue_features::{KnownText, KnownTexts, ProfileBuilder};
use instructue_model::ScorerRow;
use instructue_schema::limits::{self, numbers};
use instructue_schema::{Timestamp, UserId, seed, user_key};
use instructue_store::UserStore;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// How answer scores are learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScorerConfig {
    /// Whether answers are scored at all.
    pub enabled: bool,
    /// What texts are compared by: a sentence encoder, a directory or a hub id. Default: a table
    /// of English word vectors that comes with the project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoder: Option<String>,
    /// Users at a time with a text that are learned from, about.
    pub rows: usize,
    /// Penalty of the reader's weights.
    pub l2: f64,
    /// Length of vectors in the space of answers, at most.
    pub width: usize,
}

impl Default for ScorerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            encoder: None,
            rows: 100_000,
            l2: 1.0,
            width: 128,
        }
    }
}

impl ScorerConfig {
    /// Checks that learning makes sense.
    ///
    /// # Errors
    /// Names the key.
    pub fn validate(&self) -> Result<()> {
        limits::check([
            ("rows", numbers::ROWS.of(self.rows)),
            ("l2", numbers::PENALTY.of(self.l2)),
            ("width", numbers::ANSWER_WIDTH.of(self.width)),
        ])?;
        Ok(())
    }
}

/// Where rows come from.
pub struct ScorerData<'a> {
    /// The user store.
    pub store: &'a UserStore,
    /// Builds what is known of a user at a time.
    pub profiles: &'a ProfileBuilder,
    /// The times that users are looked at from, each with what was known of texts *then*: what
    /// users had later would tell what came. What comes in the
    /// [days](instructue_features::FittedTexts::days) after each must be in the store.
    pub times: &'a [(Timestamp, KnownTexts)],
    /// Which users are learned from.
    pub users: &'a (dyn Fn(&UserId) -> bool + Sync),
    /// Which texts are learned from; others are left for an evaluation.
    pub may_ask: &'a (dyn Fn(&KnownText) -> bool + Sync),
}

/// Draws about `count` rows: each of the users at each time, with as many texts. A user at a time
/// before anything happened is left out.
///
/// # Errors
/// When the store cannot be read.
pub fn scorer_rows(data: &ScorerData<'_>, count: usize, run_seed: u64) -> Result<Vec<ScorerRow>> {
    let asked: Vec<Vec<u32>> = data
        .times
        .iter()
        .map(|(_, texts)| data.asked(texts))
        .collect();
    let units = data.store.users() as usize * data.times.len().max(1);
    let each = count.div_ceil(units.max(1)).max(1);
    let mut rows = Vec::new();
    for shard in 0..data.store.shards() {
        let shard = data.store.shard(shard)?;
        let of_user = |user: usize| {
            let history = shard.history(user);
            let mut rows = Vec::new();
            if !(data.users)(history.user()) {
                return rows;
            }
            for ((reference, texts), asked) in data.times.iter().zip(&asked) {
                let now = texts.profile(&data.profiles.build(&history, *reference));
                if now.is_empty() {
                    continue;
                }
                let days = texts.fitted().days;
                let later = data.profiles.build(&history, reference.plus_days(days));
                let later = texts.profile(&later);
                let parts = [user_key(history.user()), reference.0 as u64];
                let mut drawn = asked.clone();
                seed::shuffle(&mut drawn, &mut seed::rng(run_seed, "scorer rows", &parts));
                rows.extend(drawn.into_iter().take(each).map(|text| ScorerRow {
                    features: texts.numbers(&now, text),
                    came: later.newest(text).is_some_and(|day| day < days),
                }));
            }
            rows
        };
        let found: Vec<Vec<ScorerRow>> = (0..shard.len()).into_par_iter().map(of_user).collect();
        rows.extend(found.into_iter().flatten());
        // The first shards are a sample: users are placed by a hash of their id.
        if rows.len() >= count {
            break;
        }
    }
    Ok(rows)
}

impl ScorerData<'_> {
    /// The texts that are learned from, by number.
    fn asked(&self, texts: &KnownTexts) -> Vec<u32> {
        let known = texts.fitted().texts.iter().zip(0u32..);
        let asked = known.filter(|(known, _)| (self.may_ask)(known));
        asked.map(|(_, text)| text).collect()
    }
}
