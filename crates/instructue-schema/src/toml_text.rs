//! Parsing of TOML with errors that name place and key and quote no value. Every configuration is
//! read this way.

use serde::de::DeserializeOwned;

use crate::printable::printable;

/// The longest name that a message quotes, in characters.
const NAME: usize = 60;
/// The longest key, in characters.
const KEY: usize = 200;

/// An error in a TOML text.
///
/// It names keys and the names of choices, but never a text value: the file may not be the
/// intended one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlFault {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// The key, such as `train.steps`; `None` where the text is no TOML.
    pub key: Option<String>,
    /// What is expected, and the type of the value that was found.
    pub message: String,
}

impl std::fmt::Display for TomlFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Reads a value from TOML.
///
/// # Errors
/// The text is no TOML, has an unknown or missing key, or a value of another type.
pub fn parse_toml<T: DeserializeOwned>(text: &str) -> Result<T, TomlFault> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = &text.as_bytes()[..start];
        let begin = before.iter().rposition(|byte| *byte == b'\n');
        TomlFault {
            line: before.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: start - begin.map_or(0, |at| at + 1) + 1,
            ..toml_fault(&error)
        }
    })
}

/// The error for a value that was parsed already and has no place in a file.
pub fn toml_fault(error: &toml::de::Error) -> TomlFault {
    let mut bare = error.clone();
    bare.set_input(None);
    // The key is only part of the error's text, behind the message.
    let text = bare.to_string();
    let key = text.strip_prefix(error.message()).and_then(|rest| {
        let rest = rest.trim().strip_prefix("in `")?;
        rest.strip_suffix('`').map(|key| cut(key, KEY))
    });
    TomlFault {
        line: 1,
        column: 1,
        key,
        message: with_short_names(&without_text(error.message())),
    }
}

/// The message without a text value that was found in place of another type.
fn without_text(message: &str) -> String {
    for kind in ["invalid type: ", "invalid value: "] {
        let Some(found) = message.strip_prefix(kind) else {
            continue;
        };
        if found.starts_with("string \"") {
            let expected = found
                .rfind("\", expected ")
                .map_or("", |at| &found[at + 1..]);
            return format!("{kind}a text{expected}");
        }
    }
    message.to_owned()
}

/// The message with long quoted names shortened.
fn with_short_names(message: &str) -> String {
    let parts = message.split('`').enumerate();
    let parts = parts.map(|(at, part)| match at % 2 {
        1 => cut(part, NAME),
        _ => printable(part).into_owned(),
    });
    parts.collect::<Vec<_>>().join("`")
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only errors are looked at")]
    struct Outer {
        inner: Inner,
        #[serde(default)]
        more: BTreeMap<String, u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only errors are looked at")]
    struct Inner {
        count: usize,
    }

    fn fault(text: &str) -> TomlFault {
        parse_toml::<Outer>(text).unwrap_err()
    }

    #[test]
    fn a_wrong_value_is_named_by_place_and_key() {
        for value in ["-1", "0.5", "true", "[]", "nan", "99999999999999999999"] {
            let fault = fault(&format!("\n[inner]\n count = {value}\n"));
            assert_eq!(fault.line, 3, "{value}: {fault:?}");
            assert!(fault.to_string().contains("count"), "{value}: {fault}");
        }
        let of_table = toml::Table::try_from(BTreeMap::from([("inner", "x")])).unwrap();
        let error = of_table.try_into::<Outer>().unwrap_err();
        assert_eq!(toml_fault(&error).key.as_deref(), Some("inner"));
    }

    #[test]
    fn no_text_of_the_file_is_quoted() {
        for text in [
            "inner = \"hunter2\"",
            "[inner]\ncount = \"hunter2\"",
            "[inner]\ncount = \"a\\\", expected hunter2\"",
            "hunter2:x:1000:1000::/",
            "= hunter2",
            "inner = hunter2",
            "\"hunter2\nx\" = 1",
        ] {
            let message = fault(text).to_string();
            assert!(!message.contains("hunter2"), "{text}: {message}");
            assert!(!message.contains('\n'), "{message:?}");
        }
    }

    #[test]
    fn unknown_keys_are_named_and_cut() {
        let message = fault("[inner]\ncount = 1\ncuont = 2").to_string();
        assert!(message.contains("`cuont`") && message.contains("`count`"));
        let long = format!("{} = 1\n", "k".repeat(70_000));
        assert!(fault(&long).to_string().len() < 300);
        let hostile = fault("\"\\u001b[2J\" = 1").to_string();
        assert!(hostile.contains(r"`\u{1b}[2J`"), "{hostile}");
    }
}
