//! Families of the past about time and frequency.

use instructue_schema::SECONDS_PER_DAY;

use super::definition::{Find, Needs, Rule, Span};
use crate::snapshot::{Past, Target, active_days, mode};
use crate::thresholds::quantity;
use crate::triple::{Finding, RankedValue};
use crate::words::{DAY_PARTS, OFTEN, WEEKDAYS, count, days, level, list, percent, times};

/// Fewer active days show no habit.
const HABIT_DAYS: usize = 3;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "visit_frequency",
        needs: Needs::Source,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(visit_frequency),
        answer: |facts, w| {
            let Finding::Count {
                count,
                of,
                band: Some(band),
            } = facts.finding
            else {
                return None;
            };
            let often = OFTEN[usize::from(band).min(4)];
            let s = &w.source;
            Some(format!(
                "This user has {s} {often}, on {count} of the last {}.",
                days(of)
            ))
        },
        wordings: &[
            "How often does this user have {s}?",
            "On how many of the last {d} were there any {s}?",
            "Describe the frequency of this user's {s}.",
            "Is this a frequent or an occasional user when it comes to {s}?",
            "Tell me how regularly {s} turn up in this person's recent history.",
        ],
    },
    Rule {
        name: "event_volume",
        needs: Needs::Source,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(event_volume),
        answer: |facts, w| {
            let Finding::Count {
                count: n,
                band: Some(band),
                ..
            } = facts.finding
            else {
                return None;
            };
            let (level, s, n) = (level(band), &w.source, count(n));
            let d = days(w.days as u32);
            Some(format!(
                "The number of this user's {s} is {level}: {n} in the last {d}."
            ))
        },
        wordings: &[
            "How many {s} did this user have during the last {d}?",
            "What is the volume of {s} in this profile?",
            "Count this person's recent {s}.",
            "Compared with others, does this user have many or few {s}?",
            "Estimate how heavy this customer's use is, measured by {s}.",
        ],
    },
    Rule {
        name: "usual_weekday",
        needs: Needs::Source,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(usual_weekday),
        answer: |facts, w| {
            let Finding::Slot {
                slot: Some(slot),
                part,
                whole,
            } = facts.finding
            else {
                return None;
            };
            let (day, s) = (WEEKDAYS.get(slot as usize)?, &w.source);
            let share = percent(part, whole);
            Some(format!(
                "{day} is this user's usual weekday for {s}, with {share} of the active days."
            ))
        },
        wordings: &[
            "On which weekday does this user usually have {s}?",
            "What is the favourite day of the week for {s} here?",
            "Which day sees most of this person's {s}?",
            "If you had to bet on a weekday for this customer's {s}, which one?",
            "Name the weekday that dominates the history of {s}.",
        ],
    },
    Rule {
        name: "usual_time_of_day",
        needs: Needs::Clock,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(usual_time_of_day),
        answer: |facts, w| {
            let Finding::Slot {
                slot: Some(slot),
                part,
                whole,
            } = facts.finding
            else {
                return None;
            };
            let (time, s) = (DAY_PARTS.get(slot as usize)?, &w.source);
            Some(format!(
                "This user's {s} mostly happen {time}, {} of them.",
                percent(part, whole)
            ))
        },
        wordings: &[
            "At what time of day do this user's {s} usually happen?",
            "Is this a morning, afternoon, evening or night person, judging by {s}?",
            "When during the day are {s} most likely for this customer?",
            "Which part of the day is preferred for {s}?",
            "Describe the daily rhythm seen in this profile's {s}.",
        ],
    },
    Rule {
        name: "weekend_share",
        needs: Needs::Source,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(weekend_share),
        answer: |facts, w| {
            let Finding::Share { part, whole } = facts.finding else {
                return None;
            };
            let (s, share) = (&w.source, percent(part, whole));
            // Two days of seven are 29 %.
            let kind = match 100 * part / whole.max(1) {
                0..20 => "mainly on working days",
                20..40 => "through the whole week",
                _ => "mainly at the weekend",
            };
            Some(format!(
                "This user has {s} {kind}: {share} of the active days are Saturdays or Sundays."
            ))
        },
        wordings: &[
            "Does this user have {s} mainly at the weekend or on working days?",
            "What share of the days with {s} are Saturdays or Sundays?",
            "Is this a weekend person as far as {s} go?",
            "How much of this customer's {s} falls on weekends?",
            "Weekend or midweek: when do {s} take place for this profile?",
        ],
    },
    Rule {
        name: "days_since_last",
        needs: Needs::Source,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(days_since_last),
        answer: |facts, w| {
            let Finding::Days { days: Some(n) } = facts.finding else {
                return None;
            };
            let s = &w.source;
            Some(match n {
                0 => format!("The most recent of this user's {s} happened within the last day."),
                n => format!(
                    "The most recent of this user's {s} happened {} ago.",
                    days(n)
                ),
            })
        },
        wordings: &[
            "How long ago did the latest of this user's {s} happen?",
            "How many days have passed since this person last had {s}?",
            "How recent are the newest {s} in the profile?",
            "When were {s} last seen for this customer?",
            "Tell me the recency of this user's {s}.",
        ],
    },
    Rule {
        name: "usual_gap",
        needs: Needs::Source,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(usual_gap),
        answer: |facts, w| {
            let Finding::Days { days: Some(n) } = facts.finding else {
                return None;
            };
            Some(format!(
                "Between two days with {} this user typically lets {} pass.",
                w.source,
                days(n)
            ))
        },
        wordings: &[
            "What is the typical gap between two days with {s}?",
            "How many days does this user usually wait before having {s} again?",
            "Describe the rhythm at which {s} repeat.",
            "How far apart are this person's active days for {s}?",
            "After a day with {s}, how soon does this customer usually come back?",
        ],
    },
    Rule {
        name: "activity_trend",
        needs: Needs::Source,
        span: Span::Recent,
        weight: 1.0,
        find: Find::Past(activity_trend),
        answer: |facts, w| {
            let Finding::Change { before, after } = facts.finding else {
                return None;
            };
            let (s, d) = (&w.source, days(w.days as u32));
            let (was, is) = (count(before as u32), count(after as u32));
            let trend = trend(before, after);
            Some(format!(
                "This user's {s} are {trend}: {is} in the last {d}, after {was} in the {d} before."
            ))
        },
        wordings: &[
            "Is this user becoming more or less active in {s}?",
            "Compare the number of {s} in the last {d} with the period before.",
            "What is the trend of this person's {s}?",
            "Are {s} growing, stable or fading for this customer?",
            "Has the level of {s} changed recently?",
        ],
    },
    Rule {
        name: "source_activity",
        needs: Needs::Source,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(source_activity),
        answer: |facts, w| {
            let Finding::Count { count, .. } = facts.finding else {
                return None;
            };
            let (s, d) = (&w.source, days(w.days as u32));
            Some(match count {
                0 => format!("No, this user had no {s} in the last {d}."),
                n => format!("Yes, this user had {s} in the last {d}, {}.", times(n)),
            })
        },
        wordings: &[
            "Has this user had any {s} in the last {d}?",
            "Are there {s} in this profile at all?",
            "Did this person have {s} lately?",
            "Check whether {s} occurred for this customer over the past {d}.",
            "Is there any sign of {s} here?",
        ],
    },
    Rule {
        name: "main_source",
        needs: Needs::Overall,
        span: Span::Window,
        weight: 1.0,
        find: Find::Past(main_source),
        answer: |facts, w| {
            let Finding::Ranking { values, total, .. } = &facts.finding else {
                return None;
            };
            let names: Option<Vec<String>> = (values.iter())
                .map(|entry| {
                    let known = w.sources.iter().find(|(name, _)| *name == entry.value)?;
                    Some(format!("{} ({})", known.1, percent(entry.count, *total)))
                })
                .collect();
            Some(format!("This user is most active in {}.", list(&names?)))
        },
        wordings: &[
            "In which area is this user most active?",
            "Where does most of this person's activity come from?",
            "Rank the kinds of behaviour this customer shows most.",
            "What does this user mainly do on the platform?",
            "Which type of record fills the profile of the last {d}?",
        ],
    },
];

/// The word for a change: more than a quarter up or down counts as one.
pub(super) fn trend(before: f64, after: f64) -> &'static str {
    if before <= 0.0 && after <= 0.0 {
        "absent"
    } else if before <= 0.0 {
        "new"
    } else if after <= 0.0 {
        "gone"
    } else if after > 1.25 * before {
        "growing"
    } else if after < 0.75 * before {
        "falling"
    } else {
        "stable"
    }
}

fn visit_frequency(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let source = target.source?;
    let days = active_days(&past.events(source)).len();
    if days == 0 {
        return None;
    }
    let name = quantity("past.days", past.name(source), None);
    let band = past.thresholds.band(&name, days as f64)?;
    Some(Finding::Count {
        count: days as u32,
        of: target.days as u32,
        band: Some(band),
    })
}

fn event_volume(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let source = target.source?;
    let events = past.events(source).len();
    if events == 0 {
        return None;
    }
    let name = quantity("past.events", past.name(source), None);
    let band = past.thresholds.band(&name, events as f64)?;
    Some(Finding::Count {
        count: events as u32,
        of: events as u32,
        band: Some(band),
    })
}

fn usual_weekday(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let days = active_days(&past.events(target.source?));
    if days.len() < HABIT_DAYS {
        return None;
    }
    let (slot, part, whole) = mode::<7>(days.iter().map(|&day| weekday(day)));
    Some(Finding::Slot { slot, part, whole })
}

/// The weekday from Monday = 0. `day` counts from 1970-01-01, a Thursday.
pub(super) fn weekday(day: i64) -> u32 {
    (day + 3).rem_euclid(7) as u32
}

fn usual_time_of_day(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let events = past.events(target.source?);
    if active_days(&events).len() < HABIT_DAYS {
        return None;
    }
    // Events in the same quarter of a day count once, because a large basket is one visit.
    let quarter = SECONDS_PER_DAY / 4;
    let mut visits: Vec<i64> = events
        .times()
        .iter()
        .map(|time| time.0.div_euclid(quarter))
        .collect();
    visits.dedup();
    let (slot, part, whole) = mode::<4>(visits.iter().map(|visit| visit.rem_euclid(4) as u32));
    Some(Finding::Slot { slot, part, whole })
}

fn weekend_share(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let days = active_days(&past.events(target.source?));
    if days.len() < HABIT_DAYS {
        return None;
    }
    let part = days.iter().filter(|&&day| weekday(day) >= 5).count();
    Some(Finding::Share {
        part: part as u32,
        whole: days.len() as u32,
    })
}

fn days_since_last(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let events = past.events(target.source?);
    let last = events.times().last()?;
    Some(Finding::Days {
        days: Some(past.reference.days_since(*last) as u32),
    })
}

fn usual_gap(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let days = active_days(&past.events(target.source?));
    if days.len() < HABIT_DAYS {
        return None;
    }
    let mut gaps: Vec<i64> = days.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_unstable();
    Some(Finding::Days {
        days: Some(gaps[(gaps.len() - 1) / 2] as u32),
    })
}

fn activity_trend(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let (source, days) = (target.source?, target.days);
    let after = past.recent(source, days).len();
    let before = past.stretch(source, 2 * days, days).len();
    (before + after > 0).then_some(Finding::Change {
        before: before as f64,
        after: after as f64,
    })
}

fn source_activity(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let events = past.events(target.source?).len() as u32;
    Some(Finding::Count {
        count: events,
        of: events,
        band: None,
    })
}

fn main_source(past: &Past<'_>, target: &Target) -> Option<Finding> {
    let mut counts: Vec<(usize, u32)> = past
        .sources()
        .map(|source| (source, past.recent(source, target.days).len() as u32))
        .filter(|(_, events)| *events > 0)
        .collect();
    if counts.is_empty() {
        return None;
    }
    // The sort is stable, so equal counts stay in schema order.
    counts.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
    let total = counts.iter().map(|(_, events)| events).sum();
    let values = (counts.iter().take(3))
        .map(|(source, events)| RankedValue {
            value: past.name(*source).into(),
            count: *events,
        })
        .collect();
    Some(Finding::Ranking {
        values,
        distinct: counts.len() as u32,
        total,
    })
}
