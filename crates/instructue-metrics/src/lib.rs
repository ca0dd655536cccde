//! Measures of quality that know neither a user store nor a model: arrays in, numbers out.
//!
//! You need it to say how well scores tell labels, and how sure that is:
//!
//! - of a yes/no answer: [`auc`], [`ks`], [`lift_at`], [`roc_curve`], [`Calibration`],
//!   [`Deciles`];
//! - intervals: [`Resamples`] draws users with replacement; two methods are compared on the
//!   same draws;
//! - probes: [`LogisticRegression`] and [`CrossValidation`], which chooses its penalty;
//!   [`RidgeRanker`] scores items;
//! - rankings: [`recall_at_k`], [`Candidates`], [`look_alike`];
//! - what vectors hold: [`VarianceShares`], [`neighbour_test`], [`Map2d`].
//!
//! ```
//! use instructue_metrics::{auc, ks};
//!
//! let (scores, labels) = ([0.9, 0.7, 0.6, 0.2], [true, true, false, false]);
//! assert_eq!(auc(&scores, &labels), Some(1.0));
//! assert_eq!(ks(&scores, &labels), Some(1.0));
//! // Without both classes there is nothing to tell apart.
//! assert_eq!(auc(&scores, &[true; 4]), None);
//! ```

mod awareness;
mod binary;
mod bootstrap;
mod cross_validation;
mod curves;
mod error;
mod logistic;
mod lookalike;
mod map;
mod ranking;
mod ridge;

pub use awareness::{Neighbours, VarianceShares, neighbour_test};
pub use binary::{
    Ranking, auc, chance_recall_at_k, hit_probability, hypergeometric_hit, ks, lift_at,
    recall_at_k, roc_curve,
};
pub use bootstrap::{
    CONFIDENCE, Draws, Interval, RESAMPLES, Resamples, bootstrap_difference, bootstrap_interval,
};
pub use cross_validation::{Criterion, CrossValidation, GridPoint, stratified_folds};
pub use curves::{Calibration, CalibrationBin, Decile, Deciles, gain_curve, ks_curve};
pub use error::{Error, Result};
pub use logistic::{LogisticRegression, log_loss, log_odds, standardisation};
pub use lookalike::look_alike;
pub use map::Map2d;
pub use ranking::Candidates;
pub use ridge::RidgeRanker;
