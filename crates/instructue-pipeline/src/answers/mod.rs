//! Answer scores of a run: how they are learned, and how well they answer questions that were
//! kept from learning.

mod evaluate;
mod forecast_run;
mod labelled;
mod learn;
mod open;
mod run;
mod vectors;
mod wordings;

pub use open::{answers_dir, open_answers, score_user};
pub(crate) use run::AnswerRun;
pub use run::{ANSWERS_DIR, FORECASTS_FILE, learn_answers};
pub use vectors::{AnswerVectors, embed_answers};
pub use wordings::{ValueWording, WORDINGS_FILE, Wordings};
