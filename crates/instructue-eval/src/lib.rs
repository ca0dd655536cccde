//! Evaluation of quality: what an embedding knows, how sure that is, and a page to show it.
//!
//! A user embedding is good when something simple can read answers out of it.
//! So this crate trains logistic regressions on *frozen* vectors of training
//! users and measures them on test users that neither the model nor the probe
//! has seen: AUC and KS with bootstrap intervals, per task under
//!
//! - the **matched** instruction, **no** instruction, a **wrong** one and the
//!   matched one **reworded**: does the vector follow the instruction?
//! - the **untrained** model and plain **counts**: was training worth it?
//! - counts and vectors **together**: does the model know what counts do not?
//!
//! Comparisons use the same resamples on both sides. Text → user retrieval and
//! zero-shot scores need no labels for training at all.
//!
//! The model stands behind the [`Embedder`] trait, so anything that gives
//! vectors can be evaluated:
//!
//! ```
//! use instructue_eval::{
//!     Arm, BoxError, Embedder, EvaluateInput, EvaluateOptions, Fold, FoldUsers, TaskSet, evaluate,
//! };
//! use instructue_schema::{Matrix, Progress, Timestamp, UserRef, UserVectors};
//!
//! /// A model that knows who has an even index, if asked about it.
//! struct Toy {
//!     knows: bool,
//! }
//!
//! impl Embedder for Toy {
//!     fn embed_users(
//!         &self,
//!         users: &[UserRef],
//!         _reference: Timestamp,
//!         instructions: &[Option<String>],
//!         _progress: &mut dyn FnMut(Progress),
//!     ) -> Result<Vec<UserVectors>, BoxError> {
//!         let vector = |user: &UserRef, instruction: &Option<String>| {
//!             let asked = instruction.as_ref().is_some_and(|text| text.contains("even"));
//!             let even = (user.index % 2) as f32;
//!             let other = (user.index * 7 % 13) as f32;
//!             [if asked && self.knows { even } else { other }, other]
//!         };
//!         let matrix = |instruction| {
//!             let rows: Vec<_> = users.iter().map(|user| vector(user, instruction)).collect();
//!             Ok::<_, BoxError>(Matrix::from_rows(&rows)?.into())
//!         };
//!         instructions.iter().map(matrix).collect()
//!     }
//!
//!     fn embed_texts(&self, texts: &[String]) -> Result<Matrix, BoxError> {
//!         Ok(Matrix::new(texts.len(), 2, vec![1.0; texts.len() * 2])?)
//!     }
//! }
//!
//! let tasks = TaskSet::from_toml(r#"
//!     reference = "2017-07-01"
//!     [[task]]
//!     name = "even"
//!     instruction = "Is the number even?"
//!     reworded = ["Would you call it an even one?"]
//!     wrong = "What is the weather like?"
//!     label = { kind = "event", source = "bill", days = 30 }
//! "#)?;
//!
//! let users: Vec<_> = (0..100).map(|index| UserRef { shard: 0, index }).collect();
//! // Usually from `label_all(&tasks, &store, &users, data_dir)`.
//! let labels = [users.iter().map(|user| Some(user.index % 2 == 0)).collect()];
//!
//! let evaluation = evaluate(EvaluateInput {
//!     tasks: &tasks,
//!     users: &users,
//!     labels: &labels,
//!     // One holdout split; several folds test each user once.
//!     folds: vec![Fold {
//!         trained: &Toy { knows: true },
//!         untrained: Some(&Toy { knows: false }),
//!         users: FoldUsers { train: (0..60).collect(), test: (60..100).collect() },
//!         answers: Vec::new(),
//!     }],
//!     // Usually `count_matrix(&store, users, reference)`.
//!     counts: Some(&|users, _| Ok(Matrix::zeros(users.len(), 1))),
//!     options: EvaluateOptions { resamples: 100, ..EvaluateOptions::default() },
//!     progress: &mut |_| {},
//! })?;
//!
//! let even = &evaluation.tasks[0];
//! assert_eq!(even.score(Arm::Matched).unwrap().scores.auc.point, 1.0);
//! assert!(even.difference(Arm::Matched, Arm::Wrong).unwrap().auc.excludes_zero());
//! println!("{}", evaluation.table());
//! # Ok::<(), instructue_eval::Error>(())
//! ```
//!
//! [`Evaluation::save`] writes JSON and [`write_report`] one HTML page that needs no network.
//!
//! Where folds are trained one after another, [`measure_fold`] measures each as soon as
//! its model is there and [`summarise`] puts them together.

mod check;
mod date;
mod embedder;
mod error;
mod evaluate;
mod files;
mod fold;
mod forecast;
mod labels;
pub mod methods;
mod noise;
mod options;
mod report;
mod results;
mod scores;
mod study;
mod summary;
mod table;
mod task_rules;
mod tasks;

pub use check::check_tasks;
pub use date::{format_time, parse_time};
pub use embedder::{Embedder, distinct_instructions};
pub use error::{BoxError, Error, Result};
pub use evaluate::{EvaluateInput, Fold, evaluate};
pub use files::{load_json, save_json, write_atomically};
pub use fold::{
    Answer, Asked, CountsFn, Embedded, FoldInput, FoldResult, Further, Group, Instructions,
    Measured, Part, ProbeFit, Probes, RankedItems, RetrievalInput, SEEN, Scored, SearchSize,
    UNSEEN, Valued, embed, mean_cosine, measure_fold,
};
pub use forecast::{
    ForecastDifference, ForecastItem, ForecastMean, ForecastMethod, ForecastQuality,
    ForecastQuestionResult, ForecastResult, ForecastScores, ForecastStudy, ForecastSubset,
    RightAnswers, Wording, summarise_forecasts,
};
pub use labels::{Rule, count_matrix, label_all, labels, load_labels};
pub use methods::{Arm, MethodInfo, MethodKind};
pub use noise::{NoiseKind, write_noisy};
pub use options::{EvaluateOptions, LookalikeOptions, MinPerClass};
pub use report::{LossPoint, write_report};
pub use results::{
    Ablation, AudienceResult, Awareness, Claim, Curves, Difference, EVALUATION_FORMAT, Evaluation,
    Example, ExampleUser, FewShotResult, FoldSize, LookalikeResult, MethodScores, NeighbourResult,
    NoisePoint, NoiseResult, ProbeResult, RankingResult, RecallAt, RecommendationResult,
    RetrievalResult, Scores, SourceShares, Tally, TaskResult, ZeroShot,
};
pub use scores::{FoldScores, FoldValues, Population, ScoreDraws};
pub use study::{FoldUsers, Labelled, Study};
pub use summary::{Extras, NoiseCondition, VariantResult, summarise};
pub use tasks::{Label, Task, TaskSet};
