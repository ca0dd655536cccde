//! The answer scorer beside a model, and one user's score.

use std::path::{Path, PathBuf};

use instructue_eval::{ForecastResult, load_json};
use instructue_model::AnswerScorer;
use instructue_schema::{DataText, Timestamp};
use instructue_store::UserStore;

use super::run::{ANSWERS_DIR, FORECASTS_FILE};
use super::text_vectors::load_answers;
use crate::ask::profile_of;
use crate::embed::check_instruction;
use crate::error::{Error, Result};

/// The scorer's directory that `path` means: below a run's output, or beside a model in it.
pub fn answers_dir(path: &Path) -> PathBuf {
    let below = path.join(ANSWERS_DIR);
    let beside = path.parent().map(|run| run.join(ANSWERS_DIR));
    match beside.filter(|beside| beside.is_dir() && !below.is_dir()) {
        Some(beside) => beside,
        None => below,
    }
}

/// The scorer of a run, given its output or the model in it; `None` if the run has none.
///
/// # Errors
/// A scorer that does not read, or whose data had another schema than `store`.
pub fn open_answers(path: &Path, store: &UserStore) -> Result<Option<AnswerScorer>> {
    let dir = answers_dir(path);
    if !dir.is_dir() {
        return Ok(None);
    }
    let scorer = load_answers(&dir)?;
    match scorer.profiles().schema().model_difference(store.schema()) {
        None => Ok(Some(scorer)),
        Some(found) => Err(Error::argument(
            &format!("schema of the data: {}", found.key),
            &format!("{} as in the answer scorer", found.first),
            found.second,
        )),
    }
}

/// How well the scorer of a run answered questions that were kept from learning; `None` if that was
/// not measured.
///
/// # Errors
/// A file that does not read.
pub fn open_forecasts(path: &Path) -> Result<Option<ForecastResult>> {
    let file = answers_dir(path).with_file_name(FORECASTS_FILE);
    match file.is_file() {
        true => Ok(Some(load_json(&file)?)),
        false => Ok(None),
    }
}

/// The probability that a question about one user is answered yes.
///
/// # Errors
/// An unknown user, an empty or overlong instruction, an unreadable store.
pub fn score_user(
    scorer: &AnswerScorer,
    store: &UserStore,
    user: &str,
    reference: Timestamp,
    instruction: &str,
) -> Result<f32> {
    check_instruction(instruction)?;
    let profile = profile_of(scorer.profiles(), store, user, reference)?;
    Ok(scorer
        .scores(&[profile], &[DataText::new(instruction)])
        .row(0)[0])
}
