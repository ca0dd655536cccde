//! A test helper that writes hostile numbers into every key of a configuration. A crate that
//! reads a configuration needs it in its tests.

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::toml_text::parse_toml;

/// Replaces each number of `config` in turn by hostile numbers, parses the result as a file is
/// parsed, and passes the parsed value to `check`, which returns its refusals. Returns how many
/// numbers were tried.
///
/// # Errors
/// The message names what was tried, in four cases: the configuration is no TOML; a refusal does
/// not name the key; a refusal is longer than a line; TOML reads a hostile number and `check`
/// refuses none of them. A seed needs no bound. A panic of `check` is not caught.
pub fn try_numbers<T: Serialize + DeserializeOwned>(
    config: &T,
    mut check: impl FnMut(T) -> Result<(), String>,
) -> Result<usize, String> {
    let table = Table::try_from(config).map_err(|error| error.to_string())?;
    let mut places = Vec::new();
    numbers(&Value::Table(table.clone()), &mut Vec::new(), &mut places);
    let mut tried = 0;
    for place in &places {
        let mut bounded = false;
        for value in hostile() {
            let mut changed = Value::Table(table.clone());
            let what = format!("{} = {value}", place.join("."));
            put(&mut changed, place, &value);
            let text = toml::to_string(&changed).map_err(|error| format!("{what}: {error}"))?;
            tried += 1;
            let message = match parse_toml(&text) {
                Err(fault) => fault.to_string(),
                Ok(read) => match check(read) {
                    Ok(()) => continue,
                    Err(message) => {
                        bounded = true;
                        message
                    }
                },
            };
            let key = key_of(place);
            let named = key.is_some_and(|key| message.contains(key));
            if !named || message.contains('\n') || message.len() > 400 {
                return Err(format!("{what} is refused by {message:?}"));
            }
        }
        if !bounded && key_of(place) != Some("seed") {
            return Err(format!("{} has no bound", place.join(".")));
        }
    }
    Ok(tried)
}

/// The last part of a path that is a name. Entries of lists have numbers instead of names.
fn key_of(place: &[String]) -> Option<&str> {
    let mut names = place.iter().rev().map(String::as_str);
    names.find(|part| part.parse::<usize>().is_err())
}

fn hostile() -> Vec<Value> {
    let whole = [0, -1, 1_000_000_000_000, i64::MAX, i64::MIN];
    let real = [
        0.5,
        -1.0,
        1e12,
        1e300,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    let whole = whole.into_iter().map(Value::Integer);
    whole.chain(real.into_iter().map(Value::Float)).collect()
}

/// Collects the paths of all numbers.
fn numbers(value: &Value, at: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    let mut inner = |name: String, value: &Value, out: &mut Vec<Vec<String>>| {
        at.push(name);
        numbers(value, at, out);
        at.pop();
    };
    match value {
        Value::Table(table) => {
            for (name, value) in table {
                inner(name.clone(), value, out);
            }
        }
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                inner(place.to_string(), value, out);
            }
        }
        Value::Integer(_) | Value::Float(_) => out.push(at.clone()),
        _ => {}
    }
}

fn put(value: &mut Value, place: &[String], new: &Value) {
    let Some((first, rest)) = place.split_first() else {
        *value = new.clone();
        return;
    };
    let inner = match value {
        Value::Table(table) => table.get_mut(first),
        Value::Array(list) => first.parse::<usize>().ok().and_then(|at| list.get_mut(at)),
        _ => None,
    };
    if let Some(inner) = inner {
        put(inner, rest, new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_tried_with_each_value() {
        let table: Table = toml::from_str("a = 1\nb = [{ c = 0.5 }, { c = 2 }]\nd = 'x'").unwrap();
        let mut changed = 0;
        let tried = try_numbers(&table, |read: Table| {
            changed += usize::from(read != table);
            match read {
                read if read["a"] != table["a"] => Err("a: expected 1".into()),
                read if read["b"] != table["b"] => Err("c: expected what was there".into()),
                _ => Ok(()),
            }
        });
        assert_eq!(tried, Ok(3 * hostile().len()));
        // 0.5 was there.
        assert_eq!(changed, 3 * hostile().len() - 1);
    }

    #[test]
    fn a_number_without_a_bound_is_told() {
        let table: Table = toml::from_str("seed = 1\nsteps = 1").unwrap();
        let told = try_numbers(&table, |_| Ok(())).unwrap_err();
        assert_eq!(told, "steps has no bound");
    }

    #[test]
    fn a_refusal_that_names_nothing_is_told() {
        let table: Table = toml::from_str("steps = 1").unwrap();
        let told = try_numbers(&table, |_| Err("no".into())).unwrap_err();
        assert!(told.contains("steps = 0"), "{told}");
    }
}
