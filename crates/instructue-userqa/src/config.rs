//! The configuration of UserQA, and the split of users.

use std::collections::BTreeSet;

use instructue_schema::limits::{self, numbers};
use instructue_schema::{Timestamp, UserId, shown};
use instructue_schema::{seed, user_key};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::rules;
use crate::split::{Split, unit};

/// The default of [`UserQaConfig::min_users`].
pub const DEFAULT_MIN_USERS: usize = 10;

/// The configuration of UserQA.
///
/// A triple is a pure function of (seed, user, reference time, family), of these values and of
/// what was fitted on the training users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserQaConfig {
    /// The seed of every random choice.
    #[serde(skip)]
    pub seed: u64,
    /// The reference times. A profile ends there, and the future starts there.
    #[serde(skip)]
    pub references: Vec<Timestamp>,
    /// The days after the reference time that future families ask about. Families about a quarter
    /// ask about three times as many.
    pub horizon_days: i64,
    /// The families that are held out of training as a whole; default: [`default_held_out`].
    pub held_out_families: Vec<String>,
    /// The share of users for testing.
    pub test_share: f64,
    /// The position of the first test user among all users, as a share. With `k / n` here and a
    /// `test_share` of `1 / n`, the values of k give n folds that share no test user and leave
    /// none out.
    pub test_from: f64,
    /// The share of users for validation.
    pub validation_share: f64,
    /// The number of triples of trained families per user and reference time.
    pub triples_per_user: usize,
    /// The largest number of triples of one family per user and reference time, if its question
    /// names a value of the data. Each then names another value.
    pub values_per_family: usize,
    /// The number of triples of held-out families per user and reference time, for users outside
    /// the training split only.
    pub held_out_triples: usize,
    /// The share of triples that ask about the future.
    pub future_share: f64,
    /// Whether the value X of a future question is chosen so that about half of the answers are
    /// yes. The text of an instruction then depends on the future through X (see [the crate's
    /// documentation](crate#leakage)).
    pub balance_future: bool,
    /// The approximate largest number of training users that thresholds and popular values are
    /// fitted on. They are sampled by a hash of the id.
    pub fit_users: u64,
    /// The number of popular values per category field that questions may be about.
    pub pool_size: usize,
    /// The number of training users who must have a value of the data for questions and answers
    /// to name it, and on whom a threshold must be fitted; 1 keeps all values.
    #[serde(skip)]
    pub min_users: usize,
    /// The end of the data; default: the store's last event. Future questions are built only
    /// where their horizon ends before it.
    #[serde(skip)]
    pub data_end: Option<Timestamp>,
}

/// The values of a [`UserQaConfig`] that a run decides; they are no keys of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunValues {
    /// [`UserQaConfig::seed`].
    pub seed: u64,
    /// [`UserQaConfig::references`].
    pub references: Vec<Timestamp>,
    /// [`UserQaConfig::min_users`].
    pub min_users: usize,
    /// [`UserQaConfig::data_end`].
    pub data_end: Option<Timestamp>,
}

impl Default for UserQaConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            references: Vec::new(),
            horizon_days: 30,
            held_out_families: default_held_out(),
            test_share: 0.3,
            test_from: 0.0,
            validation_share: 0.1,
            triples_per_user: 32,
            values_per_family: 3,
            held_out_triples: 2,
            future_share: 0.5,
            balance_future: true,
            fit_users: 50_000,
            pool_size: 200,
            min_users: DEFAULT_MIN_USERS,
            data_end: None,
        }
    }
}

impl UserQaConfig {
    /// The values that the run decides.
    pub fn run_values(&self) -> RunValues {
        RunValues {
            seed: self.seed,
            references: self.references.clone(),
            min_users: self.min_users,
            data_end: self.data_end,
        }
    }

    /// The configuration with the values of a run.
    pub fn with_run_values(self, run: RunValues) -> Self {
        Self {
            seed: run.seed,
            references: run.references,
            min_users: run.min_users,
            data_end: run.data_end,
            ..self
        }
    }

    /// Checks every value, each number against its [range](numbers).
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::UnknownFamily`] for the first offending value.
    pub fn validate(&self) -> Result<()> {
        let times = self.references.iter().chain(&self.data_end);
        limits::check(times.map(|time| ("references and data_end", numbers::TIME.of(time.0))))?;
        limits::check([
            ("seed", numbers::SEED.of(self.seed)),
            ("references", numbers::REFERENCES.of(self.references.len())),
            ("horizon_days", numbers::HORIZON_DAYS.of(self.horizon_days)),
            ("test_share", numbers::SHARE_BELOW_ONE.of(self.test_share)),
            ("test_from", numbers::SHARE_BELOW_ONE.of(self.test_from)),
            (
                "validation_share",
                numbers::SHARE_BELOW_ONE.of(self.validation_share),
            ),
            (
                "test_share + validation_share",
                numbers::SHARE_BELOW_ONE.of(self.test_share + self.validation_share),
            ),
            (
                "triples_per_user",
                numbers::TRIPLES.of(self.triples_per_user),
            ),
            (
                "values_per_family",
                numbers::TRIPLES.of(self.values_per_family),
            ),
            (
                "held_out_triples",
                numbers::HELD_OUT_TRIPLES.of(self.held_out_triples),
            ),
            ("future_share", numbers::SHARE.of(self.future_share)),
            ("fit_users", numbers::FIT_USERS.of(self.fit_users)),
            ("min_users", numbers::MIN_USERS.of(self.min_users)),
            ("pool_size", numbers::CANDIDATE_POOL.of(self.pool_size)),
        ])?;
        let triples = self.triples_per_user + self.held_out_triples;
        limits::product(
            "references × (triples_per_user + held_out_triples)",
            &[self.references.len() as u64, triples as u64],
            &numbers::TRIPLES_PER_USER,
        )?;
        let distinct: BTreeSet<_> = self.references.iter().collect();
        if distinct.len() != self.references.len() {
            return Err(Error::Config {
                field: "references".into(),
                expected: "distinct times".into(),
                found: "a list with a repeated time".into(),
            });
        }
        let known: Vec<_> = rules::all().map(|rule| rule.name).collect();
        limits::check([(
            "held_out_families",
            numbers::FAMILIES.of(self.held_out_families.len()),
        )])?;
        for name in &self.held_out_families {
            if rules::rule(name).is_none() {
                return Err(Error::UnknownFamily {
                    name: shown(name),
                    known: known.join(", "),
                });
            }
        }
        Ok(())
    }

    pub(crate) fn is_held_out(&self, family: &str) -> bool {
        self.held_out_families.iter().any(|name| name == family)
    }
}

/// The families that are held out by default: three of the past, three of the future.
pub fn default_held_out() -> Vec<String> {
    [
        "weekend_share",
        "last_time_value",
        "preference_between",
        "first_return",
        "busiest_weekday_next",
        "total_value_next",
    ]
    .map(String::from)
    .to_vec()
}

/// The split of `user`. It follows from a hash of the id and the seed, so it is the same in every
/// file that is built with this seed and these shares.
pub fn split_of(user: &UserId, seed: u64, config: &UserQaConfig) -> Split {
    let place = unit(seed::derive(seed, "userqa.split", &[user_key(user)]));
    let place = (place - config.test_from).rem_euclid(1.0);
    if place < config.test_share {
        Split::Test
    } else if place < config.test_share + config.validation_share {
        Split::Validation
    } else {
        Split::Train
    }
}

#[cfg(test)]
mod tests {
    use instructue_schema::limits::trials::try_numbers;

    use super::*;

    #[test]
    fn every_number_is_bounded() {
        let config = UserQaConfig {
            references: vec![Timestamp(0), Timestamp(86_400)],
            data_end: Some(Timestamp(172_800)),
            ..UserQaConfig::default()
        };
        // What the run decides is no key.
        let tried = try_numbers(&config, |tried| {
            let config = &tried.clone().with_run_values(config.run_values());
            config.validate().map_err(|error| error.to_string())?;
            for time in &config.references {
                let end = time.0.checked_add(3 * config.horizon_days * 86_400);
                assert!(end.is_some(), "{config:?}");
            }
            let user = UserId::new("u").unwrap();
            split_of(&user, config.seed, config);
            Ok(())
        });
        assert!(tried.unwrap() > 100);
        let tried = try_numbers(&config.run_values(), |run| {
            let config = config.clone().with_run_values(run.clone());
            config.validate().map_err(|error| error.to_string())
        });
        assert!(tried.unwrap() > 10);
        config.validate().unwrap();
    }

    #[test]
    fn what_numbers_come_to_is_bounded() {
        let config = UserQaConfig {
            references: (0..1000).map(Timestamp).collect(),
            triples_per_user: 10_000,
            ..UserQaConfig::default()
        };
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains("triples_per_user"), "{message}");
        let config = UserQaConfig {
            references: vec![Timestamp(0)],
            test_share: 0.7,
            validation_share: 0.4,
            ..UserQaConfig::default()
        };
        let message = config.validate().unwrap_err().to_string();
        assert!(
            message.contains("test_share + validation_share"),
            "{message}"
        );
    }
}
