//! What a run's configuration says about its training set.

use instructue_schema::Timestamp;
use instructue_userqa::UserQaConfig;

use crate::config::settings::RunConfig;

/// The configuration of the training set.
pub fn userqa_config(config: &RunConfig, references: &[Timestamp], end: Timestamp) -> UserQaConfig {
    UserQaConfig {
        seed: config.seed,
        references: references.to_vec(),
        horizon_days: config.userqa.horizon_days,
        triples_per_user: config.userqa.triples_per_user,
        values_per_family: config.userqa.values_per_family,
        test_share: config.userqa.test_share,
        test_from: config.userqa.test_from,
        validation_share: config.userqa.validation_share,
        min_users: config.privacy.min_users,
        data_end: Some(end),
        ..UserQaConfig::default()
    }
}
