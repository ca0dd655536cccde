//! The configuration of generated users.

use instructue_schema::Timestamp;
use instructue_schema::limits::{self, numbers};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// The approximate number of events in memory at a time.
const EVENTS_AT_A_TIME: f64 = 5e6;

/// The configuration of generated users. Every row is a pure function of these values, except
/// `users` and `chunk_users`, and of the user's number. So a larger number of users only adds
/// users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerateConfig {
    /// The number of users.
    pub users: u64,
    /// The seed of all random choices.
    pub seed: u64,
    /// The expected number of events of an average user in 90 days, over all sources.
    pub events_per_user: f64,
    /// The share of the events that are unrelated to any trait; below 1.
    pub noise: f64,
    /// The share of the texts that are replaced by hostile ones, such as `</bill>`, `[SEP]`,
    /// emoji or 500 characters without a space.
    pub hostile: f64,
    /// The reference time. Events before it are history, events from it on are the future.
    pub reference: Timestamp,
    /// The number of days with events before the reference time.
    pub history_days: u32,
    /// The number of days with events from the reference time on.
    pub future_days: u32,
    /// The number of users in memory at a time. It changes neither content nor order.
    pub chunk_users: usize,
}

impl Default for GenerateConfig {
    fn default() -> Self {
        Self {
            users: 1000,
            seed: 0,
            events_per_user: 120.0,
            noise: 0.7,
            hostile: 0.002,
            // 2025-07-01, a Tuesday.
            reference: Timestamp(1_751_328_000),
            history_days: 180,
            future_days: 31,
            chunk_users: 2_000,
        }
    }
}

impl GenerateConfig {
    /// Checks every number against its [range](numbers).
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for the first value out of range.
    pub fn validate(&self) -> Result<()> {
        limits::check([
            ("seed", numbers::SEED.of(self.seed)),
            ("users", numbers::GENERATED_USERS.of(self.users)),
            (
                "events_per_user",
                numbers::GENERATED_EVENTS.of(self.events_per_user),
            ),
            ("noise", numbers::SHARE_BELOW_ONE.of(self.noise)),
            ("hostile", numbers::SHARE.of(self.hostile)),
            ("reference", numbers::TIME.of(self.reference.0)),
            ("history_days", numbers::HORIZON_DAYS.of(self.history_days)),
            ("future_days", numbers::HORIZON_DAYS.of(self.future_days)),
            ("chunk_users", numbers::GENERATED_CHUNK.of(self.chunk_users)),
        ])?;
        Ok(())
    }

    /// The number of users in memory at a time: `chunk_users`, or fewer if their events would not
    /// fit.
    pub(crate) fn users_at_a_time(&self) -> u64 {
        let days = f64::from(self.history_days) + f64::from(self.future_days);
        let events = (self.events_per_user * days / 90.0).max(1.0);
        let most = (EVENTS_AT_A_TIME / events).max(1.0) as u64;
        most.min(self.chunk_users as u64)
    }
}

#[cfg(test)]
mod tests {
    use instructue_schema::limits::trials::try_numbers;

    use super::*;

    #[test]
    fn every_number_is_bounded() {
        let tried = try_numbers(&GenerateConfig::default(), |config| {
            config.validate().map_err(|error| error.to_string())?;
            assert!(config.users_at_a_time() > 0);
            Ok(())
        });
        assert!(tried.unwrap() > 80);
        GenerateConfig::default().validate().unwrap();
    }

    #[test]
    fn busy_users_are_made_a_few_at_a_time() {
        assert_eq!(GenerateConfig::default().users_at_a_time(), 2_000);
        let busy = GenerateConfig {
            events_per_user: 100_000.0,
            history_days: 3650,
            future_days: 3650,
            ..GenerateConfig::default()
        };
        busy.validate().unwrap();
        assert_eq!(busy.users_at_a_time(), 1);
    }
}
