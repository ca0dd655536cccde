//! Fitting of thresholds and popular values on the training users.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use instructue_schema::{ColumnRole, Schema, Timestamp};
use instructue_schema::{DistinctUsers, History, Shard, seed, user_key};

use crate::candidate_pool::PopularValue;
use crate::config::{UserQaConfig, split_of};
use crate::snapshot::{Future, Past, active_days, covers, event_sources, rank, sum};
use crate::split::{Split, unit};
use crate::thresholds::{Thresholds, field_name, quantity};
use crate::words::nameable;

/// The largest number of distinct values of a field. Beyond it, rare values are dropped while
/// counting.
const MAX_DISTINCT: usize = 200_000;

/// The counts during fitting. The order of shards does not change the result unless a field has
/// more than 200,000 distinct values.
#[derive(Debug)]
pub(crate) struct Fit<'a> {
    schema: &'a Schema,
    config: &'a UserQaConfig,
    data_end: Timestamp,
    /// The share of the training users that is used.
    share: f64,
    quantities: BTreeMap<String, Quantity>,
    hours: BTreeMap<usize, [DistinctUsers; 24]>,
    /// Per (source, field): the numbers of all profiles, and of those with a covered future.
    profiles: BTreeMap<(usize, usize), [u64; 2]>,
    values: BTreeMap<(usize, usize), HashMap<Arc<str>, Value>>,
}

/// The values of a quantity, and their users.
#[derive(Debug, Default)]
struct Quantity {
    values: Vec<f64>,
    users: DistinctUsers,
}

/// The profiles and users that have a value of a category field.
#[derive(Debug, Default)]
struct Value {
    /// The numbers of profiles that have it in the window, within the horizon, and in both.
    profiles: [u64; 3],
    /// The users that have it in the window or within the horizon.
    users: DistinctUsers,
}

/// The result of fitting.
#[derive(Debug, Clone)]
pub(crate) struct Fitted {
    pub thresholds: Thresholds,
    pub popular: BTreeMap<String, Vec<PopularValue>>,
}

impl<'a> Fit<'a> {
    pub fn new(
        schema: &'a Schema,
        config: &'a UserQaConfig,
        users: u64,
        data_end: Timestamp,
    ) -> Self {
        let training = users as f64 * (1.0 - config.test_share - config.validation_share);
        let share = (config.fit_users as f64 / training.max(1.0)).min(1.0);
        Self {
            schema,
            config,
            data_end,
            share,
            quantities: BTreeMap::new(),
            hours: BTreeMap::new(),
            profiles: BTreeMap::new(),
            values: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, shard: &Shard) {
        for history in shard.histories() {
            let user = history.user();
            if split_of(user, self.config.seed, self.config) != Split::Train {
                continue;
            }
            let place = seed::derive(self.config.seed, "userqa.fit", &[user_key(user)]);
            if self.share < 1.0 && unit(place) >= self.share {
                continue;
            }
            for &reference in &self.config.references {
                self.add_profile(history, reference);
            }
        }
    }

    fn add_profile(&mut self, history: History<'_>, reference: Timestamp) {
        let by = (user_key(history.user()), self.config.min_users);
        let unfitted = Thresholds::default();
        let past = Past::new(self.schema, &unfitted, history, reference);
        let covered = covers(reference, self.config.horizon_days, self.data_end);
        let future = Future::new(history, reference, self.config.horizon_days);
        for source in event_sources(self.schema) {
            let window = past.events(source);
            if window.is_empty() {
                continue;
            }
            let name = &self.schema.sources[source].name;
            let hours = self.hours.entry(source).or_default();
            for time in window.times() {
                hours[time.hour() as usize].add(by.0, by.1);
            }
            let next = future.events(source);
            let mut quantities = vec![
                (quantity("past.events", name, None), window.len() as f64),
                (
                    quantity("past.days", name, None),
                    active_days(&window).len() as f64,
                ),
            ];
            if covered && !next.is_empty() {
                quantities.push((quantity("next.events", name, None), next.len() as f64));
            }
            for (index, field) in self.schema.sources[source].fields().iter().enumerate() {
                let label = Some(field.name.as_str());
                match field.role {
                    ColumnRole::Number => {
                        let (total, events) = sum(&window, index);
                        if events > 0 {
                            let mean = total / f64::from(events);
                            quantities.push((quantity("past.sum", name, label), total));
                            quantities.push((quantity("past.mean", name, label), mean));
                        }
                        let (total, events) = sum(&next, index);
                        if covered && events > 0 {
                            quantities.push((quantity("next.sum", name, label), total));
                        }
                    }
                    ColumnRole::Category => {
                        let had = rank(&window, index);
                        if !had.is_empty() {
                            let distinct = had.len() as f64;
                            quantities.push((quantity("past.distinct", name, label), distinct));
                        }
                        let profiles = self.profiles.entry((source, index)).or_default();
                        let values = self.values.entry((source, index)).or_default();
                        profiles[0] += 1;
                        count(values, had.iter().map(|(value, _)| *value), 0, by);
                        if covered {
                            profiles[1] += 1;
                            let soon = rank(&next, index);
                            count(values, soon.iter().map(|(value, _)| *value), 1, by);
                            let known: HashSet<&str> =
                                had.iter().map(|(value, _)| &***value).collect();
                            let both = soon.iter().map(|(value, _)| *value);
                            count(
                                values,
                                both.filter(|value| known.contains(&***value)),
                                2,
                                by,
                            );
                        }
                        thin_out(values);
                    }
                    _ => {}
                }
            }
            for (quantity, value) in quantities {
                let quantity = self.quantities.entry(quantity).or_default();
                quantity.values.push(value);
                quantity.users.add(by.0, by.1);
            }
        }
    }

    /// The fitted values; `None` when no training profile had any event.
    pub fn finish(self) -> Option<Fitted> {
        if self.quantities.is_empty() {
            return None;
        }
        let mut thresholds = Thresholds::default();
        for (name, quantity) in self.quantities {
            if quantity.users.enough() {
                thresholds.set(name, quantity.values);
            }
        }
        for (source, hours) in self.hours {
            let name = self.schema.sources[source].name.clone();
            // If times are dates, there is one hour, or a few where time zones were shifted.
            let hours = hours.iter().filter(|users| users.enough()).count();
            thresholds.clock.insert(name, hours >= 4);
        }
        let mut popular = BTreeMap::new();
        for ((source, field), values) in self.values {
            let profiles = self
                .profiles
                .get(&(source, field))
                .copied()
                .unwrap_or_default();
            let share = |n: u64, of: u64| if of == 0 { 0.0 } else { n as f64 / of as f64 };
            let declared = &self.schema.sources[source];
            let name = field_name(&declared.name, &declared.fields()[field].name);
            let common = || values.iter().filter(|(_, value)| value.users.enough());
            let mut most: Vec<PopularValue> = common()
                .filter(|(value, _)| nameable(value))
                .map(|(value, of)| PopularValue {
                    value: value.to_string(),
                    past: share(of.profiles[0], profiles[0]),
                    next: share(of.profiles[1], profiles[1]),
                    both: share(of.profiles[2], profiles[1]),
                })
                .collect();
            most.sort_by(|a, b| {
                b.past
                    .total_cmp(&a.past)
                    .then_with(|| a.value.cmp(&b.value))
            });
            most.truncate(self.config.pool_size);
            popular.insert(name.clone(), most);
            let common = common().map(|(value, _)| value.to_string()).collect();
            thresholds.common.insert(name, common);
        }
        Some(Fitted {
            thresholds,
            popular,
        })
    }
}

/// Counts the values in `there`. `by` is the user, and the number of users that are enough.
fn count<'a>(
    values: &mut HashMap<Arc<str>, Value>,
    there: impl Iterator<Item = &'a Arc<str>>,
    when: usize,
    (user, min_users): (u64, usize),
) {
    for value in there {
        if !values.contains_key(value) {
            values.insert(value.clone(), Value::default());
        }
        if let Some(known) = values.get_mut(value) {
            known.profiles[when] += 1;
            known.users.add(user, min_users);
        }
    }
}

/// Drops rare values of a field with very many values, to bound the memory. None of them would be
/// among the popular ones. A dropped value may later count as rarer than it is.
fn thin_out(values: &mut HashMap<Arc<str>, Value>) {
    let mut rare = 1;
    while values.len() > MAX_DISTINCT {
        values.retain(|_, value| value.profiles[0] > rare);
        rare *= 2;
    }
}
