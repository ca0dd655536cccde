//! Families of the future about amounts and values.

use std::collections::HashSet;

use super::definition::{Find, Needs, Rule, Span};
use super::habits::trend;
use super::next::MAX_WEEKS;
use super::values::{new_entries, such_as};
use crate::snapshot::{Future, Past, Target, cents, occurrences, positions, rank, ranked, sum};
use crate::thresholds::quantity;
use crate::triple::{Finding, WeekSummary};
use crate::words::{about, days, level, list, shown, times};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "total_next",
        needs: Needs::Number,
        span: Span::Horizon,
        weight: 1.0,
        find: Find::Future(total_next),
        answer: |facts, w| {
            let Finding::Amount { amount, band } = facts.finding else {
                return None;
            };
            let (n, s, d) = (&w.number, &w.source, days(w.days as u32));
            Some(match band {
                None => format!("There will be no {n} from this user's {s} in the next {d}."),
                Some(band) => format!(
                    "The total {n} of this user's {s} in the next {d} will be {}, about {}.",
                    level(band),
                    about(amount)
                ),
            })
        },
        wordings: &[
            "What will the total {n} of this user's {s} be in the next {d}?",
            "Predict the {n} that this person's {s} add up to over the coming {d}.",
            "Will the {n} from {s} be high or low within {d}?",
            "What value can we expect from this customer, as {n} of {s}, in {d}?",
            "Forecast the summed {n} for {s}: {d} from today.",
        ],
    },
    Rule {
        name: "total_change_next",
        needs: Needs::Number,
        span: Span::Horizon,
        weight: 1.0,
        find: Find::Future(total_change),
        answer: |facts, w| {
            let Finding::Change { before, after } = facts.finding else {
                return None;
            };
            let (n, s, d) = (&w.number, &w.source, days(w.days as u32));
            let change = match trend(before, after) {
                "growing" | "new" => "rise",
                "falling" | "gone" => "fall",
                "absent" => "stay absent",
                _ => "stay about the same",
            };
            Some(format!(
                "The {n} of this user's {s} will {change} in the next {d}: \
                 about {} after {}.",
                about(after),
                about(before)
            ))
        },
        wordings: &[
            "Will the {n} of this user's {s} rise or fall in the next {d}?",
            "How will {n} change over the coming {d} compared with the last {d}, for {s}?",
            "Is this person going to raise or cut the {n} of {s} within {d}?",
            "Higher, lower or equal: what {n} from {s} do you expect during the {d} ahead?",
            "Set the {n} of past {s} against what {d} from now will bring.",
        ],
    },
    Rule {
        name: "top_values_next",
        needs: Needs::Category,
        span: Span::Horizon,
        weight: 1.5,
        find: Find::Future(top_next),
        answer: |facts, w| {
            let Finding::Ranking { values, total, .. } = &facts.finding else {
                return None;
            };
            let names: Vec<String> = values.iter().map(|entry| entry.value.clone()).collect();
            Some(match (names.as_slice(), *total) {
                ([], 0) => w.fill("None: there will be no {s} in the next {d}."),
                ([], _) => w.fill("The {f} of the {s} in the next {d} will not be known."),
                (names, _) => w.fill_with(
                    "This user will mostly {do} {e} in the next {d}.",
                    &list(names),
                ),
            })
        },
        wordings: &[
            "What will this user mainly {do} in the next {d}, by {f} of {s}?",
            "Predict the top {f} values among {s} for the coming {d}.",
            "Which {f} will lead this person's {s} within {d}?",
            "In the {d} ahead, what is this customer most likely {doing}? Name each {f} in {s}.",
            "List the {f} entries that {s} will bring most often over {d}.",
        ],
    },
    Rule {
        name: "will_value",
        needs: Needs::Value,
        span: Span::Horizon,
        weight: 4.0,
        find: Find::Future(value_next),
        answer: |facts, w| {
            let Finding::Share { part, .. } = facts.finding else {
                return None;
            };
            Some(w.fill(match part {
                0 => "No, this user will not {do} {x} in the next {d}.",
                _ => "Yes, this user will {do} {x} in the next {d}.",
            }))
        },
        wordings: &[
            "Will this user {do} {x} in the next {d}?",
            "Is {x} going to be among this person's {s} within {d}?",
            "Can we expect this customer to {do} {x} over the coming {d}?",
            "Does the profile suggest interest in {x} for the {d} ahead?",
            "Predict whether {x} occurs as {f} during the following {d}.",
            "Would an offer for {x} suit what this customer plans for {d} from now?",
        ],
    },
    Rule {
        name: "times_value_next",
        needs: Needs::Value,
        span: Span::Horizon,
        weight: 1.0,
        find: Find::Future(value_next),
        answer: |facts, w| {
            let Finding::Share { part, .. } = facts.finding else {
                return None;
            };
            Some(match part {
                0 => w.fill("This user will {do} no {x} in the next {d}."),
                n => w.fill_with("This user will {do} {x} {e} in the next {d}.", &times(n)),
            })
        },
        wordings: &[
            "How often will this user {do} {x} in the next {d}?",
            "How many of the {s} will have {x} within {d}?",
            "Forecast the count of {x} over the coming {d}.",
            "With what frequency should we expect {x} from this person during {d}?",
            "Give a number: times this customer {does} {x} in the {d} ahead.",
        ],
    },
    Rule {
        name: "total_value_next",
        needs: Needs::NumberValue,
        span: Span::Horizon,
        weight: 0.7,
        find: Find::Future(total_value_next),
        answer: |facts, w| {
            let Finding::Amount { amount, .. } = facts.finding else {
                return None;
            };
            let amount = about(amount);
            Some(match amount.as_str() {
                "0" => w.fill("The {n} for {x} will be nothing in the next {d}."),
                _ => w.fill_with(
                    "The {n} for {x} will be about {e} in the next {d}.",
                    &amount,
                ),
            })
        },
        wordings: &[
            "What {n} will this user reach for {x} in the next {d}?",
            "Over the coming {d}, how large is the {n} for {x} going to be?",
            "Estimate this person's {n} on {x} within {d}.",
            "For {x} alone, what total {n} lies in the {d} ahead?",
            "Is {x} worth much to this customer in terms of {n} during {d}?",
        ],
    },
    Rule {
        name: "new_values_next",
        needs: Needs::Category,
        span: Span::Horizon,
        weight: 1.0,
        find: Find::Future(new_next),
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
                    format!("No, this user will try no new {f} in the next {d}.")
                }
                None => {
                    let new = new_entries(*distinct, f);
                    format!("Yes, this user will try {new} in the next {d}.")
                }
                Some(first) => format!(
                    "Yes, this user will try {} in the next {d}, {}.",
                    new_entries(*distinct, f),
                    such_as(*distinct, &first.value)
                ),
            })
        },
        wordings: &[
            "Will this user try any new {f} among {s} in the next {d}?",
            "What {f}, so far absent from the {s}, will come up within {d}?",
            "Is this person open to a {f} not seen before, over the coming {d} of {s}?",
            "How many fresh {f} values will enter the {s} during {d}?",
            "Will the {d} ahead widen the range of {f} in this customer's {s}?",
        ],
    },
    Rule {
        name: "summary_next",
        needs: Needs::Category,
        span: Span::Horizon,
        weight: 1.5,
        find: Find::Future(summary),
        answer: |facts, w| {
            let Finding::Weeks { weeks } = &facts.finding else {
                return None;
            };
            let parts: Vec<String> = (weeks.iter().enumerate())
                .map(|(i, week)| match (week.events, &week.value) {
                    (0, _) => format!("week {}: none", i + 1),
                    (n, None) => format!("week {}: {}", i + 1, about(n.into())),
                    (n, Some(value)) => format!("week {}: {} {value}", i + 1, about(n.into())),
                })
                .collect();
            if weeks.iter().all(|week| week.events == 0) {
                return Some(w.fill("In the next {d} this user will have no {s}."));
            }
            // "Week 1: 24 BEEF" would read as 24 events of BEEF, but BEEF is only the first among
            // them.
            Some(format!(
                "Coming {}, chiefly: {}.",
                w.source,
                parts.join("; ")
            ))
        },
        wordings: &[
            "Summarise this user's {s} in the next {d}, week by week, with the {f}.",
            "What will the coming {d} look like in {s}? Give a typical {f} for each week.",
            "Write a short outlook on {s} for {d}, with varied {f} examples.",
            "Plan the {d} ahead: how many {s} per week, and which {f} stands out?",
            "Describe the course of this person's {s} over {d} by weekly counts and {f}.",
        ],
    },
];

fn total_next(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let (source, number) = (target.source?, target.number?);
    let field = &past.schema.sources[source].fields()[number].name;
    let name = quantity("next.sum", past.name(source), Some(field));
    // Whether the question applies must not depend on this user's future.
    let known = past.thresholds.band(&name, 0.0).is_some();
    if past.events(source).is_empty() || !known {
        return None;
    }
    let (sum, events) = sum(&future.events(source), number);
    let amount = cents(sum);
    let band = if events > 0 {
        past.thresholds.band(&name, amount)
    } else {
        None
    };
    Some(Finding::Amount { amount, band })
}

fn total_change(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let (source, number) = (target.source?, target.number?);
    // The period before must lie within the profile's window.
    if future.days > past.window(source) {
        return None;
    }
    let (before, events) = sum(&past.recent(source, future.days), number);
    let (after, _) = sum(&future.events(source), number);
    (events > 0).then_some(Finding::Change {
        before: cents(before),
        after: cents(after),
    })
}

fn top_next(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let (source, field) = (target.source?, target.field?);
    if past.events(source).is_empty() {
        return None;
    }
    let events = future.events(source);
    let all = rank(&events, field);
    // The choice of questions must not depend on the future, so a value that may not be named is
    // left out of the answer.
    let common = past.common(source, field);
    let first = all.iter().take(3);
    let named = first.filter(|(text, _)| common.contains(&***text));
    Some(Finding::Ranking {
        values: named.map(ranked).collect(),
        distinct: all.len() as u32,
        total: events.len() as u32,
    })
}

fn value_next(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let source = target.source?;
    if past.events(source).is_empty() {
        return None;
    }
    let events = future.events(source);
    let part = occurrences(&events, target.field?, target.value.as_ref()?);
    Some(Finding::Share {
        part,
        whole: events.len() as u32,
    })
}

fn total_value_next(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let (source, number) = (target.source?, target.number?);
    if past.events(source).is_empty() {
        return None;
    }
    let events = future.events(source);
    let amount: f64 = positions(&events, target.field?, target.value.as_ref()?)
        .filter_map(|i| events.number(i, number))
        .sum();
    Some(Finding::Amount {
        amount: cents(amount),
        band: None,
    })
}

fn new_next(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let (source, field) = (target.source?, target.field?);
    let known = rank(&past.events(source), field);
    if known.is_empty() {
        return None;
    }
    let known: HashSet<&str> = known.iter().map(|(text, _)| &***text).collect();
    let next = rank(&future.events(source), field);
    let new: Vec<_> = next
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

/// The events of each week, and for each week the most frequent value that no earlier week has:
/// by frequency, then diversity.
fn summary(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let (source, field) = (target.source?, target.field?);
    let weeks = (future.days / 7) as usize;
    if past.events(source).is_empty() || !(1..=MAX_WEEKS).contains(&weeks) {
        return None;
    }
    let common = past.common(source, field);
    let mut given: HashSet<String> = HashSet::new();
    let weeks = (0..weeks as i64).map(|week| {
        let from = future.reference.plus_days(7 * week);
        // The last week also covers the days that fill no week.
        let to = if week + 1 == weeks as i64 {
            future.days
        } else {
            7 * (week + 1)
        };
        let events = future
            .events(source)
            .between(from, future.reference.plus_days(to));
        let mut values = rank(&events, field);
        values.retain(|(text, _)| common.contains(&***text));
        let names = || values.iter().map(|(text, _)| shown(text));
        let value = names()
            .find(|name| !given.contains(name))
            .or_else(|| names().next());
        given.extend(value.clone());
        WeekSummary {
            events: events.len() as u32,
            value,
        }
    });
    Some(Finding::Weeks {
        weeks: weeks.collect(),
    })
}
