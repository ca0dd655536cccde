//! Evaluation on many yes-or-no questions at once: how well a method answers questions that
//! nobody trained it on.
//!
//! One needs it to judge answers to *any* question instead of a few tasks. Each method gives a
//! score per question and user, in one of three [wordings](Wording); [`summarise_forecasts`]
//! makes mean AUCs of them, with intervals over users *and* questions.

mod result;
mod study;
mod summary;

pub use result::{
    ForecastDifference, ForecastMean, ForecastQuality, ForecastQuestionResult, ForecastResult,
    ForecastSubset, RightAnswers,
};
pub use study::{ForecastItem, ForecastMethod, ForecastScores, ForecastStudy, Wording};
pub use summary::summarise_forecasts;
