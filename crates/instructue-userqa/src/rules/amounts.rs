//! Families of the past about number fields.

use super::definition::{Find, Needs, Rule, Span};
use super::habits::trend;
use crate::snapshot::{Past, Target, cents, sum};
use crate::thresholds::quantity;
use crate::triple::Finding;
use crate::words::{about, days, level, shown};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "total_level",
        needs: Needs::Number,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(total_level),
        answer: |facts, w| {
            let Finding::Amount {
                amount,
                band: Some(band),
            } = facts.finding
            else {
                return None;
            };
            let (level, n, s) = (level(band), &w.number, &w.source);
            let (amount, d) = (about(amount), days(w.days as u32));
            Some(match amount.as_str() {
                "0" => format!("The total {n} of this user's {s} is zero in the last {d}."),
                _ => format!(
                    "The total {n} of this user's {s} is {level}: about {amount} in the last {d}."
                ),
            })
        },
        wordings: &[
            "What is the total {n} of this user's {s} in the last {d}?",
            "Add up the {n} over all recent {s}: is it high or low?",
            "How large is this customer's overall {n} from {s}?",
            "Is this a big or a small spender, judging by the {n} of {s}?",
            "Which level does the summed {n} reach for this person's {s}?",
        ],
    },
    Rule {
        name: "average_level",
        needs: Needs::Number,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(average_level),
        answer: |facts, w| {
            let Finding::Amount {
                amount,
                band: Some(band),
            } = facts.finding
            else {
                return None;
            };
            let (level, n, s, amount) = (level(band), &w.number, &w.source, about(amount));
            Some(format!(
                "The average {n} of this user's {s} is {level}, about {amount} each."
            ))
        },
        wordings: &[
            "What is the average {n} of this user's {s}?",
            "Which {n} is typical for one of the {s} here?",
            "Per event, what {n} do this person's {s} show?",
            "Does this customer go for small or large {n} in single {s}?",
            "Describe the mean {n} over the {s} of the profile.",
        ],
    },
    Rule {
        name: "total_trend",
        needs: Needs::Number,
        span: Span::Recent,
        weight: 1.0,
        find: Find::Past(total_trend),
        answer: |facts, w| {
            let Finding::Change { before, after } = facts.finding else {
                return None;
            };
            let (n, s, d) = (&w.number, &w.source, days(w.days as u32));
            let (trend, was, is) = (trend(before, after), about(before), about(after));
            Some(format!(
                "The {n} of this user's {s} is {trend}: about {is} in the last {d}, \
                 about {was} in the {d} before."
            ))
        },
        wordings: &[
            "How has the {n} of this user's {s} changed over the last {d}?",
            "Is the {n} over all {s} growing or shrinking?",
            "Compare this month's {n} of {s} with the month before.",
            "What is the trend in {n} for this customer's {s}?",
            "Lately, do {s} add up to a higher or lower {n} than they used to?",
        ],
    },
    Rule {
        name: "biggest_event",
        needs: Needs::NumberCategory,
        span: Span::Window,
        weight: 0.7,
        find: Find::Past(biggest_event),
        answer: |facts, w| {
            let Finding::Peak { amount, value } = &facts.finding else {
                return None;
            };
            let (n, s, f, amount) = (&w.number, &w.source, &w.field, about(*amount));
            Some(format!(
                "The largest {n} among this user's {s} is about {amount}, with {f} {value}."
            ))
        },
        wordings: &[
            "Which {f} had the largest {n} among this user's {s}?",
            "What was the biggest of the {s} by {n}, and what {f} was it?",
            "Find the single highest {n} in the last {d} and name its {f}.",
            "For which {f} did this person have the top {n}?",
            "Name the {f} behind this customer's peak {n} within {s}.",
        ],
    },
];

fn total_level(past: &Past<'_>, target: &Target) -> Option<Finding> {
    level_of(past, target, "past.sum", |sum, _| sum)
}

fn average_level(past: &Past<'_>, target: &Target) -> Option<Finding> {
    level_of(past, target, "past.mean", |sum, events| {
        sum / f64::from(events)
    })
}

fn level_of(
    past: &Past<'_>,
    target: &Target,
    measure: &str,
    amount: fn(f64, u32) -> f64,
) -> Option<Finding> {
    let (source, number) = (target.source?, target.number?);
    let (sum, events) = sum(&past.events(source), number);
    if events == 0 {
        return None;
    }
    let amount = cents(amount(sum, events));
    let field = &past.schema.sources[source].fields()[number].name;
    let band = past
        .thresholds
        .band(&quantity(measure, past.name(source), Some(field)), amount)?;
    Some(Finding::Amount {
        amount,
        band: Some(band),
    })
}

fn total_trend(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let (source, number, days) = (target.source?, target.number?, target.days);
    let (after, new) = sum(&past.recent(source, days), number);
    let (before, old) = sum(&past.stretch(source, 2 * days, days), number);
    (new + old > 0 && (before != 0.0 || after != 0.0)).then_some(Finding::Change {
        before: cents(before),
        after: cents(after),
    })
}

fn biggest_event(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let (source, number, field) = (target.source?, target.number?, target.field?);
    let events = past.events(source);
    let mut best: Option<(f64, usize)> = None;
    for i in 0..events.len() {
        let Some(amount) = events.number(i, number) else {
            continue;
        };
        // The first of equal amounts counts. A field that is always zero has no peak.
        if amount > 0.0
            && events.text(i, field).is_some()
            && best.is_none_or(|(top, _)| amount > top)
        {
            best = Some((amount, i));
        }
    }
    let (amount, i) = best?;
    let value = events.text(i, field)?;
    let common = past.common(source, field);
    common.contains(&**value).then(|| Finding::Peak {
        amount: cents(amount),
        value: shown(value),
    })
}
