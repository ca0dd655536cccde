//! What an evaluation of answer scores works on.

use instructue_model::AnswerScorer;
use instructue_schema::Timestamp;

use super::learn::AnswerData;
use super::wordings::Wordings;

/// Users of either kind that an evaluation looks at, at most: those of the first shards, a sample,
/// since users are placed by a hash of their id.
pub(super) const MOST_USERS: usize = 4_000;

/// What is evaluated.
pub(crate) struct ForecastRun<'a> {
    pub data: AnswerData<'a>,
    /// Learned without half of the values.
    pub scorer: &'a AnswerScorer,
    /// The values in other words.
    pub wordings: &'a Wordings,
    /// Test users are looked at from here; what follows is known.
    pub reference: Timestamp,
    pub min_users: usize,
}
