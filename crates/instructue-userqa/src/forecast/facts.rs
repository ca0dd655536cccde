//! What a history holds around a reference time, by value: all that labels of forecasts read.

use std::collections::{BTreeSet, HashMap};

use instructue_schema::{
    ColumnRole, Events, History, SECONDS_PER_DAY, Schema, SourceKind, Timestamp,
};

/// The events of one value, or of a whole source, before and after the reference time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Counts {
    /// Events before the reference time, however long ago.
    pub ever: u32,
    /// Of these, those of the last three horizons.
    pub recent: u32,
    /// Of these, those of the last horizon.
    pub previous: u32,
    /// Events of the horizon after the reference time.
    pub next: u32,
    /// The days of the horizon with an event, as days since 1970.
    pub next_days: BTreeSet<i64>,
    /// The sum of each number field over the last horizon, in the order of the fields.
    pub previous_sums: Vec<f64>,
    /// The same over the horizon.
    pub next_sums: Vec<f64>,
}

impl Counts {
    /// Whether an event of the horizon is on this weekday, 0 for Monday.
    pub fn on_weekday(&self, weekday: u32) -> bool {
        self.next_days
            .iter()
            .any(|&day| self::weekday(day) == weekday)
    }

    /// Whether an event of the horizon is on a Saturday or Sunday.
    pub fn on_weekend(&self) -> bool {
        self.on_weekday(5) || self.on_weekday(6)
    }
}

/// The weekday of a day since 1970, 0 for Monday.
fn weekday(day: i64) -> u32 {
    (day + 3).rem_euclid(7) as u32
}

/// One events source of a history.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceFacts<'a> {
    /// All its events.
    pub all: Counts,
    /// The events of each value, by field.
    pub values: HashMap<usize, HashMap<&'a str, Counts>>,
}

/// A history around a reference time.
#[derive(Debug, Clone)]
pub struct ForecastFacts<'a> {
    sources: Vec<SourceFacts<'a>>,
}

impl<'a> ForecastFacts<'a> {
    /// Reads a history of `schema`; the horizon has `days` days from `reference` on.
    ///
    /// # Panics
    /// If the history is not of `schema`.
    pub fn new(schema: &Schema, history: &History<'a>, reference: Timestamp, days: i64) -> Self {
        let sources = schema.sources.iter().enumerate();
        let read = sources.map(|(at, source)| {
            if source.kind != SourceKind::Events {
                return SourceFacts::default();
            }
            let fields = source.fields();
            let of = |role| {
                let fields = fields.iter().enumerate();
                let found = fields.filter(|(_, field)| field.role == role);
                found.map(|(field, _)| field).collect::<Vec<_>>()
            };
            let numbers = of(ColumnRole::Number);
            let end = reference.plus_days(days);
            let events = history.events(at).before(end);
            let mut facts = SourceFacts::default();
            let categories = of(ColumnRole::Category);
            for event in 0..events.len() {
                let place = Place::of(events.time(event), reference, days);
                place.add(&mut facts.all, &events, event, &numbers);
                for &field in &categories {
                    if let Some(value) = events.text(event, field) {
                        let values = facts.values.entry(field).or_default();
                        let counts = values.entry(value).or_default();
                        place.add(counts, &events, event, &numbers);
                    }
                }
            }
            facts
        });
        Self {
            sources: read.collect(),
        }
    }

    pub(super) fn source(&self, source: usize) -> &SourceFacts<'a> {
        &self.sources[source]
    }
}

/// Where an event lies.
struct Place {
    time: Timestamp,
    after: bool,
    recent: bool,
    previous: bool,
}

impl Place {
    fn of(time: Timestamp, reference: Timestamp, days: i64) -> Self {
        let since = |days: i64| time >= reference.plus_days(-days);
        Self {
            time,
            after: time >= reference,
            recent: since(3 * days),
            previous: since(days),
        }
    }

    fn add(&self, counts: &mut Counts, events: &Events<'_>, event: usize, numbers: &[usize]) {
        let sums = match (self.after, self.previous) {
            (true, _) => {
                counts.next += 1;
                let day = self.time.0.div_euclid(SECONDS_PER_DAY);
                counts.next_days.insert(day);
                &mut counts.next_sums
            }
            (false, previous) => {
                counts.ever += 1;
                counts.recent += u32::from(self.recent);
                counts.previous += u32::from(previous);
                if !previous {
                    return;
                }
                &mut counts.previous_sums
            }
        };
        sums.resize(numbers.len(), 0.0);
        for (sum, &field) in sums.iter_mut().zip(numbers) {
            *sum += events.number(event, field).unwrap_or(0.0);
        }
    }
}
