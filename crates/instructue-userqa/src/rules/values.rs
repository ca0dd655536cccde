//! Families of the past about values of category fields.

use super::definition::{Find, Needs, Rule, Span};
use crate::snapshot::{Past, Target, occurrences, positions, rank, ranked};
use crate::thresholds::quantity;
use crate::triple::{Finding, RankedValue};
use crate::words::{days, level, list, percent, times};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "favourite_value",
        needs: Needs::Category,
        span: Span::Window,
        weight: 1.5,
        find: Find::Past(|past, target| top(past, target, 1)),
        answer: |facts, w| {
            let Finding::Ranking { values, total, .. } = &facts.finding else {
                return None;
            };
            let best = values.first()?;
            let (f, value, s) = (&w.field, &best.value, &w.source);
            let share = percent(best.count, *total);
            Some(format!(
                "This user's most frequent {f} is {value}, {share} of the {s}."
            ))
        },
        wordings: &[
            "What is this user's favourite {f} among {s}?",
            "Which {f} comes up most often in the {s} of this profile?",
            "Name the {f} this person turns to most, looking at {s}.",
            "By number of {s}, what {f} stands at the top?",
            "What does this customer {do} most of all? Answer with the {f} seen in {s}.",
        ],
    },
    Rule {
        name: "top_three_values",
        needs: Needs::Category,
        span: Span::Window,
        weight: 1.5,
        find: Find::Past(|past, target| top(past, target, 3).filter(at_least_two)),
        answer: |facts, w| {
            let Finding::Ranking { values, .. } = &facts.finding else {
                return None;
            };
            let names: Vec<String> = values.iter().map(|entry| entry.value.clone()).collect();
            let (f, names) = (&w.field, list(&names));
            Some(format!(
                "Ranked by frequency, this user's leading {f} values are {names}."
            ))
        },
        wordings: &[
            "What are the three main {f} values in this user's {s}?",
            "List the {f} entries this person has most often, best first, from {s}.",
            "Summarise the taste shown by {s}: which {f} leads, and what follows?",
            "Which {f} preferences would you note for this customer, given the {s}?",
            "Describe what this profile's {s} are mostly about, by {f}.",
        ],
    },
    Rule {
        name: "variety",
        needs: Needs::Category,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(variety),
        answer: |facts, w| {
            let Finding::Count {
                count,
                of,
                band: Some(band),
            } = facts.finding
            else {
                return None;
            };
            let (f, s, level) = (&w.field, &w.source, level(band));
            Some(format!(
                "The variety is {level}: {count} different {f} values in {of} of this user's {s}."
            ))
        },
        wordings: &[
            "How varied are this user's {s} by {f}?",
            "How many different {f} values appear among the {s}?",
            "Does this person stick to few {f} choices or spread {s} widely?",
            "Is this customer an explorer or a creature of habit, looking at {f} in {s}?",
            "Assess the diversity of {f} within the last {d} of {s}.",
        ],
    },
    Rule {
        name: "has_value",
        needs: Needs::Value,
        span: Span::Window,
        weight: 2.0,
        find: Find::Past(value_count),
        answer: |facts, w| {
            let Finding::Share { part, .. } = facts.finding else {
                return None;
            };
            Some(w.fill(if part > 0 {
                "Yes, this user has {done} {x} in the last {d}."
            } else {
                "No, this user has not {done} {x} in the last {d}."
            }))
        },
        wordings: &[
            "Has this user {done} {x} in the last {d}?",
            "Is there any {x} among this user's {s}?",
            "Did this person ever {do} {x} recently?",
            "Does {x} show up as a {f} in the profile?",
            "Would you call this customer someone who {does} {x}?",
        ],
    },
    Rule {
        name: "share_of_value",
        needs: Needs::Value,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(value_count),
        answer: |facts, w| {
            let Finding::Share { part, whole } = facts.finding else {
                return None;
            };
            let (x, s) = (&w.value, &w.source);
            Some(match part {
                0 => format!(
                    "None of this user's {s} in the last {} are {x}.",
                    days(w.days as u32)
                ),
                part => format!("{x} makes up {} of this user's {s}.", percent(part, whole)),
            })
        },
        wordings: &[
            "What share of this user's {s} is {x}?",
            "How much weight does {x} have in the {s} of this profile?",
            "In percent, how important is {x} for this person?",
            "Out of all {s}, what part has {x} as its {f}?",
            "Does {x} play a large or a small role for this customer?",
        ],
    },
    Rule {
        name: "times_value",
        needs: Needs::Value,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(value_count),
        answer: |facts, w| {
            let Finding::Share { part, .. } = facts.finding else {
                return None;
            };
            Some(match part {
                0 => w.fill("This user {did} no {x} in the last {d}."),
                part => w.fill_with("This user {did} {x} {e} in the last {d}.", &times(part)),
            })
        },
        wordings: &[
            "How often has this user {done} {x}?",
            "How many times did {x} occur among the {s}?",
            "Count the events with {f} {x} over the last {d}.",
            "With what frequency is this person {doing} {x}?",
            "Is {x} a one-off or a regular thing for this customer?",
        ],
    },
    Rule {
        name: "last_time_value",
        needs: Needs::Value,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(last_time_value),
        answer: |facts, w| {
            let Finding::Days { days: ago } = facts.finding else {
                return None;
            };
            Some(match ago {
                None => w.fill("This user has not {done} {x} in the last {d}."),
                Some(0) => w.fill("This user last {did} {x} within the last day."),
                Some(n) => w.fill_with("This user last {did} {x} {e} ago.", &days(n)),
            })
        },
        wordings: &[
            "When did this user last {do} {x}?",
            "How many days ago was {x} seen most recently?",
            "How fresh is this person's interest in {x}?",
            "Find the latest of the {s} with {x}: how long ago is it?",
            "How much time has gone by since this customer {did} {x}?",
        ],
    },
    Rule {
        name: "favourite_within_value",
        needs: Needs::ValueCategory,
        span: Span::Window,
        weight: 0.7,
        find: Find::Past(favourite_within_value),
        answer: |facts, w| {
            let Finding::Ranking { values, total, .. } = &facts.finding else {
                return None;
            };
            let (x, g, f) = (&w.value, &w.second, &w.field);
            Some(match values.first() {
                None => format!("This user has nothing with {f} {x} in the profile, so no {g}."),
                Some(best) => {
                    let share = percent(best.count, *total);
                    let value = &best.value;
                    format!("For {x}, this user's usual {g} is {value}, in {share} of the cases.")
                }
            })
        },
        wordings: &[
            "Which {g} does this user prefer for {x}?",
            "Looking only at {x}, what is the most common {g}?",
            "When this person {does} {x}, which {g} is it usually?",
            "Name the {g} that goes with {x} most often in these {s}.",
            "Within the {f} {x}, tell me the leading {g}.",
        ],
    },
    Rule {
        name: "preference_between",
        needs: Needs::TwoValues,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(preference_between),
        answer: |facts, w| {
            let Finding::Ranking { values, .. } = &facts.finding else {
                return None;
            };
            let [first, second] = values.as_slice() else {
                return None;
            };
            let (a, b) = (times(first.count), times(second.count));
            let (x, y) = (&first.value, &second.value);
            Some(if first.count == second.count {
                format!("This user shows no preference between {x} and {y}: {a} each.")
            } else {
                let (more, less, a, b) = if first.count > second.count {
                    (x, y, a, b)
                } else {
                    (y, x, b, a)
                };
                let d = days(w.days as u32);
                format!("This user prefers {more} ({a} in the last {d}) to {less} ({b}).")
            })
        },
        wordings: &[
            "Does this user prefer {x} or {y}?",
            "Which of the two is more frequent in the profile: {x} or {y}?",
            "Would this person rather {do} {x} than {y}?",
            "Between {x} and {y}, where do the {s} lean?",
            "{x} versus {y}: what suits this customer better?",
        ],
    },
    Rule {
        name: "recent_novelty",
        needs: Needs::Category,
        span: Span::Recent,
        weight: 1.0,
        find: Find::Past(recent_novelty),
        answer: |facts, w| {
            let Finding::Ranking {
                values, distinct, ..
            } = &facts.finding
            else {
                return None;
            };
            let (f, d) = (&w.field, days(w.days as u32));
            Some(match values.first() {
                None if *distinct == 0 => {
                    format!("No, this user took up no new {f} in the last {d}.")
                }
                None => {
                    let new = new_entries(*distinct, f);
                    format!("Yes, this user took up {new} in the last {d}.")
                }
                Some(first) => format!(
                    "Yes, this user took up {} in the last {d}, {}.",
                    new_entries(*distinct, f),
                    such_as(*distinct, &first.value)
                ),
            })
        },
        wordings: &[
            "Has this user taken up any new {f} in the last {d} of {s}?",
            "What {f} appeared only lately among the {s}?",
            "Is this person trying out new {f} choices, going by recent {s}?",
            "Did the {f} mix of {s} change for this customer with fresh entries?",
            "Point out a {f} that is recent and was absent earlier in the {s}.",
        ],
    },
];

/// A number of new values: "one new category", "12 new category values".
pub(super) fn new_entries(n: u32, field: &str) -> String {
    match n {
        1 => format!("one new {field}"),
        n => format!("{n} new {field} values"),
    }
}

/// "namely X" for the only value, "such as X" for one of several.
pub(super) fn such_as(n: u32, value: &str) -> String {
    format!("{} {value}", if n == 1 { "namely" } else { "such as" })
}

fn at_least_two(finding: &Finding) -> bool {
    matches!(finding, Finding::Ranking { values, .. } if values.len() >= 2)
}

/// The `n` most frequent values; `None` also when one of them may not be named.
fn top(past: &Past<'_>, target: &Target, n: usize) -> Option<Finding> {
    let (source, field) = (target.source?, target.field?);
    let all = rank(&past.events(source), field);
    let first = &all[..n.min(all.len())];
    let common = past.common(source, field);
    let named = first.iter().all(|(text, _)| common.contains(&***text));
    (named && !all.is_empty()).then(|| Finding::Ranking {
        values: first.iter().map(ranked).collect(),
        distinct: all.len() as u32,
        total: all.iter().map(|(_, count)| count).sum(),
    })
}

fn variety(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let (source, field) = (target.source?, target.field?);
    let all = rank(&past.events(source), field);
    if all.is_empty() {
        return None;
    }
    let name = &past.schema.sources[source].fields()[field].name;
    let quantity = quantity("past.distinct", past.name(source), Some(name));
    let band = past.thresholds.band(&quantity, all.len() as f64)?;
    let of = all.iter().map(|(_, count)| count).sum();
    Some(Finding::Count {
        count: all.len() as u32,
        of,
        band: Some(band),
    })
}

fn value_count(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let events = past.events(target.source?);
    let part = occurrences(&events, target.field?, target.value.as_ref()?);
    (!events.is_empty()).then_some(Finding::Share {
        part,
        whole: events.len() as u32,
    })
}

fn last_time_value(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let events = past.events(target.source?);
    if events.is_empty() {
        return None;
    }
    let last = positions(&events, target.field?, target.value.as_ref()?).last();
    let days = last.map(|i| past.reference.days_since(events.time(i)) as u32);
    Some(Finding::Days { days })
}

fn favourite_within_value(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let (source, field, second) = (target.source?, target.field?, target.second?);
    let events = past.events(source);
    if events.is_empty() {
        return None;
    }
    let mut values: Vec<&str> = positions(&events, field, target.value.as_ref()?)
        .filter_map(|i| events.text(i, second).map(|text| &**text))
        .collect();
    values.sort_unstable();
    let mut counts: Vec<(&str, u32)> = values
        .chunk_by(|a, b| a == b)
        .map(|run| (run[0], run.len() as u32))
        .collect();
    // The sort is stable, so equal counts stay in order of name.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let common = past.common(source, second);
    if counts
        .first()
        .is_some_and(|(value, _)| !common.contains(*value))
    {
        return None;
    }
    Some(Finding::Ranking {
        values: (counts.iter().take(1))
            .map(|(value, count)| RankedValue {
                value: crate::words::shown(value),
                count: *count,
            })
            .collect(),
        distinct: counts.len() as u32,
        total: values.len() as u32,
    })
}

fn preference_between(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let events = past.events(target.source?);
    let field = target.field?;
    let entry = |value: &str| RankedValue {
        value: value.into(),
        count: occurrences(&events, field, value),
    };
    let values = vec![entry(target.value.as_ref()?), entry(target.other.as_ref()?)];
    let total = values.iter().map(|entry| entry.count).sum();
    (total > 0).then_some(Finding::Ranking {
        values,
        distinct: 2,
        total,
    })
}

fn recent_novelty(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let (source, field, days) = (target.source?, target.field?, target.days);
    let before = rank(&past.stretch(source, past.window(source), days), field);
    if before.is_empty() {
        return None;
    }
    let known: std::collections::HashSet<&str> = before.iter().map(|(text, _)| &***text).collect();
    let recent = rank(&past.recent(source, days), field);
    let new: Vec<_> = recent
        .iter()
        .filter(|(text, _)| !known.contains(&***text))
        .collect();
    let common = past.common(source, field);
    let named = new.iter().filter(|(text, _)| common.contains(&***text));
    Some(Finding::Ranking {
        values: named.take(3).map(|entry| ranked(entry)).collect(),
        distinct: new.len() as u32,
        total: new.iter().map(|(_, count)| count).sum(),
    })
}
