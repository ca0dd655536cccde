//! Event replacement: some events of a training profile become events of other users.
//!
//! Questions and answers stay the user's own, so vectors learn to rely on what a history says
//! more than once.

use instructue_schema::{Schema, SourceKind, Timestamp};
use instructue_schema::{Shard, seed};
use rand::Rng;

use crate::config::TrainConfig;

/// The rules of event replacement: which profiles are changed, and how much.
#[derive(Debug)]
pub(crate) struct EventReplacement {
    seed: u64,
    /// The largest share of a profile's events.
    share: f64,
    /// The positions of the events sources in the schema.
    sources: Vec<usize>,
}

impl EventReplacement {
    /// The rules for `config`; `None` if no profile is changed.
    pub fn new(config: &TrainConfig, schema: &Schema) -> Option<Self> {
        let sources = schema.sources.iter().enumerate();
        let events = sources.filter(|(_, source)| source.kind == SourceKind::Events);
        (config.batch.event_replacement > 0.0).then(|| Self {
            seed: config.seed,
            share: config.batch.event_replacement,
            sources: events.map(|(place, _)| place).collect(),
        })
    }

    /// A shard that holds only `user`. Some of the user's events have the content, though not the
    /// time, of events of `others` before `reference`. The result is `None` for half of all
    /// users. The choice follows from the seed and `parts`.
    pub fn mixed(
        &self,
        shard: &Shard,
        (user, reference): (usize, Timestamp),
        others: &[usize],
        parts: &[u64],
    ) -> Option<Shard> {
        // The purpose keeps its first name: another one would draw other events.
        let mut rng = seed::rng(self.seed, "foreign events", parts);
        if rng.random_bool(0.5) {
            return None;
        }
        let share = rng.random_range(0.0..=self.share);
        Some(shard.with_rows_of_others(user, |source| {
            if !self.sources.contains(&source) || !rng.random_bool(share) {
                return None;
            }
            let other = others[rng.random_range(0..others.len())];
            let known = shard.history(other).events(source).before(reference);
            let first = shard.sources[source].offsets[other];
            (!known.is_empty()).then(|| first + rng.random_range(0..known.len()))
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use instructue_schema::UserId;
    use instructue_schema::{ColumnData, SourceTable};

    use super::*;
    use crate::config::BatchConfig;

    const SCHEMA: &str = r#"
        name = "test"
        [[source]]
        name = "bill"
        kind = "events"
        description = "purchases"
        column = [
            { name = "user", type = "text", role = "user" },
            { name = "time", type = "timestamp", role = "time" },
            { name = "product", type = "text", role = "category" },
            { name = "amount", type = "float", role = "number" },
        ]
        [[source]]
        name = "form"
        kind = "tabular"
        description = "profile"
        column = [
            { name = "user", type = "text", role = "user" },
            { name = "age", type = "int", role = "number" },
        ]
    "#;

    /// Three users with four events each at the times 10, 20, 30, 40. The product identifies the
    /// user, the amount the event.
    fn shard() -> Shard {
        let rows = 0..12;
        let product = ColumnData::Text {
            codes: rows.clone().map(|row| row / 4).collect(),
            dictionary: Arc::new(["a", "b", "c"].map(Arc::from).to_vec()),
        };
        let amounts = rows.clone().map(f64::from);
        Shard {
            users: ["a", "b", "c"]
                .map(|user| UserId::new(user).unwrap())
                .to_vec(),
            sources: vec![
                SourceTable {
                    offsets: vec![0, 4, 8, 12],
                    times: rows
                        .map(|row| Timestamp(10 * i64::from(row % 4 + 1)))
                        .collect(),
                    columns: vec![product, ColumnData::Number(amounts.collect())],
                },
                SourceTable {
                    offsets: vec![0, 1, 2, 3],
                    times: vec![Timestamp(0); 3],
                    columns: vec![ColumnData::Number(vec![30.0, 40.0, 50.0])],
                },
            ],
        }
    }

    fn foreign(share: f64) -> Option<EventReplacement> {
        let config = TrainConfig {
            batch: BatchConfig {
                event_replacement: share,
                ..BatchConfig::default()
            },
            ..TrainConfig::default()
        };
        EventReplacement::new(&config, &Schema::from_toml(SCHEMA).unwrap())
    }

    #[test]
    fn events_become_earlier_ones_of_others_and_times_stay() {
        let (shard, foreign) = (shard(), foreign(1.0).unwrap());
        let (mut changed, mut own, mut others) = (0, 0, 0);
        for draw in 0..400 {
            // User 0 gets events of users 1 and 2, from before 25.
            let at = (0, Timestamp(25));
            let Some(mixed) = foreign.mixed(&shard, at, &[1, 2], &[draw]) else {
                continue;
            };
            changed += 1;
            let again = foreign.mixed(&shard, at, &[1, 2], &[draw]);
            assert_eq!(again.as_ref(), Some(&mixed));
            assert_eq!(mixed.users, shard.users[..1]);
            let (before, after) = (shard.history(0), mixed.history(0));
            assert_eq!(after.events(0).times(), before.events(0).times());
            assert_eq!(after.events(1).number(0, 0), Some(30.0));
            for event in 0..4 {
                let events = after.events(0);
                let amount = events.number(event, 1).unwrap();
                match events.text(event, 0).unwrap().as_ref() {
                    "a" => {
                        own += 1;
                        assert_eq!(amount, event as f64);
                    }
                    "b" => {
                        others += 1;
                        assert!([4.0, 5.0].contains(&amount), "{amount}");
                    }
                    _ => {
                        others += 1;
                        assert!([8.0, 9.0].contains(&amount), "{amount}");
                    }
                }
            }
        }
        assert!((150..250).contains(&changed), "{changed} of 400 changed");
        let share = f64::from(others) / f64::from(own + others);
        assert!((0.4..0.6).contains(&share), "{share} of their events");
    }

    #[test]
    fn nothing_changes_where_others_have_nothing_yet_or_none_is_wanted() {
        let (shard, foreign_all) = (shard(), foreign(1.0).unwrap());
        let at = (0, Timestamp(10));
        let mixed = (0..20).find_map(|draw| foreign_all.mixed(&shard, at, &[1, 2], &[draw]));
        let mixed = mixed.unwrap();
        let amounts = |shard: &Shard| {
            let events = shard.history(0).events(0);
            (0..4)
                .map(|event| events.number(event, 1))
                .collect::<Vec<_>>()
        };
        assert_eq!(amounts(&mixed), amounts(&shard));
        assert!(foreign(0.0).is_none());
    }
}
