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
//! vectors can be proved:
//!
//! ```
//! use instructue_eval::{
//!     Arm, BoxError, Embedder, Matrix, EvaluateInput, EvaluateOptions, TaskLabels, TaskSet, UserRef,
//!     UserVectors, prove,
//! };
//! use instructue_schema::Timestamp;
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
//!         _progress: &mut dyn FnMut(usize, usize),
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
//! // Usually from `label_all(&tasks, &store, &users, data_dir)`.
//! let user = |index| UserRef { shard: 0, index };
//! let (train, test): (Vec<_>, Vec<_>) = ((0..60).map(user).collect(), (60..100).map(user).collect());
//! let label = |user: &UserRef| Some(user.index % 2 == 0);
//! let labels = [TaskLabels {
//!     train: train.iter().map(label).collect(),
//!     test: test.iter().map(label).collect(),
//! }];
//!
//! let proof = prove(EvaluateInput {
//!     tasks: &tasks,
//!     labels: &labels,
//!     trained: &Toy { knows: true },
//!     untrained: &Toy { knows: false },
//!     train: &train,
//!     test: &test,
//!     // Usually `count_matrix(&store, users, reference)`.
//!     counts: &|users, _| Ok(Matrix::new(users.len(), 1, vec![0.0; users.len()])?),
//!     retrieval: None,
//!     options: EvaluateOptions { resamples: 100, ..EvaluateOptions::default() },
//!     progress: &mut |_| {},
//! })?;
//!
//! let even = &proof.tasks[0];
//! assert_eq!(even.score(Arm::Matched).unwrap().auc.point, 1.0);
//! assert!(even.difference(Arm::Matched, Arm::Wrong).unwrap().auc.excludes_zero());
//! println!("{}", proof.table());
//! # Ok::<(), instructue_eval::Error>(())
//! ```
//!
//! [`Evaluation::save`] writes JSON and [`write_report`] one HTML page that needs no network.

mod awareness;
mod bootstrap;
mod check;
mod cross_validation;
mod curves;
mod date;
mod embedder;
mod error;
mod files;
mod labels;
mod linalg;
mod lookalike;
mod map;
mod measure;
mod metrics;
mod noise;
mod probe;
mod proof;
mod prove;
mod ranking;
mod report;
mod retrieval;
mod ridge;
pub mod suite;
mod table;
mod task_rules;
mod tasks;

pub use awareness::{Neighbours, VarianceShares, neighbour_test};
pub use bootstrap::{
    CONFIDENCE, Draws, Interval, RESAMPLES, Resamples, bootstrap_difference, bootstrap_interval,
};
pub use check::check_tasks;
pub use cross_validation::{Criterion, CrossValidation, GridPoint, stratified_folds};
pub use curves::{Calibration, CalibrationBin, Decile, Deciles, gain_curve, ks_curve};
pub use date::{format_time, parse_time};
pub use embedder::{Embedder, Matrix, UserRef, UserVectors, distinct_instructions};
pub use error::{BoxError, Error, Result};
pub use files::{load_json, save_json, write_atomically};
pub use labels::{Rule, count_matrix, label_all, labels, load_labels};
pub use lookalike::look_alike;
pub use map::Map2d;
pub use metrics::{Ranking, auc, chance_recall_at_k, ks, lift_at, recall_at_k, roc_curve};
pub use noise::{NoiseKind, write_noisy};
pub use probe::{LogisticRegression, log_loss};
pub use proof::{
    Arm, ArmResult, Average, Difference, Evaluation, PROOF_FORMAT, RecallAt, RetrievalProof, Score,
    Tally, TaskProof, ZeroShot,
};
pub use prove::{CountsFn, EvaluateInput, EvaluateOptions, Stage, TaskLabels, prove};
pub use ranking::Candidates;
pub use report::{LossPoint, Summary, write_report, write_suite_report};
pub use retrieval::{Answer, RetrievalInput, Searches, search};
pub use ridge::RidgeRanker;
pub use tasks::{Label, Task, TaskSet};
