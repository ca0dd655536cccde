//! Who is asked what in a suite, and which users are tested in which fold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use instructue_eval::{TaskSet, UserRef, label_all};
use instructue_schema::limits::{self, numbers};
use instructue_schema::{ColumnData, History, seed};
use instructue_schema::{Timestamp, UserId, paths};
use instructue_store::UserStore;
use instructue_userqa::{Split, split_of};

use crate::error::{Error, Result};
use crate::labels::read_labels;
use crate::prepare::{Ingested, Stage, ingest, references, userqa_config};
use crate::run::check_tasks;
use crate::suite::declare::{Recommendation, Suite};
use crate::suite::paths::Paths;

/// Labelled users of a class at least, in all folds, or the task is left out.
const MIN_PER_CLASS: usize = 25;
/// Of these at least so many must be there to train on in each fold, and one to test.
const MIN_IN_TRAINING: usize = 10;
/// Where positives are rarer than this, few-shot labels are drawn so that they are not.
const FEW_SHOT_POSITIVES: f64 = 0.2;

/// What every method of a suite is measured on.
pub(crate) struct Plan {
    pub data: PathBuf,
    pub ingested: Ingested,
    pub tasks: TaskSet,
    /// The population, in the order of the store.
    pub users: Vec<UserId>,
    pub refs: Vec<UserRef>,
    /// Per task and user.
    pub labels: Vec<Vec<Option<bool>>>,
    /// Why a task is left out.
    pub skipped: Vec<Option<String>>,
    /// Per fold and user.
    pub splits: Vec<Vec<Split>>,
    pub recommendations: Vec<NextItems>,
}

/// Items that users took next.
pub(crate) struct NextItems {
    pub declared: Recommendation,
    /// All that can be recommended, sorted.
    pub items: Vec<String>,
    /// Per user: places in `items` of what came next; empty where nothing is known.
    pub next: Vec<Vec<usize>>,
    /// Per user: places in `items` of what the profile holds.
    pub seen: Vec<Vec<usize>>,
}

impl Plan {
    /// Reads the data of a suite and labels its users.
    pub fn new(suite: &Suite, paths: &Paths, watch: &mut dyn FnMut(Stage)) -> Result<Self> {
        let data = suite.data_dir();
        let ingested = ingest(&data, &paths.store(), watch)?;
        let tasks = ingested.tasks.clone().unwrap_or(TaskSet {
            reference: ingested.end,
            active_days: None,
            active_source: None,
            tasks: Vec::new(),
        });
        let names: Vec<&str> = tasks.tasks.iter().map(|task| task.name.as_str()).collect();
        suite.check_against(ingested.store.schema(), &names)?;
        let min_users = suite.config()?.privacy.min_users;
        check_tasks(&ingested, &data, min_users, watch)?;
        let store = &ingested.store;
        let (mut users, mut refs) = (Vec::new(), Vec::new());
        for shard in 0..store.shards() {
            for (index, user) in store.shard(shard)?.users.iter().enumerate() {
                users.push(user.clone());
                refs.push(UserRef { shard, index });
            }
        }
        limits::product(
            "resamples × users",
            &[suite.resamples as u64, users.len() as u64],
            &numbers::RESAMPLED_USERS,
        )?;
        let labels = label_all(&tasks, store, &refs, &data)?;
        let config = suite.config()?;
        let splits: Vec<Vec<Split>> = (0..suite.folds_run())
            .map(|fold| {
                let config = suite.in_fold(&config, fold);
                let qa = userqa_config(&config, &references(&config, &ingested), ingested.end);
                let split = |user| split_of(user, qa.seed, &qa);
                users.iter().map(split).collect()
            })
            .collect();
        let skipped = labels.iter().map(|labels| too_few(labels, &splits));
        let skipped = skipped.collect();
        let recommendations = suite
            .recommendations
            .iter()
            .map(|one| {
                let found = NextItems::new(one, store, &users, &refs, tasks.reference, &data)?;
                found.check(&splits)?;
                Ok(found)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            data,
            ingested,
            tasks,
            users,
            refs,
            labels,
            skipped,
            splits,
            recommendations,
        })
    }

    /// The tasks that are measured.
    pub fn measured(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.skipped.len()).filter(|&task| self.skipped[task].is_none())
    }

    /// Places of the users of one side of a fold.
    pub fn side(&self, fold: usize, test: bool) -> Vec<usize> {
        let splits = &self.splits[fold];
        let wanted = |&user: &usize| (splits[user] == Split::Test) == test;
        (0..self.users.len()).filter(wanted).collect()
    }

    /// Users with a label of `task` among `users`, and the labels.
    pub fn labelled(&self, task: usize, users: &[usize]) -> (Vec<usize>, Vec<bool>) {
        let labels = &self.labels[task];
        let known = users.iter().filter_map(|&user| Some((user, labels[user]?)));
        known.unzip()
    }

    /// The users that `size` labels are known of in a fold, drawn by the seed;
    /// `None` where there are not so many. A rare class is a fifth of them.
    pub fn few_shot(
        &self,
        suite: &Suite,
        task: usize,
        fold: usize,
        size: usize,
    ) -> Option<Vec<usize>> {
        let (users, labels) = self.labelled(task, &self.side(fold, false));
        if users.len() < size {
            return None;
        }
        let place = [task as u64, fold as u64, size as u64];
        let mut rng = seed::rng(suite.seed, "few-shot users", &place);
        let mut order: Vec<usize> = (0..users.len()).collect();
        seed::shuffle(&mut order, &mut rng);
        let share = labels.iter().filter(|&&label| label).count() as f64 / labels.len() as f64;
        let share = share.clamp(FEW_SHOT_POSITIVES, 1.0 - FEW_SHOT_POSITIVES);
        let positives = (share * size as f64).round() as usize;
        let of = |class: bool, count: usize| {
            let rows = order.iter().copied().filter(|&row| labels[row] == class);
            let rows: Vec<usize> = rows.take(count).collect();
            (rows.len() == count).then_some(rows)
        };
        let mut rows = of(true, positives)?;
        rows.extend(of(false, size - positives)?);
        Some(rows.into_iter().map(|row| users[row]).collect())
    }

    /// The times at which profiles end.
    pub fn references(&self) -> Vec<Timestamp> {
        let times = self
            .tasks
            .tasks
            .iter()
            .map(|task| self.tasks.reference_of(task));
        let times: BTreeSet<Timestamp> = times.collect();
        times.into_iter().collect()
    }
}

/// Why a task cannot be measured.
fn too_few(labels: &[Option<bool>], splits: &[Vec<Split>]) -> Option<String> {
    let count = |class: bool, among: &dyn Fn(usize) -> bool| {
        let all = labels.iter().enumerate();
        all.filter(|&(user, label)| *label == Some(class) && among(user))
            .count()
    };
    let lacking = |place: String, needed: usize, among: &dyn Fn(usize) -> bool| {
        let (positives, negatives) = (count(true, among), count(false, among));
        (positives.min(negatives) < needed).then(|| {
            format!(
                "needs {needed} users of each class{place}, found {positives} positive and \
                 {negatives} negative"
            )
        })
    };
    let in_fold = |(fold, splits): (usize, &Vec<Split>)| {
        let tested = |user: usize| splits[user] == Split::Test;
        let place = |what: &str| format!(" to {what} in fold {}", fold + 1);
        lacking(place("train on"), MIN_IN_TRAINING, &|user| !tested(user))
            .or_else(|| lacking(place("test"), 1, &tested))
    };
    lacking(String::new(), MIN_PER_CLASS, &|_| true)
        .or_else(|| splits.iter().enumerate().find_map(in_fold))
}

impl NextItems {
    fn new(
        declared: &Recommendation,
        store: &UserStore,
        users: &[UserId],
        refs: &[UserRef],
        reference: Timestamp,
        data: &Path,
    ) -> Result<Self> {
        let (source, declaration) = store.schema().source(&declared.source).ok_or_else(|| {
            Error::argument("recommendation.source", "a source", &declared.source)
        })?;
        let fields = declaration.fields();
        let place = fields.iter().position(|field| field.name == declared.field);
        let field = place
            .ok_or_else(|| Error::argument("recommendation.field", "a field", &declared.field))?;
        let mut seen: Vec<BTreeSet<String>> = vec![BTreeSet::new(); users.len()];
        let mut next: Vec<BTreeSet<String>> = vec![BTreeSet::new(); users.len()];
        let end = declared
            .days
            .map(|days| reference.plus_days(i64::from(days)));
        let mut first = 0;
        for shard in 0..store.shards() {
            let shard = store.shard(shard)?;
            if !matches!(
                shard.sources[source].columns[field],
                ColumnData::Text { .. }
            ) {
                let what = format!("recommendation `{}`.field", declared.name);
                return Err(Error::argument(
                    &what,
                    "a text or category field",
                    "numbers",
                ));
            }
            for (index, history) in shard.histories().enumerate() {
                let items = |from, to| items_of(&history, source, field, from, to);
                seen[first + index] = items(Timestamp(i64::MIN), reference);
                if let Some(end) = end {
                    next[first + index] = items(reference, end);
                }
            }
            first += shard.len();
        }
        debug_assert_eq!(first, refs.len());
        if let Some(file) = &declared.file {
            let user_column = &declaration.user_column().name;
            let key = format!("recommendation `{}`.file", declared.name);
            let file = paths::below(data, file).map_err(Error::outside(key))?;
            let known = read_labels(&file, user_column, &declared.field)?;
            let places: HashMap<&UserId, usize> = users
                .iter()
                .enumerate()
                .map(|(place, user)| (user, place))
                .collect();
            for (user, class) in &known.users {
                if let Some(&place) = places.get(user) {
                    next[place].insert(known.classes[*class].clone());
                }
            }
        }
        let items: BTreeSet<&String> = seen.iter().chain(&next).flatten().collect();
        let items: Vec<String> = items.into_iter().cloned().collect();
        let places: BTreeMap<&str, usize> = items
            .iter()
            .enumerate()
            .map(|(place, item)| (item.as_str(), place))
            .collect();
        let of = |sets: &[BTreeSet<String>]| -> Vec<Vec<usize>> {
            let places =
                |set: &BTreeSet<String>| set.iter().map(|item| places[item.as_str()]).collect();
            sets.iter().map(places).collect()
        };
        let (mut next, seen) = (of(&next), of(&seen));
        if declared.exclude_seen {
            for (next, seen) in next.iter_mut().zip(&seen) {
                next.retain(|item| seen.binary_search(item).is_err());
            }
        }
        // Someone without a history is nobody's recommendation.
        for (next, seen) in next.iter_mut().zip(&seen) {
            if seen.is_empty() {
                next.clear();
            }
        }
        Ok(Self {
            declared: declared.clone(),
            next,
            seen,
            items,
        })
    }

    /// Whether each part of each fold has users whose next items are known.
    fn check(&self, splits: &[Vec<Split>]) -> Result<()> {
        for (fold, splits) in splits.iter().enumerate() {
            for part in [Split::Train, Split::Validation, Split::Test] {
                let of_part = (0..splits.len()).filter(|&user| splits[user] == part);
                if self.known(&of_part.collect::<Vec<_>>()).is_empty() {
                    let name = &self.declared.name;
                    let what = format!("recommendation `{name}`, fold {}", fold + 1);
                    let expected = format!("{} users with a next item", part.name());
                    return Err(Error::argument(&what, &expected, "none"));
                }
            }
        }
        Ok(())
    }

    /// Those of `users` of whom the next items are known.
    pub fn known(&self, users: &[usize]) -> Vec<usize> {
        let users = users.iter().copied();
        users.filter(|&user| !self.next[user].is_empty()).collect()
    }

    /// An item as an answer.
    pub fn texts(&self) -> Vec<String> {
        let text = |item: &String| self.declared.text.replace("{item}", item);
        self.items.iter().map(text).collect()
    }
}

fn items_of(
    history: &History<'_>,
    source: usize,
    field: usize,
    from: Timestamp,
    to: Timestamp,
) -> BTreeSet<String> {
    let events = history.events(source).between(from, to);
    let texts = (0..events.len()).filter_map(|at| events.text(at, field));
    texts.map(|text| text.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_needs_both_classes_in_every_part() {
        let mut labels: Vec<Option<bool>> = (0..120).map(|user| Some(user % 2 == 0)).collect();
        let half = |user: usize| match user < 60 {
            true => Split::Test,
            false => Split::Train,
        };
        let splits = vec![(0..120).map(half).collect::<Vec<_>>()];
        assert_eq!(too_few(&labels, &splits), None);
        // All positives are tested.
        labels[60..].fill(Some(false));
        let reason = too_few(&labels, &splits).unwrap();
        assert!(
            reason.contains("needs 10 users of each class to train on in fold 1"),
            "{reason}"
        );
        // All positives are trained on.
        labels[60..].fill(Some(true));
        labels[..60].fill(Some(false));
        labels[60..80].fill(Some(false));
        let reason = too_few(&labels, &splits).unwrap();
        assert!(
            reason.contains("needs 1 users of each class to test in fold 1"),
            "{reason}"
        );
        labels.fill(Some(true));
        assert!(
            too_few(&labels, &splits)
                .unwrap()
                .contains("found 120 positive and 0 negative")
        );
    }
}
