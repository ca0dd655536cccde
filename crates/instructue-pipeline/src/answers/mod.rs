//! Answer scores of a run: how they are learned, and how well they answer questions that were
//! kept from learning.

mod asked;
mod evaluate;
mod exchange;
mod forecast_run;
mod labelled;
mod learn;
mod open;
mod run;
mod statement;
mod text_vectors;
mod unlabelled;
mod vectors;
mod wordings;

pub(crate) use asked::Asked;
pub(crate) use evaluate::{ask, summarise};
pub(crate) use exchange::{read_found, read_scores, write_labelled, write_scores};
pub(crate) use forecast_run::ForecastRun;
pub(crate) use labelled::{Labelled, named_texts};
pub use open::{answers_dir, open_answers, open_forecasts, score_user};
pub(crate) use run::AnswerRun;
pub use run::{ANSWERS_DIR, FORECASTS_FILE, learn_answers};
pub use statement::statement;
pub(crate) use text_vectors::text_vectors;
pub use vectors::{AnswerVectors, AnswerVectorsRequest, embed_answers};
pub use wordings::{ValueWording, WORDINGS_FILE, Wordings};
