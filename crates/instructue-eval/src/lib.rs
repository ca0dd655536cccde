//! Proof of quality: probes, AUC and KS with intervals, retrieval, report.

mod bootstrap;
mod cross_validation;
mod embedder;
mod error;
mod linalg;
mod metrics;
mod probe;

pub use bootstrap::{
    CONFIDENCE, Interval, RESAMPLES, Resamples, bootstrap_difference, bootstrap_interval,
};
pub use cross_validation::{Criterion, CrossValidation, GridPoint, stratified_folds};
pub use embedder::{Embedder, Matrix, UserRef};
pub use error::{BoxError, Error, Result};
pub use metrics::{Ranking, auc, chance_recall_at_k, ks, lift_at, recall_at_k, roc_curve};
pub use probe::{LogisticRegression, log_loss};
