//! Aggregates: counts, sums and shares of a source's events per window. They are features of a
//! tabular source.

use std::collections::HashMap;
use std::sync::Arc;

use instructue_schema::{Aggregate, SECONDS_PER_DAY, Schema, Timestamp};

use crate::fields::{number_fields, signed_log1p, sum};
use instructue_schema::{Events, History};
use instructue_schema::{UserCounts, user_key};

/// The group of a value that is not one of the top values.
const NO_GROUP: u32 = u32::MAX;

/// The number of different days (UTC) among ascending times.
pub(crate) fn active_days(times: &[Timestamp]) -> usize {
    let mut days = 0;
    let mut last = None;
    for time in times {
        let day = time.0.div_euclid(SECONDS_PER_DAY);
        if last != Some(day) {
            days += 1;
            last = Some(day);
        }
    }
    days
}

/// The number of users that have each value of the grouping columns of an aggregate.
#[derive(Debug, Clone)]
pub(crate) struct GroupFit {
    source: usize,
    window: i64,
    top: usize,
    /// For each grouping column, its field and the users of each value.
    columns: Vec<(usize, UserCounts<Arc<str>>)>,
}

impl GroupFit {
    /// Counts users for `aggregate`. Values that at least `min_users` users have can become
    /// groups.
    pub(crate) fn new(schema: &Schema, aggregate: &Aggregate, min_users: usize) -> Self {
        let plan = AggregatePlan::new(schema, aggregate, &[]);
        Self {
            source: plan.source,
            window: plan.longest(),
            top: aggregate.top_groups,
            columns: plan
                .group_fields
                .into_iter()
                .map(|field| (field, UserCounts::new(min_users)))
                .collect(),
        }
    }

    pub(crate) fn add(&mut self, history: &History<'_>, reference: Timestamp) {
        let from = reference.plus_days(-self.window);
        let events = history.events(self.source).between(from, reference);
        let user = user_key(history.user());
        for (field, users) in &mut self.columns {
            let Some(dictionary) = events.dictionary(*field) else {
                continue;
            };
            let mut codes: Vec<u32> = (0..events.len())
                .filter_map(|i| events.code(i, *field))
                .collect();
            codes.sort_unstable();
            codes.dedup();
            for code in codes {
                users.add(user, &dictionary[code as usize]);
            }
        }
    }

    /// For each grouping column, the values that most users have.
    pub(crate) fn finish(self) -> Vec<Vec<String>> {
        self.columns
            .into_iter()
            .map(|(_, users)| most_frequent_names(users.common(), self.top))
            .collect()
    }
}

/// The `top` values with the largest counts. Equal counts are ordered by the value.
pub(crate) fn most_frequent<V: Ord>(counts: HashMap<V, u64>, top: usize) -> Vec<(V, u64)> {
    let mut values: Vec<_> = counts.into_iter().collect();
    values.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    values.truncate(top);
    values
}

/// Like [`most_frequent`], with names as values.
pub(crate) fn most_frequent_names(counts: HashMap<Arc<str>, u64>, top: usize) -> Vec<String> {
    let values = most_frequent(counts, top).into_iter();
    values.map(|(value, _)| value.to_string()).collect()
}

/// A declared aggregate whose names are resolved.
#[derive(Debug, Clone)]
pub(crate) struct AggregatePlan {
    /// The source whose events are aggregated.
    pub(crate) source: usize,
    /// The windows in days, ascending; at least one.
    windows: Vec<i64>,
    numbers: Vec<usize>,
    group_fields: Vec<usize>,
    /// For each grouping column, the group of each value.
    groups: Vec<HashMap<String, u32>>,
}

impl AggregatePlan {
    /// `groups` holds the values of each grouping column.
    pub(crate) fn new(schema: &Schema, aggregate: &Aggregate, groups: &[Vec<String>]) -> Self {
        let (source, declared) = match schema.source(&aggregate.source) {
            Some(found) => found,
            // A validated schema has the source. Without it there is nothing to aggregate.
            None => (0, &schema.sources[0]),
        };
        let mut windows: Vec<i64> = aggregate
            .windows_days
            .iter()
            .map(|&d| i64::from(d))
            .collect();
        windows.sort_unstable();
        windows.dedup();
        if windows.is_empty() {
            windows.push(i64::from(declared.window_days));
        }
        let fields = declared.fields();
        let position = |name: &String| fields.iter().position(|field| field.name == *name);
        let numbered = |values: &Vec<String>| values.iter().cloned().zip(0..).collect();
        Self {
            source,
            windows,
            numbers: number_fields(declared),
            group_fields: aggregate.group_by.iter().filter_map(position).collect(),
            groups: groups.iter().map(numbered).collect(),
        }
    }

    fn longest(&self) -> i64 {
        self.windows.last().copied().unwrap_or_default()
    }

    /// The names of the features of [`AggregatePlan::compute`], in order.
    pub(crate) fn names(&self, schema: &Schema, groups: &[Vec<String>]) -> Vec<String> {
        let source = &schema.sources[self.source];
        let fields = source.fields();
        let mut names = Vec::new();
        let mut push = |what: String| names.push(format!("{}.{what}", source.name));
        push("recency".into());
        for days in &self.windows {
            push(format!("count.{days}d"));
            push(format!("active_days.{days}d"));
            for &field in &self.numbers {
                push(format!("{}.sum.{days}d", fields[field].name));
            }
        }
        if let [short, long, ..] = self.windows[..] {
            push(format!("change.{short}d.{long}d"));
        }
        for (&field, values) in self.group_fields.iter().zip(groups) {
            for value in values {
                let group = format!("{}={value}", fields[field].name);
                push(format!("{group}.share"));
                push(format!("{group}.count"));
                push(format!("{group}.recency"));
            }
        }
        names
    }

    /// For each grouping column, the group of each code of a shard.
    pub(crate) fn group_codes(&self, history: &History<'_>) -> Vec<Vec<u32>> {
        let events = history.events(self.source);
        let columns = self
            .group_fields
            .iter()
            .zip(&self.groups)
            .map(|(&field, groups)| {
                let values = events
                    .dictionary(field)
                    .into_iter()
                    .flat_map(|values| values.iter());
                values
                    .map(|value| groups.get(&**value).copied().unwrap_or(NO_GROUP))
                    .collect()
            });
        columns.collect()
    }

    /// Appends the features of a user. `codes` are the shard's [`AggregatePlan::group_codes`].
    pub(crate) fn compute(
        &self,
        history: &History<'_>,
        reference: Timestamp,
        codes: &[Vec<u32>],
        numbers: &mut Vec<f32>,
    ) {
        let events = history.events(self.source).before(reference);
        let last = events.times().last();
        numbers.push(last.map_or(f32::NAN, |&time| reference.days_since(time).ln_1p() as f32));
        for &days in &self.windows {
            let window = events.between(reference.plus_days(-days), reference);
            numbers.push((window.len() as f32).ln_1p());
            numbers.push((active_days(window.times()) as f32).ln_1p());
            for &field in &self.numbers {
                numbers.push(signed_log1p(sum(&window, field).0) as f32);
            }
        }
        let count = |days: i64| events.between(reference.plus_days(-days), reference).len() as f64;
        if let [short, long, ..] = self.windows[..] {
            // The feature is 0 when the rate is the same in both windows, and when there is no
            // event.
            let share = short as f64 / long as f64;
            numbers.push(((count(short) + share) / (share * (count(long) + 1.0))).ln() as f32);
        }
        let window = events.between(reference.plus_days(-self.longest()), reference);
        let columns = self.group_fields.iter().zip(&self.groups).zip(codes);
        for ((&field, groups), group_of) in columns {
            push_groups(&window, reference, field, group_of, groups.len(), numbers);
        }
    }
}

/// Appends three features per group: the share of the events, the log of their number and the
/// closeness of the last one.
fn push_groups(
    events: &Events<'_>,
    reference: Timestamp,
    field: usize,
    group_of: &[u32],
    groups: usize,
    numbers: &mut Vec<f32>,
) {
    let mut found = vec![(0_u32, reference); groups];
    for i in 0..events.len() {
        let group = events
            .code(i, field)
            .and_then(|code| group_of.get(code as usize));
        if let Some((count, last)) = group.and_then(|&group| found.get_mut(group as usize)) {
            *count += 1;
            *last = events.time(i);
        }
    }
    let total = events.len().max(1) as f32;
    for (count, last) in found {
        let closeness = if count == 0 {
            0.0
        } else {
            1.0 / (1.0 + reference.days_since(last))
        };
        numbers.extend([
            count as f32 / total,
            (count as f32).ln_1p(),
            closeness as f32,
        ]);
    }
}
