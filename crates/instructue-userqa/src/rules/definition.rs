//! The definition of a family: what it asks about, and how finding and answer are made.

use instructue_schema::{ColumnRole, Schema};

use crate::snapshot::{Future, Past, Target, event_sources};
use crate::thresholds::Thresholds;
use crate::triple::{Facts, Finding, TripleKind};
use crate::words::Words;

/// The schema's parts that a family asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Any events source.
    Source,
    /// An events source whose times have a time of day.
    Clock,
    /// All events sources together; there must be two.
    Overall,
    /// A number field.
    Number,
    /// A category field.
    Category,
    /// A category field and one of its values.
    Value,
    /// A category field and two of its values.
    TwoValues,
    /// A number field and a category field of one source.
    NumberCategory,
    /// A number field, a category field of one source and one of its values.
    NumberValue,
    /// Two category fields of one source and a value of the first.
    ValueCategory,
}

impl Needs {
    /// Whether the question names a value of the data.
    pub fn names_value(self) -> bool {
        match self {
            Self::Value | Self::TwoValues | Self::NumberValue | Self::ValueCategory => true,
            Self::Source | Self::Clock | Self::Overall | Self::Number => false,
            Self::Category | Self::NumberCategory => false,
        }
    }
}

/// The days that a family asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// The days of the source's window.
    Window,
    /// The last 30 days, at most half the window.
    Recent,
    /// The horizon after the reference time.
    Horizon,
    /// Three times the horizon.
    Quarter,
}

/// The computation of a finding. `None` means that the family does not apply to this user. A rule
/// about the future may decide so only by the past, never by the future.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Find {
    Past(fn(&Past<'_>, &Target) -> Option<Finding>),
    Future(fn(&Past<'_>, &Future<'_>, &Target) -> Option<Finding>),
}

/// A family of questions.
#[derive(Debug)]
pub(crate) struct Rule {
    pub name: &'static str,
    pub needs: Needs,
    pub span: Span,
    /// The weight in random draws, relative to the other families.
    pub weight: f64,
    pub find: Find,
    /// The answer; `None` when the finding is not one of this family.
    pub answer: fn(&Facts, &Words) -> Option<String>,
    /// At least five wordings, with gaps as in [`Words::fill`].
    pub wordings: &'static [&'static str],
}

impl Rule {
    pub fn kind(&self) -> TripleKind {
        match self.find {
            Find::Past(_) => TripleKind::Past,
            Find::Future(_) => TripleKind::Future,
        }
    }

    /// The subjects that the family can ask about under `schema`, without values.
    pub fn targets(&self, schema: &Schema, thresholds: Option<&Thresholds>) -> Vec<Target> {
        let mut targets = Vec::new();
        if self.needs == Needs::Overall {
            if event_sources(schema).count() >= 2 {
                targets.push(Target::default());
            }
            return targets;
        }
        for source in event_sources(schema) {
            let fields = schema.sources[source].fields();
            let of = |role: ColumnRole| -> Vec<usize> {
                (0..fields.len())
                    .filter(|&i| fields[i].role == role)
                    .collect()
            };
            let (numbers, categories) = (of(ColumnRole::Number), of(ColumnRole::Category));
            let plain = Target {
                source: Some(source),
                ..Target::default()
            };
            let name = &schema.sources[source].name;
            match self.needs {
                Needs::Overall => {}
                Needs::Source => targets.push(plain),
                Needs::Clock => {
                    if thresholds.is_none_or(|thresholds| thresholds.clock(name)) {
                        targets.push(plain);
                    }
                }
                Needs::Number => {
                    targets.extend(numbers.iter().map(|&n| Target {
                        number: Some(n),
                        ..plain.clone()
                    }));
                }
                Needs::Category | Needs::Value | Needs::TwoValues => {
                    targets.extend(categories.iter().map(|&f| Target {
                        field: Some(f),
                        ..plain.clone()
                    }));
                }
                Needs::NumberCategory | Needs::NumberValue => {
                    for &number in &numbers {
                        targets.extend(categories.iter().map(|&field| Target {
                            number: Some(number),
                            field: Some(field),
                            ..plain.clone()
                        }));
                    }
                }
                Needs::ValueCategory => {
                    for &field in &categories {
                        let others = categories.iter().filter(|&&second| second != field);
                        targets.extend(others.map(|&second| Target {
                            field: Some(field),
                            second: Some(second),
                            ..plain.clone()
                        }));
                    }
                }
            }
        }
        targets
    }

    /// The length in days of the time that the family asks about for `target`.
    pub fn days(&self, schema: &Schema, target: &Target, horizon: i64) -> i64 {
        let window = match target.source {
            Some(source) => schema.sources[source].window_days,
            None => event_sources(schema)
                .map(|source| schema.sources[source].window_days)
                .min()
                .unwrap_or(0),
        };
        let window = i64::from(window);
        match self.span {
            Span::Window => window,
            Span::Recent => (window / 2).clamp(1, 30),
            Span::Horizon => horizon,
            Span::Quarter => 3 * horizon,
        }
    }
}
