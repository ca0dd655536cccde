//! What is generated.

use instructue_schema::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What is generated. Every row is a pure function of these values, except
/// `users` and `chunk_users`, and of the user's number: more users only add users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GenerateConfig {
    /// How many users.
    pub users: u64,
    /// Seed of everything.
    pub seed: u64,
    /// Expected number of events of an average user in 90 days, over all sources.
    pub events_per_user: f64,
    /// Share of the events that have nothing to do with any trait; below 1.
    pub noise: f64,
    /// Share of the texts replaced by ones made to break things, such as
    /// `</bill>`, `[SEP]`, emoji or 500 characters without a space.
    pub hostile: f64,
    /// Up to here is history, from here on future.
    pub reference: Timestamp,
    /// Days before the reference with events.
    pub history_days: u32,
    /// Days from the reference on with events.
    pub future_days: u32,
    /// Users in memory at a time. Changes neither content nor order.
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
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] for the first value out of range.
    pub fn validate(&self) -> Result<()> {
        let check = |holds: bool, field, expected, found: String| {
            if holds {
                Ok(())
            } else {
                Err(Error::Config {
                    field,
                    expected,
                    found,
                })
            }
        };
        check(
            self.users > 0,
            "users",
            "at least 1",
            self.users.to_string(),
        )?;
        let events = self.events_per_user;
        let plausible = (1.0..=100_000.0).contains(&events);
        check(
            plausible,
            "events_per_user",
            "1 to 100,000",
            events.to_string(),
        )?;
        let noise = (0.0..1.0).contains(&self.noise);
        check(
            noise,
            "noise",
            "at least 0 and below 1",
            self.noise.to_string(),
        )?;
        let hostile = (0.0..=1.0).contains(&self.hostile);
        check(hostile, "hostile", "0 to 1", self.hostile.to_string())?;
        for (field, days) in [
            ("history_days", self.history_days),
            ("future_days", self.future_days),
        ] {
            check(
                (1..=3650).contains(&days),
                field,
                "1 to 3650",
                days.to_string(),
            )?;
        }
        // Year 1 to 9999, which tasks.toml can name.
        let named = (-62_135_596_800..=253_402_300_799).contains(&self.reference.0);
        check(
            named,
            "reference",
            "a time of the years 1 to 9999",
            self.reference.0.to_string(),
        )?;
        check(
            self.chunk_users > 0,
            "chunk_users",
            "at least 1",
            "0".into(),
        )
    }
}
