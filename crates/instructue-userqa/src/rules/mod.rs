//! Families of questions: what each asks, how the finding is computed, how the answer is worded.

mod amounts;
mod definition;
mod habits;
mod next;
mod next_values;
mod values;

use instructue_schema::Schema;

pub(crate) use self::definition::{Find, Needs, Rule, Span};
use crate::triple::TripleKind;

/// All families, those of the past first.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        habits::RULES,
        amounts::RULES,
        values::RULES,
        next::RULES,
        next_values::RULES,
    ]
    .into_iter()
    .flatten()
}

/// The family called `name`.
pub(crate) fn rule(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.name == name)
}

/// A family of questions under a schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// The family's name.
    pub name: String,
    /// Past or future.
    pub kind: TripleKind,
    /// The wordings. Their gaps are `{s}` for the source's description, `{f}` and `{g}` for
    /// category fields, `{n}` for a number field, `{x}` and `{y}` for values, `{d}` for the time
    /// span, and `{do}`, `{does}`, `{did}`, `{done}`, `{doing}` for the source's verb.
    pub wordings: Vec<String>,
}

/// The families that apply to `schema`, because it declares the fields that they ask about.
pub fn families(schema: &Schema) -> Vec<Family> {
    all()
        .filter(|rule| !rule.targets(schema, None).is_empty())
        .map(|rule| Family {
            name: rule.name.into(),
            kind: rule.kind(),
            wordings: rule
                .wordings
                .iter()
                .map(|wording| (*wording).into())
                .collect(),
        })
        .collect()
}

#[cfg(test)]
mod naming_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wording_tests;
