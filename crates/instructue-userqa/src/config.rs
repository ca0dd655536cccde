//! Configuration and the split by user.

use std::collections::BTreeSet;

use instructue_schema::limits::{self, numbers};
use instructue_schema::{Timestamp, UserId, shown};
use instructue_schema::{seed, user_key};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::rules;

/// [`UserQaConfig::min_users`] by default.
pub const DEFAULT_MIN_USERS: usize = 10;

/// How triples are built.
///
/// Everything follows from these values and the histories: a triple is a pure
/// function of (seed, user, reference, family) and of what was fitted on the
/// training users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserQaConfig {
    /// Seed of every random choice.
    pub seed: u64,
    /// The cut-offs: a profile ends there, the future starts there.
    pub references: Vec<Timestamp>,
    /// Days after the cut-off that future families look at. Families about a
    /// quarter look at three times as many.
    pub horizon_days: i64,
    /// Families kept from training, whole. Default: [`default_held_out`].
    pub held_out_families: Vec<String>,
    /// Share of users for testing.
    pub test_share: f64,
    /// Where the test users begin among all, as a share: with `k / n` here and a
    /// `test_share` of `1 / n`, the values of k give n folds that share no test
    /// user and leave none out.
    pub test_from: f64,
    /// Share of users for validation.
    pub validation_share: f64,
    /// Triples of trained families per user and reference.
    pub triples_per_user: usize,
    /// Triples of one family per user and reference at most, where its question
    /// names a value of the data: each then names another.
    pub values_per_family: usize,
    /// Triples of held-out families per user and reference; only for users
    /// outside the training split.
    pub held_out_triples: usize,
    /// Share of the triples that ask about the future.
    pub future_share: f64,
    /// Whether the value X of a future question is picked so that about half
    /// of the answers are yes. Then the text of an instruction depends on the
    /// future through X (see [the crate's documentation](crate#leakage)).
    pub balance_future: bool,
    /// At most about so many training users are looked at to fit thresholds
    /// and popular values; they are sampled by a hash of the id.
    pub fit_users: u64,
    /// How many popular values per category field questions may be about.
    pub pool_size: usize,
    /// A value of the data stands in questions and answers only if at least so many
    /// training users have it, and a threshold is fitted only to so many; 1 keeps all.
    pub min_users: usize,
    /// Where the data ends; default: the store's last event. Future families
    /// are built only where their horizon lies before it.
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
            triples_per_user: 8,
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
            ("pool_size", numbers::POOL.of(self.pool_size)),
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

/// The families held out by default: three of the past, three of the future.
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

/// Which part of the data a user belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For training; thresholds and popular values are fitted on these users.
    Train,
    /// For choices such as when to stop.
    Validation,
    /// For reporting.
    Test,
}

impl Split {
    /// The name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Train, Self::Validation, Self::Test]
            .into_iter()
            .find(|split| split.name() == name)
    }
}

/// The split of `user`: a hash of the id and the seed, so the same in every
/// file built with this seed and these shares.
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

/// Maps a hash to [0, 1).
pub(crate) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
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
        let tried = try_numbers(&config, |config| {
            config.validate().map_err(|error| error.to_string())?;
            for time in &config.references {
                let end = time.0.checked_add(3 * config.horizon_days * 86_400);
                assert!(end.is_some(), "{config:?}");
            }
            let user = UserId::new("u").unwrap();
            split_of(&user, config.seed, &config);
            Ok(())
        });
        assert!(tried.unwrap() > 100);
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
