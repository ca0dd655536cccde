//! What can be known to be wrong with tasks before a model is trained.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use instructue_schema::{ColumnData, Shard, UserCounts, user_key};
use instructue_schema::{Timestamp, printable};
use instructue_store::UserStore;

use crate::date::format_time;
use crate::error::{Error, Result};
use crate::labels::{Truth, column_values, label_file};
use crate::tasks::{Label, Task, TaskSet};

/// Values that an error lists.
const LISTED: usize = 10;
/// Characters of a value that an error shows.
const VALUE: usize = 30;
/// Distinct values that are counted to list the most frequent ones.
const COUNTED: usize = 100_000;

/// Checks tasks against the data before a model is trained: whether what they name is
/// there, whether labels match anything, whether references and windows lie within the
/// data. A shard is read once more for each task with a value that nothing has.
///
/// Messages list values that at least `min_users` users have, and no others.
///
/// Returns remarks: values that nothing has though others of the task do, and tasks
/// whose users are all of one class, which an evaluation leaves out.
///
/// # Errors
/// Sources, fields, files or columns that do not exist, or a file outside `data_dir`;
/// a reference or a label window outside the data; labels of no user of the data;
/// values that match nothing, with the most frequent ones that are there.
pub fn check_tasks(
    set: &TaskSet,
    store: &UserStore,
    data_dir: &Path,
    min_users: usize,
) -> Result<Vec<String>> {
    // One that was made in a program has not been read from a file.
    set.check(&format!("tasks of {}", data_dir.display()))?;
    set.check_against(store.schema())?;
    let Some((first, last)) = store.time_range() else {
        return Ok(Vec::new());
    };
    let check = Check {
        set,
        store,
        data_dir,
        min_users,
    };
    let mut truths = Vec::with_capacity(set.tasks.len());
    for task in &set.tasks {
        check.reference(task, first, last)?;
        let schema = store.schema();
        truths.push(Truth::new(set, task, schema, Some(last), data_dir)?);
    }
    let mut tallies: Vec<Tally> = vec![Tally::default(); truths.len()];
    for shard in 0..store.shards() {
        let shard = store.shard(shard)?;
        for (truth, tally) in truths.iter().zip(&mut tallies) {
            tally.add(truth, &shard);
        }
    }
    drop(truths);
    let mut remarks = Vec::new();
    for (task, tally) in set.tasks.iter().zip(&tallies) {
        check.values(task, tally, &mut remarks)?;
        check.classes(task, tally, &mut remarks)?;
    }
    Ok(remarks)
}

/// What the users of the data say to a task.
#[derive(Debug, Clone, Default)]
struct Tally {
    positive: u64,
    negative: u64,
    /// Values of `equals` that some event has.
    matched: BTreeSet<String>,
}

impl Tally {
    fn add(&mut self, truth: &Truth<'_>, shard: &Shard) {
        let wanted = truth.wanted(shard);
        for history in shard.histories() {
            match truth.label(&history, wanted.as_deref()) {
                Some(true) => self.positive += 1,
                Some(false) => self.negative += 1,
                None => {}
            }
        }
        if let (Some(wanted), Some((source, field))) = (wanted, truth.field())
            && let ColumnData::Text { dictionary, .. } = &shard.sources[source].columns[field]
        {
            let entries = dictionary.iter().zip(wanted);
            let found = entries.filter(|(_, wanted)| *wanted);
            self.matched
                .extend(found.map(|(value, _)| value.to_string()));
        }
    }
}

struct Check<'a> {
    set: &'a TaskSet,
    store: &'a UserStore,
    data_dir: &'a Path,
    min_users: usize,
}

impl Check<'_> {
    fn wrong(&self, key: String, expected: String, found: impl Into<String>) -> Error {
        Error::Task {
            file: format!("tasks of {}", self.data_dir.display()),
            key,
            expected,
            found: found.into(),
        }
    }

    /// Whether some event lies in a window before the reference time.
    fn reference(&self, task: &Task, first: Timestamp, last: Timestamp) -> Result<()> {
        let sources = &self.store.schema().sources;
        let longest = sources.iter().map(|source| source.window_days).max();
        let longest = i64::from(longest.unwrap_or_default());
        let reference = self.set.reference_of(task);
        if first < reference && reference.plus_days(-longest) <= last {
            return Ok(());
        }
        let key = match task.reference {
            Some(_) => format!("task `{}`.reference", task.name),
            None => "reference".into(),
        };
        let expected = format!(
            "a time after the first event ({}) and within {longest} days of the last ({})",
            format_time(first),
            format_time(last)
        );
        Err(self.wrong(key, expected, format_time(reference)))
    }

    /// Whether the values that count are there.
    fn values(&self, task: &Task, tally: &Tally, remarks: &mut Vec<String>) -> Result<()> {
        let (key, values, seen) = match &task.label {
            Label::Event {
                source,
                field: Some(field),
                equals: Some(equals),
                ..
            } => {
                let missing = |value: &String| !tally.matched.contains(value);
                if !equals.iter().any(missing) {
                    return Ok(());
                }
                ("equals", equals, self.of_events(source, field)?)
            }
            Label::Column {
                file,
                user_column,
                column,
                positive,
                at_least: None,
            } => {
                let file = label_file(self.data_dir, task, file)?;
                let columns = [user_column.as_str(), column];
                let seen = column_values(&file, columns, COUNTED, self.min_users)?;
                ("positive", positive, seen)
            }
            _ => return Ok(()),
        };
        // With more distinct values than were counted nothing is known of the others.
        let known = |value: &String| {
            tally.matched.contains(value) || seen.has(value) || seen.len() >= COUNTED
        };
        let missing: Vec<&str> = values
            .iter()
            .filter(|value| !known(value))
            .map(String::as_str)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let there = match seen.is_empty() {
            true => "no value at all".to_owned(),
            false => frequent(seen.common(), self.min_users),
        };
        if missing.len() == values.len() {
            let key = format!("task `{}`.label.{key}", task.name);
            let expected = format!("values that are there: {there}");
            return Err(self.wrong(key, expected, listed(&missing)));
        }
        remarks.push(format!(
            "task `{}`: nothing has {} of label.{key}; there are {there}",
            task.name,
            listed(&missing)
        ));
        Ok(())
    }

    /// Whether users of both classes are there.
    fn classes(&self, task: &Task, tally: &Tally, remarks: &mut Vec<String>) -> Result<()> {
        let users = self.store.users();
        if tally.positive + tally.negative == 0 {
            return Err(match &task.label {
                Label::Column {
                    file, user_column, ..
                } => Error::Column {
                    path: label_file(self.data_dir, task, file)?,
                    column: user_column.clone(),
                    expected: format!("ids of the {users} users of the data, with a value each"),
                    found: "none".into(),
                },
                Label::Event { .. } => {
                    let source = self.set.active_source.as_deref().unwrap_or_default();
                    let days = self.set.active_days.unwrap_or_default();
                    let reference = format_time(self.set.reference_of(task));
                    let expected = format!(
                        "users with an event of `{source}` in the {days} days before {reference}, \
                         for task `{}`",
                        task.name
                    );
                    self.wrong("active_days".into(), expected, "none")
                }
            });
        }
        let lacks = match (tally.positive, tally.negative) {
            (0, _) => "positive",
            (_, 0) => "negative",
            _ => return Ok(()),
        };
        remarks.push(format!(
            "task `{}` is left out of the evaluation: of its {} users none is {lacks}",
            task.name,
            tally.positive + tally.negative
        ));
        Ok(())
    }

    /// The values that events of the data have in a field, with the users who have each.
    fn of_events(&self, source: &str, field: &str) -> Result<UserCounts<String>> {
        let schema = self.store.schema();
        let place = schema.source(source).and_then(|(index, source)| {
            let fields = source.fields();
            let field = fields.iter().position(|one| one.name == field)?;
            Some((index, field))
        });
        let mut counts = UserCounts::new(self.min_users);
        let Some((source, field)) = place else {
            return Ok(counts);
        };
        for shard in 0..self.store.shards() {
            let shard = self.store.shard(shard)?;
            let table = &shard.sources[source];
            let ColumnData::Text { dictionary, codes } = &table.columns[field] else {
                continue;
            };
            for (user, rows) in shard.users.iter().zip(table.offsets.windows(2)) {
                let user = user_key(user);
                for &code in &codes[rows[0]..rows[1]] {
                    let Some(value) = dictionary.get(code as usize) else {
                        continue;
                    };
                    if counts.len() < COUNTED || counts.has(&**value) {
                        counts.add(user, &**value);
                    }
                }
            }
        }
        Ok(counts)
    }
}

/// The most frequent of the values that enough users have.
fn frequent(common: HashMap<String, u64>, min_users: usize) -> String {
    let mut order: Vec<(String, u64)> = common.into_iter().collect();
    order.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    let values: Vec<&str> = order.iter().map(|(value, _)| value.as_str()).collect();
    match values.is_empty() {
        true => format!("none that {min_users} users have"),
        false => listed(&values),
    }
}

/// The first values in quotes, each cut.
fn listed(values: &[&str]) -> String {
    let quoted = values.iter().take(LISTED).map(|value| {
        let begin: String = value.chars().take(VALUE).collect();
        let more = if begin.len() < value.len() { "…" } else { "" };
        format!("\"{}{more}\"", printable(&begin))
    });
    let list = quoted.collect::<Vec<_>>().join(", ");
    match values.len() > LISTED {
        true => format!("{list}, … ({} in all)", values.len()),
        false => list,
    }
}
