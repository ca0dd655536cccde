//! The truth of a task for each user.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use instructue_features::{count_feature_names, count_features};
use instructue_schema::{ColumnData, History, Matrix, Shard, UserCounts, UserRef, user_key};
use instructue_schema::{Schema, Timestamp, UserId, excerpt, paths};
use instructue_store::{UserStore, UserValues, read_user_values};

use crate::date::format_time;
use crate::error::{Error, Result};
use crate::tasks::{Label, Task, TaskSet, event_source, text_field};

/// The labels of one task, in the order of `users`.
///
/// `None` is a user who does not count: not active, not labelled, or with a
/// missing value. Files of column labels are looked for in `data_dir`.
///
/// # Errors
/// Sources, fields, files or columns that do not exist; columns of another
/// type; a label window that ends after the data; users that are not in the store.
pub fn labels(
    set: &TaskSet,
    task: &Task,
    store: &UserStore,
    users: &[UserRef],
    data_dir: &Path,
) -> Result<Vec<Option<bool>>> {
    let mut all = read(set, std::slice::from_ref(task), store, users, data_dir)?;
    Ok(all.remove(0))
}

/// The labels of every task of the set: each shard and each file is read once per call or task.
///
/// # Errors
/// As [`labels`].
pub fn label_all(
    set: &TaskSet,
    store: &UserStore,
    users: &[UserRef],
    data_dir: &Path,
) -> Result<Vec<Vec<Option<bool>>>> {
    read(set, &set.tasks, store, users, data_dir)
}

fn read(
    set: &TaskSet,
    tasks: &[Task],
    store: &UserStore,
    users: &[UserRef],
    data_dir: &Path,
) -> Result<Vec<Vec<Option<bool>>>> {
    let last = store.time_range().map(|(_, last)| last);
    let sources = tasks
        .iter()
        .map(|task| Truth::new(set, task, store.schema(), last, data_dir))
        .collect::<Result<Vec<_>>>()?;
    let mut out = vec![vec![None; users.len()]; tasks.len()];
    for_each_shard(store, users, |shard, members| {
        for (source, out) in sources.iter().zip(&mut out) {
            let wanted = source.wanted(shard);
            for &(at, index) in members {
                out[at] = source.label(&shard.history(index), wanted.as_deref());
            }
        }
        Ok(())
    })?;
    Ok(out)
}

/// Calls `visit` with each shard that holds some of `users`, and with
/// (position in `users`, index in the shard) of those.
pub(crate) fn for_each_shard(
    store: &UserStore,
    users: &[UserRef],
    mut visit: impl FnMut(&Shard, &[(usize, usize)]) -> Result<()>,
) -> Result<()> {
    let mut members: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
    for (at, user) in users.iter().enumerate() {
        members
            .entry(user.shard)
            .or_default()
            .push((at, user.index));
    }
    for (number, members) in members {
        let missing = |index, what, len| Error::NoSuchUser {
            shard: number,
            index,
            what,
            len,
        };
        if number >= store.shards() {
            return Err(missing(members[0].1, "store", store.shards()));
        }
        let shard = store.shard(number)?;
        if let Some(&(_, index)) = members.iter().find(|(_, index)| *index >= shard.len()) {
            return Err(missing(index, "shard", shard.len()));
        }
        visit(&shard, &members)?;
    }
    Ok(())
}

/// The counts baseline of each user: how much, how often and how lately, of
/// events strictly before `reference`. For [`EvaluateInput::counts`](crate::EvaluateInput::counts).
///
/// # Shapes
/// `[users, count_feature_names(store.schema()).len()]`.
///
/// # Errors
/// Users that are not in the store; shards that cannot be read.
pub fn count_matrix(store: &UserStore, users: &[UserRef], reference: Timestamp) -> Result<Matrix> {
    let columns = count_feature_names(store.schema()).len();
    let mut values = vec![0.0; users.len() * columns];
    for_each_shard(store, users, |shard, members| {
        for &(at, index) in members {
            let features = count_features(store.schema(), &shard.history(index), reference);
            values[at * columns..(at + 1) * columns].copy_from_slice(&features);
        }
        Ok(())
    })?;
    Ok(Matrix::new(users.len(), columns, values)?)
}

/// Where a task's labels come from, resolved against a schema and a data directory.
pub(crate) enum Truth<'a> {
    Event {
        source: usize,
        field: Option<usize>,
        equals: &'a [String],
        from: Timestamp,
        to: Timestamp,
        negate: bool,
        /// Source, from, to of the activity that makes a user eligible.
        active: Option<(usize, Timestamp, Timestamp)>,
    },
    Column(HashMap<UserId, bool>),
}

impl<'a> Truth<'a> {
    /// Reads the file of labels, if there is one.
    pub(crate) fn new(
        set: &TaskSet,
        task: &'a Task,
        schema: &Schema,
        last: Option<Timestamp>,
        data_dir: &Path,
    ) -> Result<Self> {
        let key = |name: &str| format!("task `{}`.label.{name}", task.name);
        match &task.label {
            Label::Event {
                source,
                field,
                equals,
                days,
                negate,
            } => {
                let source = event_source(schema, source, key("source"))?;
                let field = field
                    .as_ref()
                    .map(|field| text_field(schema, source, field, key("field")))
                    .transpose()?;
                let from = set.reference_of(task);
                let to = from.plus_days(i64::from(*days));
                // Data that end on the window's last day are taken as complete.
                if let Some(last) = last.filter(|last| *last < to.plus_days(-1)) {
                    return Err(Error::Horizon {
                        task: task.name.clone(),
                        needed: format_time(to),
                        end: format_time(last),
                    });
                }
                let active = match (&set.active_source, set.active_days) {
                    (Some(name), Some(days)) => {
                        let source = event_source(schema, name, "active_source".to_owned())?;
                        Some((source, from.plus_days(-i64::from(days)), from))
                    }
                    _ => None,
                };
                let equals = equals.as_deref().unwrap_or_default();
                Ok(Self::Event {
                    source,
                    field,
                    equals,
                    from,
                    to,
                    negate: *negate,
                    active,
                })
            }
            Label::Column {
                file,
                user_column,
                column,
                positive,
                at_least,
            } => {
                let path = label_file(data_dir, task, file)?;
                let rule = match at_least {
                    Some(bound) => Rule::AtLeast(*bound),
                    None => Rule::OneOf(positive),
                };
                Ok(Self::Column(load_labels(
                    &path,
                    user_column,
                    column,
                    &rule,
                )?))
            }
        }
    }

    /// Source and field whose values count.
    pub(crate) fn field(&self) -> Option<(usize, usize)> {
        match self {
            Self::Event { source, field, .. } => field.map(|field| (*source, field)),
            Self::Column(_) => None,
        }
    }

    /// Which dictionary entries of the shard are among the values that count.
    pub(crate) fn wanted(&self, shard: &Shard) -> Option<Vec<bool>> {
        let Self::Event {
            source,
            field: Some(field),
            equals,
            ..
        } = self
        else {
            return None;
        };
        match &shard.sources[*source].columns[*field] {
            ColumnData::Text { dictionary, .. } => {
                let counts = |value: &str| equals.iter().any(|wanted| wanted == value);
                Some(dictionary.iter().map(|value| counts(value)).collect())
            }
            ColumnData::Number(_) | ColumnData::Vector { .. } => None,
        }
    }

    /// The label of a user, whose shard's entries are `wanted`.
    pub(crate) fn label(&self, history: &History<'_>, wanted: Option<&[bool]>) -> Option<bool> {
        match self {
            Self::Column(values) => values.get(history.user()).copied(),
            Self::Event {
                source,
                field,
                from,
                to,
                negate,
                active,
                ..
            } => {
                if let &Some((source, since, until)) = active
                    && history.events(source).between(since, until).is_empty()
                {
                    return None;
                }
                let events = history.events(*source).between(*from, *to);
                let happened = match field {
                    None => !events.is_empty(),
                    Some(field) => (0..events.len()).any(|at| {
                        let code = events.code(at, *field);
                        code.is_some_and(|code| wanted.is_some_and(|w| w[code as usize]))
                    }),
                };
                Some(happened != *negate)
            }
        }
    }
}

/// The file of a task's labels.
pub(crate) fn label_file(data_dir: &Path, task: &Task, file: &str) -> Result<PathBuf> {
    paths::below(data_dir, file).map_err(|outside| Error::Task {
        file: format!("tasks of {}", data_dir.display()),
        key: format!("task `{}`.label.file", task.name),
        expected: outside.expected,
        found: outside.found,
    })
}

/// When a value makes a user positive.
#[derive(Debug, Clone, Copy)]
pub enum Rule<'a> {
    /// The value, as text, is one of these.
    OneOf(&'a [String]),
    /// The value is a number from here on.
    AtLeast(f64),
}

/// Reads labels from a Parquet file with one row per user.
///
/// Integer ids count by their decimal form. Rows with a missing id or value
/// are left out.
///
/// # Errors
/// No such file or column, a type that does not fit, a user with two labels.
pub fn load_labels(
    path: &Path,
    user_column: &str,
    column: &str,
    rule: &Rule<'_>,
) -> Result<HashMap<UserId, bool>> {
    let rows: UserValues<bool> = match rule {
        Rule::OneOf(values) => {
            let positive = |text: String| values.contains(&text);
            let rows = read_user_values::<String>(path, user_column, column)?.into_iter();
            rows.map(|(user, text)| (user, text.map(positive)))
                .collect()
        }
        Rule::AtLeast(bound) => {
            let rows = read_user_values::<f64>(path, user_column, column)?.into_iter();
            rows.map(|(user, number)| (user, number.map(|number| number >= *bound)))
                .collect()
        }
    };
    let mut labels = HashMap::new();
    for (user, positive) in rows {
        let (Some(user), Some(positive)) = (user, positive) else {
            continue;
        };
        if labels.get(&user).is_some_and(|&before| before != positive) {
            return Err(Error::Column {
                path: path.to_owned(),
                column: column.to_owned(),
                expected: "one label per user".into(),
                found: format!("both labels for user {}", excerpt(user.as_str())),
            });
        }
        labels.insert(user, positive);
    }
    Ok(labels)
}

/// The values of a column of labels with the users who have each; at most `most` distinct
/// ones are counted.
pub(crate) fn column_values(
    path: &Path,
    [user_column, column]: [&str; 2],
    most: usize,
    min_users: usize,
) -> Result<UserCounts<String>> {
    let mut counts = UserCounts::new(min_users);
    for (user, value) in read_user_values::<String>(path, user_column, column)? {
        let (Some(user), Some(value)) = (user, value) else {
            continue;
        };
        if counts.len() < most || counts.has(value.as_str()) {
            counts.add(user_key(&user), value.as_str());
        }
    }
    Ok(counts)
}
