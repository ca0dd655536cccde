//! Questions about the days to come whose answers the data holds, as a `tasks.toml`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use instructue_eval::format_time;
use instructue_schema::limits::texts;
use instructue_schema::{ColumnRole, ColumnType, SECONDS_PER_DAY, Schema, SourceKind, Timestamp};
use instructue_store::UserStore;

use crate::error::Result;
use crate::guess::Note;
use crate::look::{self, Looked};
use crate::words;
use crate::write::quoted;

/// The days that questions ask about, where there are enough.
const DAYS: i64 = 30;
/// Questions about single values.
const VALUES: usize = 4;
/// Users of each answer that a question needs.
const USERS: u64 = 20;
/// Questions from tables of truths.
const TRUTHS: usize = 8;

/// The log that most is known from, and the field that its events are called by.
struct Main {
    source: usize,
    field: Option<usize>,
}

/// The text of `tasks.toml`; `None`, and why, if the data answers nothing.
pub(crate) fn tasks_text(
    store: &UserStore,
    truths: &[(&Looked, &str)],
    notes: &mut Vec<Note>,
) -> Result<Option<String>> {
    let none = |text: &str| Note {
        place: "tasks.toml".into(),
        text: text.into(),
        doubt: true,
    };
    let Some((main, (first, last))) = main_log(store).zip(store.time_range()) else {
        notes.push(none("not drafted: there is no event"));
        return Ok(None);
    };
    let span = (last.0 - first.0) / SECONDS_PER_DAY;
    let days = DAYS.min(span / 4);
    if days < 1 {
        notes.push(none("not drafted: the data covers less than four days"));
        return Ok(None);
    }
    // A question's days end with the data.
    let day = (last.0 + 1).div_euclid(SECONDS_PER_DAY) - days;
    let reference = Timestamp(day * SECONDS_PER_DAY);
    let schema = store.schema();
    let log = &schema.sources[main.source];
    let active = i64::from(log.window_days.min(90)).min(day - first.0.div_euclid(SECONDS_PER_DAY));
    let counted = count(store, &main, reference, active.max(1), days)?;
    let mut tasks = String::new();
    let thing = &log.description;
    let mut number = 0;
    if (USERS..=counted.active.saturating_sub(USERS)).contains(&counted.without) {
        number += 1;
        tasks += &task(
            &format!("no_{}_{days}d", short(&log.name)),
            &format!("Will this user have no {thing} in the next {days} days?"),
            &format!("Is this user going to stay without {thing} for {days} days?"),
            &format!("The user has no {thing} in the next {days} days."),
            &format!("The user has {thing} in the next {days} days."),
            &format!(
                "kind = \"event\", source = {}, days = {days}, negate = true",
                quoted(&log.name)
            ),
        );
    }
    for value in counted.chosen() {
        let field = &log.fields()[main.field.unwrap_or_default()];
        let named = format!("{thing} with the {} {value}", field.label);
        number += 1;
        tasks += &task(
            &format!("{}_{number}_{days}d", short(&value)),
            &format!("Will this user have {named} in the next {days} days?"),
            &format!("Are {named} to be expected of this user within {days} days?"),
            &format!("The user has {named} in the next {days} days."),
            &format!("The user has no {named} in the next {days} days."),
            &format!(
                "kind = \"event\", source = {}, field = {}, equals = [{}], days = {days}",
                quoted(&log.name),
                quoted(&field.name),
                quoted(&value)
            ),
        );
    }
    for (table, user) in truths {
        let columns = table.columns.iter().filter(|column| column.name != *user);
        let mut taken = 0;
        for column in columns {
            let place = format!("{}: {}", table.table.file, column.name);
            let positive = match positive(column) {
                Ok(positive) if taken < TRUTHS => positive,
                found => {
                    let text = match found {
                        Ok(_) => "no task: there are many already".into(),
                        Err(reason) => format!("no task: {reason}"),
                    };
                    notes.push(Note {
                        place,
                        text,
                        doubt: false,
                    });
                    continue;
                }
            };
            taken += 1;
            number += 1;
            let name = words::phrase(&column.name, "value");
            let text = format!("a task whose truth it is; say in its words what {positive} means");
            notes.push(Note {
                place,
                text,
                doubt: true,
            });
            tasks += &task(
                &format!("{}_{number}", short(&column.name)),
                &format!("Is the {name} of this user {positive}?"),
                &format!("Does this user have {positive} as {name}?"),
                &format!("The {name} of the user is {positive}."),
                &format!("The {name} of the user is not {positive}."),
                &format!(
                    "kind = \"column\", file = {}, user_column = {}, column = {}, positive = [{}]",
                    quoted(&table.table.file),
                    quoted(user),
                    quoted(&column.name),
                    quoted(&positive)
                ),
            );
        }
    }
    if tasks.is_empty() {
        notes.push(none(
            "not drafted: no question has enough users of both answers",
        ));
        return Ok(None);
    }
    let mut text = String::from(
        "# Drafted: questions that this data answers. Write those that you want answered; \
         docs/own-data.md\n# describes every key.\n",
    );
    let reference = format_time(reference);
    let _ = writeln!(
        text,
        "reference = \"{reference}\"  # profiles end here, labels begin here; training sees nothing later"
    );
    let _ = writeln!(
        text,
        "active_days = {}  # ask only about users with an event in the days before",
        active.max(1)
    );
    let _ = writeln!(text, "active_source = {}", quoted(&log.name));
    if number == 1 {
        // The wrong question of a task is the next one's, and there is none.
        let wrong = quoted(&format!("At what time of day does this user have {thing}?"));
        tasks = tasks.replacen("\nlabel = ", &format!("\nwrong = {wrong}\nlabel = "), 1);
    }
    Ok(Some(text + &tasks))
}

/// The beginning of a name of a task, which has at most 64 characters.
fn short(text: &str) -> String {
    words::source_name(text).chars().take(40).collect()
}

/// One task.
fn task(name: &str, asked: &str, reworded: &str, yes: &str, no: &str, label: &str) -> String {
    let mut text = String::from("\n[[task]]\n");
    let mut key = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    key("name", quoted(name));
    key("instruction", quoted(asked));
    key("reworded", format!("[{}]", quoted(reworded)));
    key("positive_text", quoted(yes));
    key("negative_text", quoted(no));
    key("label", format!("{{ {label} }}"));
    text
}

/// The log of most rows.
fn main_log(store: &UserStore) -> Option<Main> {
    let schema: &Schema = store.schema();
    let rows: BTreeMap<&str, u64> = (store.report().sources.iter())
        .map(|s| (s.name.as_str(), s.kept))
        .collect();
    let logs = schema.sources.iter().enumerate();
    let logs = logs.filter(|(_, source)| source.kind == SourceKind::Events);
    let (source, log) =
        logs.max_by_key(|(at, log)| (rows.get(log.name.as_str()).copied(), Reverse(*at)))?;
    let fields = log.fields().into_iter().enumerate();
    let mut shown =
        fields.filter(|(_, field)| field.role == ColumnRole::Category && field.rendered);
    Some(Main {
        source,
        field: shown.next_back().map(|(at, _)| at),
    })
}

/// What users do in the days asked about.
#[derive(Default)]
struct Counted {
    active: u64,
    without: u64,
    /// Active users of each value.
    values: BTreeMap<String, u64>,
}

impl Counted {
    /// The values of which about a fifth of the users have one, those first.
    fn chosen(&self) -> Vec<String> {
        let enough = |users: u64| users >= USERS && self.active - users >= USERS;
        let mut values: Vec<(&String, u64)> = self.values.iter().map(|(v, n)| (v, *n)).collect();
        values.retain(|(value, users)| enough(*users) && texts::line("value", value).is_ok());
        values.sort_by_key(|(value, users)| ((5 * users).abs_diff(self.active), (*value).clone()));
        values
            .into_iter()
            .take(VALUES)
            .map(|(value, _)| value.clone())
            .collect()
    }
}

fn count(
    store: &UserStore,
    main: &Main,
    reference: Timestamp,
    active: i64,
    days: i64,
) -> Result<Counted> {
    let mut counted = Counted::default();
    for shard in 0..store.shards() {
        let shard = store.shard(shard)?;
        for history in shard.histories() {
            let events = history.events(main.source);
            if events
                .between(reference.plus_days(-active), reference)
                .is_empty()
            {
                continue;
            }
            counted.active += 1;
            let later = events.between(reference, reference.plus_days(days));
            counted.without += u64::from(later.is_empty());
            let Some(field) = main.field else { continue };
            let texts: BTreeSet<&str> = (0..later.len())
                .filter_map(|at| later.text(at, field))
                .map(AsRef::as_ref)
                .collect();
            for text in texts {
                *counted.values.entry(text.into()).or_default() += 1;
            }
        }
    }
    Ok(counted)
}

/// The value of a column of truths that a question may ask for, or why there is none.
fn positive(column: &look::Column) -> std::result::Result<String, &'static str> {
    let Some(counts) = &column.counts else {
        return Err("too many different values for a question with yes or no");
    };
    if column.ty == Some(ColumnType::Float) || counts.len() < 2 {
        return Err("no values that a question could name");
    }
    if counts.values().any(|users| *users < USERS) && counts.len() == 2 {
        return Err("too few users of one answer");
    }
    if let Some(yes) = ["true", "1", "yes", "Y", "True"]
        .into_iter()
        .find(|yes| counts.contains_key(*yes))
    {
        return Ok(yes.into());
    }
    let most = counts
        .iter()
        .max_by_key(|(value, users)| (**users, Reverse((*value).clone())));
    let most = most.filter(|(_, users)| **users >= USERS);
    most.map(|(value, _)| value.clone())
        .ok_or("too few users of each value")
}
