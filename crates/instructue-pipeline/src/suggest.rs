//! What a misspelt key or name may have meant.

use std::path::Path;

use instructue_schema::{TomlFault, parse_toml};
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Reads a TOML file.
///
/// # Errors
/// Names the file, the line, what is expected and what was found.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = instructue_fs::read_text(path)?;
    parse_toml(&text).map_err(|fault| Error::Config {
        path: path.into(),
        line: Some(fault.line),
        message: shorten(&fault),
    })
}

/// What is wrong with a TOML text: an unknown field is shortened to the name that was
/// probably meant.
pub(crate) fn shorten(fault: &TomlFault) -> String {
    TomlFault {
        message: shortened(&fault.message),
        ..fault.clone()
    }
    .to_string()
}

/// Serde's message about an unknown field, shortened; other messages as they are.
fn shortened(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field");
    let (true, Some(found)) = (unknown, quoted.next()) else {
        return message.into();
    };
    match nearest(found, quoted) {
        Some(known) => format!("unknown key `{found}`, expected `{known}`?"),
        None => message.into(),
    }
}

/// The known name that a misspelt one probably stands for.
pub(crate) fn nearest<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.map(|known| (distance(found, known), known));
    let (distance, nearest) = distances.min()?;
    (distance <= 2 + found.len() / 5).then_some(nearest)
}

/// Levenshtein distance in bytes.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, byte) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(byte != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        let message = "unknown field `learning_rat`, expected one of `seed`, `learning_rate`";
        assert_eq!(
            shortened(message),
            "unknown key `learning_rat`, expected `learning_rate`?"
        );
        let far = "unknown field `zzz`, expected one of `seed`, `learning_rate`";
        assert_eq!(shortened(far), far);
        assert_eq!(shortened("invalid type: `x`"), "invalid type: `x`");
    }
}
