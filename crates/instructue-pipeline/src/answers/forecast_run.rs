//! What an evaluation of answer scores works on.

use instructue_model::AnswerScorer;
use instructue_schema::Timestamp;

use super::learn::AnswerData;
use super::wordings::Wordings;

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
