//! Families of the future about time and frequency.

use super::definition::{Find, Needs, Rule, Span};
use super::habits::weekday;
use crate::snapshot::{Future, Past, Target, active_days, mode};
use crate::thresholds::quantity;
use crate::triple::{Finding, RankedValue};
use crate::words::{WEEKDAYS, count, days, level, list, times};

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "active_next",
        needs: Needs::Source,
        span: Span::Horizon,
        weight: 1.5,
        find: Find::Future(next_count),
        answer: |facts, w| {
            let Finding::Count { count, .. } = facts.finding else {
                return None;
            };
            let (s, d) = (&w.source, days(w.days as u32));
            Some(match count {
                0 => format!("No, this user will have no {s} in the next {d}."),
                _ => format!("Yes, this user will stay active with {s} in the next {d}."),
            })
        },
        wordings: &[
            "Will this user be active with {s} in the next {d}?",
            "Can we expect any {s} from this person within {d}?",
            "Is this customer going to keep up {s} over the coming {d}?",
            "Do you foresee further {s} during the {d} ahead?",
            "Predict whether there will be at least one of the {s} in {d}.",
        ],
    },
    Rule {
        name: "stop_next",
        needs: Needs::Source,
        span: Span::Horizon,
        weight: 1.5,
        find: Find::Future(next_count),
        answer: |facts, w| {
            let Finding::Count { count, .. } = facts.finding else {
                return None;
            };
            let (s, d) = (&w.source, days(w.days as u32));
            Some(match count {
                0 => format!("Yes, this user will stop: no {s} in the next {d}."),
                _ => format!("No, this user will not stop and will have {s} in the next {d}."),
            })
        },
        wordings: &[
            "Will this user stop having {s} in the next {d}?",
            "Is this customer about to churn, with no {s} for {d}?",
            "How likely is it that {s} cease over the coming {d}?",
            "Are we losing this person? Think of {s} in the next {d}.",
            "Does the profile point to an end of {s} within {d}?",
        ],
    },
    Rule {
        name: "volume_next",
        needs: Needs::Source,
        span: Span::Horizon,
        weight: 1.0,
        find: Find::Future(volume_next),
        answer: |facts, w| {
            let Finding::Count { count: n, band, .. } = facts.finding else {
                return None;
            };
            let (s, d) = (&w.source, days(w.days as u32));
            Some(match band {
                None => format!("This user will have no {s} at all in the next {d}."),
                Some(band) => format!(
                    "The number of this user's {s} in the next {d} will be {}: {}.",
                    level(band),
                    count(n)
                ),
            })
        },
        wordings: &[
            "How many {s} will this user have in the next {d}?",
            "Forecast the number of {s} for the coming {d}.",
            "Will the next {d} bring few or many {s}?",
            "What volume of {s} do you expect from this customer within {d}?",
            "How busy will this person be with {s} over the {d} ahead?",
        ],
    },
    Rule {
        name: "busiest_week_next",
        needs: Needs::Source,
        span: Span::Horizon,
        weight: 0.7,
        find: Find::Future(busiest_week),
        answer: |facts, w| {
            let Finding::Slot { slot, part, .. } = facts.finding else {
                return None;
            };
            let (s, d) = (&w.source, days(w.days as u32));
            Some(match slot {
                None => format!("None: this user will have no {s} in any week of the next {d}."),
                Some(week) => format!(
                    "Week {} of the next {d} will bring most of this user's {s}: {}.",
                    week + 1,
                    count(part)
                ),
            })
        },
        wordings: &[
            "Which week of the next {d} will be busiest for this user's {s}?",
            "When in the coming {d} will {s} peak? Name the week.",
            "In what week from now does this person have most {s}, within {d}?",
            "Over the {d} ahead, will {s} come early or late?",
            "Point to the week with the highest number of {s} in {d}.",
        ],
    },
    Rule {
        name: "busiest_weekday_next",
        needs: Needs::Source,
        span: Span::Horizon,
        weight: 0.7,
        find: Find::Future(busiest_weekday),
        answer: |facts, w| {
            let Finding::Slot { slot, part, .. } = facts.finding else {
                return None;
            };
            let (s, d) = (&w.source, days(w.days as u32));
            Some(match slot {
                None => format!("On no weekday: this user will have no {s} in the next {d}."),
                Some(day) => format!(
                    "{} will be this user's main weekday for {s} in the next {d}, {}.",
                    WEEKDAYS.get(day as usize)?,
                    times(part)
                ),
            })
        },
        wordings: &[
            "On which weekday will this user mostly have {s} in the next {d}?",
            "Predict the main day of the week for {s} over the coming {d}.",
            "Which of the seven days will see this person's {s} most often within {d}?",
            "If {s} go on for {d}, what weekday should we prepare for?",
            "Name the day, Monday to Sunday, that leads the {s} of the {d} ahead.",
        ],
    },
    Rule {
        name: "first_return",
        needs: Needs::Source,
        span: Span::Horizon,
        weight: 1.0,
        find: Find::Future(first_return),
        answer: |facts, w| {
            let Finding::Days { days: after } = facts.finding else {
                return None;
            };
            let (s, d) = (&w.source, days(w.days as u32));
            Some(match after {
                None => format!("No, this user will not return to {s} within {d}."),
                Some(0) => format!("Yes, this user will return to {s} within a day."),
                Some(n) if n < 7 => format!("Yes, this user will return to {s} in {}.", days(n)),
                Some(n) => format!("No, this user will return to {s} only in {}.", days(n)),
            })
        },
        wordings: &[
            "Will this user return to {s} within a week, or later in the next {d}?",
            "How soon will the first of the {s} happen in the coming {d}?",
            "How many days until this person has {s} again, up to {d}?",
            "Is a quick comeback to {s} likely, or a wait of up to {d}?",
            "When will this customer next have {s}? Look {d} ahead.",
        ],
    },
    Rule {
        name: "source_next_quarter",
        needs: Needs::Source,
        span: Span::Quarter,
        weight: 1.0,
        find: Find::Future(any_count),
        answer: |facts, w| {
            let Finding::Count { count, .. } = facts.finding else {
                return None;
            };
            let (s, d) = (&w.source, days(w.days as u32));
            Some(match count {
                0 => format!("No, there will be no {s} from this user in the next {d}."),
                n => format!(
                    "Yes, this user will have {s} in the next {d}, {}.",
                    times(n)
                ),
            })
        },
        wordings: &[
            "Will this user have any {s} in the next {d}?",
            "Over the coming quarter, {d}, are {s} to be expected?",
            "Does this person belong to those with {s} within {d} from now?",
            "Would you target this customer for {s} in the {d} ahead?",
            "Looking {d} forward, say whether {s} will occur.",
        ],
    },
    Rule {
        name: "overview_next",
        needs: Needs::Overall,
        span: Span::Horizon,
        weight: 1.0,
        find: Find::Future(overview),
        answer: |facts, w| {
            let Finding::Ranking { values, .. } = &facts.finding else {
                return None;
            };
            let d = days(w.days as u32);
            let parts: Option<Vec<String>> = (values.iter())
                .map(|entry| {
                    let known = w.sources.iter().find(|(name, _)| *name == entry.value)?;
                    Some(format!("{} {}", count(entry.count), known.1))
                })
                .collect();
            let parts = parts?;
            Some(match parts.is_empty() {
                true => format!("This user will do nothing in the next {d}."),
                false => format!("In the next {d} this user will have {}.", list(&parts)),
            })
        },
        wordings: &[
            "Give an overview of what this user will do in the next {d}.",
            "Across all channels, how much activity is coming within {d}?",
            "Which kinds of behaviour will dominate the coming {d}?",
            "Sketch this person's overall engagement for the {d} ahead.",
            "What mix of actions should we plan for with this customer over {d}?",
        ],
    },
];

/// The number of events in the horizon. It applies to a source in which the user is active.
fn next_count(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let source = target.source?;
    if past.events(source).is_empty() {
        return None;
    }
    any_count(past, future, target)
}

fn any_count(_: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let count = future.events(target.source?).len() as u32;
    Some(Finding::Count {
        count,
        of: count,
        band: None,
    })
}

fn volume_next(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let source = target.source?;
    let name = quantity("next.events", past.name(source), None);
    // Whether the question applies must not depend on this user's future.
    let known = past.thresholds.band(&name, 0.0).is_some();
    if past.events(source).is_empty() || !known {
        return None;
    }
    let count = future.events(source).len() as u32;
    let band = if count > 0 {
        past.thresholds.band(&name, count.into())
    } else {
        None
    };
    Some(Finding::Count {
        count,
        of: count,
        band,
    })
}

/// The largest number of weeks in a horizon. The last week may be shorter.
pub(super) const MAX_WEEKS: usize = 8;

fn busiest_week(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let source = target.source?;
    if past.events(source).is_empty() || future.days < 14 {
        return None;
    }
    let events = future.events(source);
    let last = MAX_WEEKS as u32 - 1;
    let weeks = events
        .times()
        .iter()
        .map(|time| (future.day(*time) / 7).min(last));
    let (slot, part, whole) = mode::<MAX_WEEKS>(weeks);
    Some(Finding::Slot { slot, part, whole })
}

fn busiest_weekday(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let source = target.source?;
    if past.events(source).is_empty() {
        return None;
    }
    let days = active_days(&future.events(source));
    let (slot, part, whole) = mode::<7>(days.iter().map(|&day| weekday(day)));
    Some(Finding::Slot { slot, part, whole })
}

fn first_return(past: &Past<'_>, future: &Future<'_>, target: &Target) -> Option<Finding> {
    let source = target.source?;
    if past.events(source).is_empty() {
        return None;
    }
    let first = future.events(source).times().first().copied();
    Some(Finding::Days {
        days: first.map(|time| future.day(time)),
    })
}

fn overview(past: &Past<'_>, future: &Future<'_>, _: &Target) -> Option<Finding> {
    let mut values: Vec<RankedValue> = past
        .sources()
        .map(|source| RankedValue {
            value: past.name(source).into(),
            count: future.events(source).len() as u32,
        })
        .filter(|entry| entry.count > 0)
        .collect();
    // The sort is stable, so equal counts stay in schema order.
    values.sort_by_key(|entry| std::cmp::Reverse(entry.count));
    let total = values.iter().map(|entry| entry.count).sum();
    let distinct = values.len() as u32;
    values.truncate(3);
    Some(Finding::Ranking {
        values,
        distinct,
        total,
    })
}
