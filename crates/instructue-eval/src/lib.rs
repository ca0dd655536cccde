//! Proof of quality: probes, AUC and KS with intervals, retrieval, report.

mod bootstrap;
mod cross_validation;
mod date;
mod embedder;
mod error;
mod labels;
mod linalg;
mod map;
mod metrics;
mod probe;
mod proof;
mod prove;
mod report;
mod retrieval;
mod table;
mod tasks;

pub use bootstrap::{
    CONFIDENCE, Interval, RESAMPLES, Resamples, bootstrap_difference, bootstrap_interval,
};
pub use cross_validation::{Criterion, CrossValidation, GridPoint, stratified_folds};
pub use date::{format_time, parse_time};
pub use embedder::{Embedder, Matrix, UserRef};
pub use error::{BoxError, Error, Result};
pub use labels::{Rule, count_matrix, label_all, labels, load_labels};
pub use map::Map2d;
pub use metrics::{Ranking, auc, chance_recall_at_k, ks, lift_at, recall_at_k, roc_curve};
pub use probe::{LogisticRegression, log_loss};
pub use proof::{
    Arm, ArmResult, Average, Difference, PROOF_FORMAT, Proof, RecallAt, RetrievalProof, Score,
    Tally, TaskProof, ZeroShot,
};
pub use prove::{CountsFn, ProveInput, ProveOptions, Stage, TaskLabels, prove};
pub use report::{LossPoint, Summary, write_report};
pub use retrieval::{Answer, RetrievalInput};
pub use tasks::{Label, Task, TaskSet};
