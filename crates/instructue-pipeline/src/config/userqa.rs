//! The configuration of a run's training set.

use instructue_schema::Timestamp;
use instructue_userqa::{RunValues, UserQaConfig};

use crate::config::settings::RunConfig;

/// The configuration of the training set.
pub fn userqa_config(config: &RunConfig, references: &[Timestamp], end: Timestamp) -> UserQaConfig {
    config.userqa.clone().with_run_values(RunValues {
        seed: config.seed,
        references: references.to_vec(),
        min_users: config.privacy.min_users,
        data_end: Some(end),
    })
}
