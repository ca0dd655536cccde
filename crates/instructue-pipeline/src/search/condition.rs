//! Conditions on features of users: `age>=30`, `city = "Berlin"`.

use std::str::FromStr;

use instructue_schema::{ColumnRole, History, Schema, SourceKind, Timestamp, shown};

use crate::error::{Error, Result};

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// A condition on a column of a tabular source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    column: String,
    comparison: Comparison,
    value: String,
}

impl FromStr for Condition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // Longer signs first: `>=` begins as `>` does.
        const SIGNS: [(&str, Comparison); 6] = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            ("!=", Comparison::Unequal),
            ("=", Comparison::Equal),
            (">", Comparison::Greater),
            ("<", Comparison::Less),
        ];
        let wrong = || {
            let expected = "a condition such as age>=30 or city=Berlin";
            Error::argument("where", expected, shown(text))
        };
        let found = SIGNS
            .iter()
            .filter_map(|sign| Some((text.find(sign.0)?, sign)));
        let (at, (sign, comparison)) = found
            .min_by_key(|(at, sign)| (*at, usize::MAX - sign.0.len()))
            .ok_or_else(wrong)?;
        let (column, value) = (text[..at].trim(), text[at + sign.len()..].trim());
        let value = value
            .strip_prefix('"')
            .and_then(|v| v.strip_suffix('"'))
            .unwrap_or(value);
        let numbers = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
        if column.is_empty() || value.is_empty() || (numbers && value.parse::<f64>().is_err()) {
            return Err(wrong());
        }
        Ok(Self {
            column: column.into(),
            comparison: *comparison,
            value: value.into(),
        })
    }
}

/// A condition whose column was found.
#[derive(Debug)]
pub(super) struct Found<'a> {
    condition: &'a Condition,
    source: usize,
    field: usize,
}

impl<'a> Found<'a> {
    /// The condition's column among those of tabular sources.
    pub fn of(condition: &'a Condition, schema: &Schema) -> Result<Self> {
        let mut known = Vec::new();
        for (source, declared) in schema.sources.iter().enumerate() {
            if declared.kind != SourceKind::Tabular {
                continue;
            }
            for (field, found) in declared.fields().into_iter().enumerate() {
                if found.name == condition.column {
                    let number = found.role == ColumnRole::Number;
                    if number && condition.value.parse::<f64>().is_err() {
                        let what = format!("where: `{}`", condition.column);
                        return Err(Error::argument(&what, "a number", shown(&condition.value)));
                    }
                    return Ok(Self {
                        condition,
                        source,
                        field,
                    });
                }
                known.push(found.name);
            }
        }
        let expected = match known.is_empty() {
            true => "data with features of users (a tabular source with columns)".into(),
            false => format!("a feature of users: {}", known.join(", ")),
        };
        Err(Error::argument(
            "where",
            &expected,
            shown(&condition.column),
        ))
    }

    /// Whether a user fits; one without a value does not.
    pub fn fits(&self, history: &History<'_>, reference: Timestamp) -> bool {
        let rows = history.events(self.source).before(reference).newest(1);
        if rows.is_empty() {
            return false;
        }
        let Condition {
            comparison, value, ..
        } = self.condition;
        if let Some(number) = rows.number(0, self.field) {
            let Ok(wanted) = value.parse::<f64>() else {
                return false;
            };
            return !number.is_nan()
                && match comparison {
                    Comparison::Equal => number == wanted,
                    Comparison::Unequal => number != wanted,
                    Comparison::Less => number < wanted,
                    Comparison::AtMost => number <= wanted,
                    Comparison::Greater => number > wanted,
                    Comparison::AtLeast => number >= wanted,
                };
        }
        let Some(text) = rows.text(0, self.field) else {
            return false;
        };
        match (comparison, text.parse::<f64>(), value.parse::<f64>()) {
            (Comparison::Equal, ..) => **text == **value,
            (Comparison::Unequal, ..) => **text != **value,
            (Comparison::Less, Ok(found), Ok(wanted)) => found < wanted,
            (Comparison::AtMost, Ok(found), Ok(wanted)) => found <= wanted,
            (Comparison::Greater, Ok(found), Ok(wanted)) => found > wanted,
            (Comparison::AtLeast, Ok(found), Ok(wanted)) => found >= wanted,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        let parsed = |text: &str| text.parse::<Condition>();
        let age = parsed("age >= 30").unwrap();
        assert_eq!(
            (age.column.as_str(), age.comparison, age.value.as_str()),
            ("age", Comparison::AtLeast, "30")
        );
        let city = parsed("city=\"New York\"").unwrap();
        assert_eq!(
            (city.comparison, city.value.as_str()),
            (Comparison::Equal, "New York")
        );
        assert_eq!(parsed("a!=b=c").unwrap().value, "b=c");
        for wrong in ["age", ">=3", "age>old", "age=", ""] {
            let error = parsed(wrong).unwrap_err().to_string();
            assert!(
                error.contains("where: expected a condition"),
                "{wrong}: {error}"
            );
        }
    }
}
