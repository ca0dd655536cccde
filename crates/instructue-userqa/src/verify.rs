//! Verification of triples against histories. Tests use it, and readers who doubt an answer.

use instructue_schema::History;
use instructue_schema::Schema;

use crate::builder::compose;
use crate::rules::{self, Rule};
use crate::snapshot::{Future, Past, Target};
use crate::thresholds::Thresholds;
use crate::triple::{Facts, Triple, TripleKind};

/// A difference between a triple and the history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The triple is about another user.
    #[error("the triple is about user {found}, the history is of {expected}")]
    User {
        /// The history's user.
        expected: String,
        /// The triple's user.
        found: String,
    },
    /// The family does not exist.
    #[error("no family is called {name:?}")]
    Family {
        /// The triple's family.
        name: String,
    },
    /// The facts are not those of a UserQA triple.
    #[error("the facts cannot be read: {reason}")]
    Facts {
        /// The reason.
        reason: String,
    },
    /// The facts name a source or field that the schema lacks.
    #[error("the schema has no {what} {name:?}")]
    Schema {
        /// "source" or "field".
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The family does not apply to this history.
    #[error("family {family} does not apply to the history")]
    NotApplicable {
        /// The triple's family.
        family: String,
    },
    /// A part of the triple differs from what the history gives.
    #[error("{part}: expected {expected:?}, found {found:?}")]
    Differs {
        /// "facts", "answer", "instruction", "kind" or "days".
        part: &'static str,
        /// The value from the history.
        expected: String,
        /// The triple's value.
        found: String,
    },
}

/// Recomputes facts, answer and instruction from `history` and compares them.
///
/// # Errors
/// The first [`Mismatch`].
pub fn verify(
    triple: &Triple,
    history: &History<'_>,
    schema: &Schema,
    thresholds: &Thresholds,
) -> Result<(), Mismatch> {
    if triple.user != *history.user() {
        return Err(Mismatch::User {
            expected: history.user().to_string(),
            found: triple.user.to_string(),
        });
    }
    let rule = rules::rule(&triple.family).ok_or_else(|| Mismatch::Family {
        name: triple.family.clone(),
    })?;
    same("kind", rule.kind().name(), triple.kind.name())?;
    let facts: Facts = serde_json::from_str(&triple.facts).map_err(|error| Mismatch::Facts {
        reason: error.to_string(),
    })?;
    let target = target(schema, &facts)?;
    check_days(rule, schema, &target)?;

    let past = Past::new(schema, thresholds, *history, triple.reference);
    let future = Future::new(*history, triple.reference, target.days);
    let wording = triple.wording as usize;
    let (expected, answer, instruction) = compose(rule, wording, &past, &future, &target)
        .ok_or_else(|| Mismatch::NotApplicable {
            family: triple.family.clone(),
        })?;
    if expected != facts {
        let expected = serde_json::to_string(&expected).map_err(|error| Mismatch::Facts {
            reason: error.to_string(),
        })?;
        return Err(Mismatch::Differs {
            part: "facts",
            expected,
            found: triple.facts.clone(),
        });
    }
    same("answer", &answer, &triple.answer)?;
    same("instruction", &instruction, &triple.instruction)
}

fn same(part: &'static str, expected: &str, found: &str) -> Result<(), Mismatch> {
    if expected == found {
        return Ok(());
    }
    Err(Mismatch::Differs {
        part,
        expected: expected.into(),
        found: found.into(),
    })
}

fn target(schema: &Schema, facts: &Facts) -> Result<Target, Mismatch> {
    let missing = |what, name: &str| Mismatch::Schema {
        what,
        name: name.into(),
    };
    let source = match &facts.source {
        Some(name) => Some(
            schema
                .source(name)
                .ok_or_else(|| missing("source", name))?
                .0,
        ),
        None => None,
    };
    let fields = source
        .map(|source| schema.sources[source].fields())
        .unwrap_or_default();
    let position = |name: &Option<String>| -> Result<Option<usize>, Mismatch> {
        let Some(name) = name else { return Ok(None) };
        let found = fields.iter().position(|field| field.name == *name);
        found.map(Some).ok_or_else(|| missing("field", name))
    };
    Ok(Target {
        source,
        field: position(&facts.field)?,
        number: position(&facts.number)?,
        second: position(&facts.second)?,
        value: facts.value.as_deref().map(Into::into),
        other: facts.other.as_deref().map(Into::into),
        days: facts.days,
    })
}

/// Checks the length of the time asked about. For the past the schema decides it; for the future
/// any is valid.
fn check_days(rule: &Rule, schema: &Schema, target: &Target) -> Result<(), Mismatch> {
    let expected = rule.days(schema, target, target.days);
    let holds = match rule.kind() {
        TripleKind::Past => target.days == expected,
        TripleKind::Future => (1..=3 * 3650).contains(&target.days),
    };
    if holds {
        return Ok(());
    }
    Err(Mismatch::Differs {
        part: "days",
        expected: expected.to_string(),
        found: target.days.to_string(),
    })
}
