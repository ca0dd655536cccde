//! Many methods at many tasks over folds of all users, compared on the same resamples.
//!
//! In each fold a method is trained on some users and measured on others; the
//! test parts of the folds are disjoint and together all users. A resample draws
//! users, not (user, fold) pairs, so every figure and every difference rests on
//! the same people, whichever fold they were tested in.

mod curve_sets;
mod proof;
mod scores;
mod table;

pub use curve_sets::curves;
pub use proof::{
    Ablation, AudienceResult, Awareness, Claim, Curves, Example, ExampleUser, FewShot,
    LookalikeResult, MethodInfo, MethodKind, MethodScore, NeighbourResult, NoisePoint, NoiseResult,
    PairedDifference, RankingMetrics, RecommendationResult, RetrievalResult, SUITE_FORMAT,
    SourceShare, Stats, SuiteProof, SuiteTask,
};
pub use scores::{FoldScores, FoldValues, Population, ScoreDraws};
