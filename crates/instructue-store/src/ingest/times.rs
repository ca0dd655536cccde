//! Rules for valid times: between two bounds, and not far from the times of all events.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};

use instructue_schema::{Column, ColumnType, SECONDS_PER_DAY, TimePolicy, TimeUnit, Timestamp};

use super::bad_row::BadValue;
use crate::error::RowProblem;

/// Clocks differ, and a day begins earlier in other time zones.
const TOLERANCE_DAYS: i64 = 1;

/// A guess of the unit must lead to a time after this one: 1980-01-01.
const GUESSED_FROM: i64 = 315_532_800;

/// With fewer events than this, no event is judged by the others.
const MIN_EVENTS: u64 = 20;

/// One in this many events, and at least one, may be far from all others.
const FAR_SHARE: u64 = 100;

/// A shorter gap, in days, separates no events.
const MIN_GAP_DAYS: i64 = 366;

/// The bounds of the times in a source.
#[derive(Debug, Clone)]
pub(crate) struct TimeBounds {
    first: Option<i64>,
    last: Option<i64>,
    /// Whether the last time was given by the caller, and not taken from the clock.
    given: bool,
}

impl TimeBounds {
    /// `latest` is the caller's bound, `now` the time of the machine's clock, if it runs.
    pub(crate) fn new(
        policy: TimePolicy,
        latest: Option<Timestamp>,
        now: Option<Timestamp>,
    ) -> Self {
        let plausible = policy == TimePolicy::Plausible;
        let of_clock = now.filter(|_| plausible);
        let of_clock = of_clock.map(|now| now.plus_days(TOLERANCE_DAYS));
        Self {
            first: plausible.then_some(0),
            last: latest.or(of_clock).map(|time| time.0),
            given: latest.is_some(),
        }
    }

    /// Refuses a time of `column` outside the bounds.
    pub(crate) fn check(&self, column: &Column, time: i64) -> Result<(), BadValue> {
        if let Some(last) = self.last.filter(|last| time > *last) {
            return Err(self.late(column, time, last));
        }
        let Some(first) = self.first else {
            return Ok(());
        };
        if time < first {
            let expected = format!("a time from {} on ({ANY})", Timestamp(first));
            let found = Timestamp(time).to_string();
            return Err(BadValue::new(RowProblem::BeforeEpoch, expected, found));
        }
        match column.unit.and_then(|unit| self.coarser(unit, time)) {
            Some(unit) => Err(wrong_unit(column, time, unit)),
            None => Ok(()),
        }
    }

    fn late(&self, column: &Column, time: i64, last: i64) -> BadValue {
        let numbers = column.ty == ColumnType::Int || column.unit.is_some();
        if let Some(unit) = self.finer(column.unit(), time).filter(|_| numbers) {
            return wrong_unit(column, time, unit);
        }
        let last = Timestamp(last);
        let expected = match self.given {
            true => format!("a time up to {last}"),
            false => format!("a time up to {last}, a day past this machine's clock ({ANY})"),
        };
        BadValue::new(
            RowProblem::FutureDated,
            expected,
            Timestamp(time).to_string(),
        )
    }

    /// The finer unit in which `time`, read in `unit`, would be plausible.
    fn finer(&self, unit: TimeUnit, time: i64) -> Option<TimeUnit> {
        let mut finer = TimeUnit::ALL.into_iter().filter(|other| *other > unit);
        finer.find(|other| self.is_likely(time / (other.per_second() / unit.per_second())))
    }

    /// The coarser unit in which `time`, which in `unit` lies in the year 1970, would be
    /// plausible.
    fn coarser(&self, unit: TimeUnit, time: i64) -> Option<TimeUnit> {
        if time >= MIN_GAP_DAYS * SECONDS_PER_DAY {
            return None;
        }
        let coarser = TimeUnit::ALL.into_iter().filter(|other| *other < unit);
        let mut coarser = coarser.rev();
        coarser.find(|other| {
            let factor = unit.per_second() / other.per_second();
            time.checked_mul(factor)
                .is_some_and(|time| self.is_likely(time))
        })
    }

    fn is_likely(&self, time: i64) -> bool {
        time >= GUESSED_FROM && self.last.is_none_or(|last| time <= last)
    }
}

const ANY: &str = "`times = \"any\"` in the schema takes every time";

fn wrong_unit(column: &Column, time: i64, unit: TimeUnit) -> BadValue {
    let expected = format!("{} since 1970 ({ANY})", column.unit().plural());
    let found = format!(
        "what would be {}: looks like {}, say `unit = \"{}\"` at the column in the schema",
        Timestamp(time),
        unit.plural(),
        unit.as_str()
    );
    BadValue::new(RowProblem::WrongUnit, expected, found)
}

/// The time of the machine's clock; `None` when it is before 1970.
pub(crate) fn now() -> Option<Timestamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(Timestamp)
}

/// The number of events on each day. Times within [`TimeBounds`] cover few days.
#[derive(Debug, Default)]
pub(crate) struct DayCounts {
    days: BTreeMap<i64, Day>,
}

#[derive(Debug, Clone, Copy)]
struct Day {
    events: u64,
    /// File, row and time of the first event that was read.
    first: (u32, u64, i64),
}

impl DayCounts {
    pub(crate) fn add(&mut self, time: i64, (file, row): (u32, u64)) {
        let day = self.days.entry(time.div_euclid(SECONDS_PER_DAY));
        let day = day.or_insert(Day {
            events: 0,
            first: (file, row, time),
        });
        day.events += 1;
    }

    /// Whether any event is `near`. If no times were counted, the answer is no.
    pub(crate) fn any_near(&self, near: &Near) -> bool {
        self.days.range(near.days.clone()).next().is_some()
    }

    /// File, row and time of the first event whose day is not one of `near`.
    pub(crate) fn first_beyond(&self, near: &Near) -> Option<(u32, u64, i64)> {
        let far = self.days.iter().filter(|(day, _)| !near.days.contains(day));
        far.map(|(_, day)| day.first).min()
    }
}

/// The range of days that holds all events except those far from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Near {
    days: RangeInclusive<i64>,
}

impl Near {
    /// The range of days; `None` when no event is far.
    pub(crate) fn of<'a>(sources: impl Iterator<Item = &'a DayCounts>) -> Option<Self> {
        let mut days: BTreeMap<i64, u64> = BTreeMap::new();
        for (day, counted) in sources.flat_map(|source| &source.days) {
            *days.entry(*day).or_default() += counted.events;
        }
        let events: u64 = days.values().sum();
        if events < MIN_EVENTS {
            return None;
        }
        let few = (events / FAR_SHARE).max(1);
        // Without the first and last few events, the span of the rest grows from day to day over
        // every gap that separates no events.
        let mut first = day_of(days.iter(), few)?;
        let mut last = day_of(days.iter().rev(), few)?;
        for (day, _) in days.range(last..).skip(1) {
            if is_far(day - last, last - first) {
                break;
            }
            last = *day;
        }
        for (day, _) in days.range(..first).rev() {
            if is_far(first - day, last - first) {
                break;
            }
            first = *day;
        }
        let all = days.first_key_value()?.0..=days.last_key_value()?.0;
        (all != (&first..=&last)).then_some(Self { days: first..=last })
    }

    pub(crate) fn holds(&self, time: i64) -> bool {
        self.days.contains(&time.div_euclid(SECONDS_PER_DAY))
    }

    /// The problem of a `time` that is far.
    pub(crate) fn refuse(&self, time: i64) -> BadValue {
        let day = |day: &i64| Timestamp(0).plus_days(*day).to_text();
        let expected = format!(
            "a time near those of all other events, {} to {} ({ANY})",
            day(self.days.start()),
            day(self.days.end())
        );
        BadValue::new(RowProblem::FarTime, expected, Timestamp(time).to_string())
    }
}

fn is_far(gap: i64, rest: i64) -> bool {
    gap > MIN_GAP_DAYS.max(rest)
}

/// The day of the event after the first `few`.
fn day_of<'a>(days: impl Iterator<Item = (&'a i64, &'a u64)>, few: u64) -> Option<i64> {
    let mut seen = 0;
    for (day, events) in days {
        seen += events;
        if seen > few {
            return Some(*day);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts are `(day, events)`.
    fn near(days: &[(i64, u64)]) -> Option<(i64, i64)> {
        let mut counts = DayCounts::default();
        let mut row = 0;
        for (day, events) in days {
            for _ in 0..*events {
                counts.add(day * SECONDS_PER_DAY + 5, (0, row));
                row += 1;
            }
        }
        let near = Near::of(std::iter::once(&counts))?;
        Some((*near.days.start(), *near.days.end()))
    }

    #[test]
    fn few_events_behind_a_long_gap_are_far() {
        let quarter: Vec<_> = (20_000..20_090).map(|day| (day, 3)).collect();
        assert_eq!(near(&quarter), None);
        let with = |extra: &[(i64, u64)]| near(&[&quarter[..], extra].concat());
        for far in [0, 15_000, 19_600, 20_480, 24_000] {
            assert_eq!(with(&[(far, 1)]), Some((20_000, 20_089)), "{far}");
        }
        // Far events may be on both sides and more than one, but at most one in a hundred.
        assert_eq!(with(&[(0, 1), (24_000, 1)]), Some((20_000, 20_089)));
        assert_eq!(with(&[(24_000, 2)]), Some((20_000, 20_089)));
        assert_eq!(with(&[(24_000, 4)]), None);
        // These events lie within a year of the rest.
        assert_eq!(with(&[(19_640, 1), (20_450, 1)]), None);
    }

    #[test]
    fn a_gap_is_measured_by_the_whole_rest() {
        // Ten years of events, and another event nine years later.
        let years: Vec<_> = (0..3650).map(|day| (10_000 + day, 1)).collect();
        assert_eq!(near(&[&years[..], &[(16_900, 1)]].concat()), None);
        let far = near(&[&years[..], &[(17_400, 1)]].concat());
        assert_eq!(far, Some((10_000, 13_649)));
        // The events grow sparser towards the past, but no gap separates them.
        let thin: Vec<_> = (0..20).map(|i| (20_000 - 30 * i * i, 1)).collect();
        let dense: Vec<_> = (20_001..20_100).map(|day| (day, 50)).collect();
        assert_eq!(near(&[thin, dense].concat()), None);
    }

    #[test]
    fn few_events_say_nothing() {
        assert_eq!(near(&[(20_000, 18), (0, 1)]), None);
        assert_eq!(near(&[(20_000, 19), (0, 1)]), Some((20_000, 20_000)));
        assert_eq!(near(&[]), None);
        assert_eq!(near(&[(20_000, 10), (10_000, 10)]), None);
    }

    #[test]
    fn a_source_of_another_time_is_not_far() {
        let of = |days: std::ops::Range<i64>, each: u64| {
            let mut counts = DayCounts::default();
            for (row, day) in days.flat_map(|day| (0..each).map(move |_| day)).enumerate() {
                counts.add(day * SECONDS_PER_DAY, (0, row as u64));
            }
            counts
        };
        let (shop, signed_up) = (of(20_000..20_090, 50), of(17_000..17_020, 1));
        let near = Near::of([&shop, &signed_up].into_iter()).unwrap();
        assert!(shop.any_near(&near) && !signed_up.any_near(&near));
        assert!(!DayCounts::default().any_near(&near));
    }

    #[test]
    fn the_first_far_row_is_named() {
        let mut counts = DayCounts::default();
        for row in 0..50 {
            counts.add(20_000 * SECONDS_PER_DAY, (1, row));
        }
        counts.add(7, (1, 50));
        let near = Near::of(std::iter::once(&counts)).unwrap();
        assert_eq!(counts.first_beyond(&near), Some((1, 50, 7)));
        assert!(!near.holds(7) && near.holds(20_000 * SECONDS_PER_DAY + 86_399));
    }
}
