//! Bounds of names and other texts in a configuration.

use crate::printable::{is_hidden, shown};

use super::out_of_range::OutOfRange;

/// The longest name, in characters: it becomes part of file names and of tables.
pub const MAX_NAME: usize = 64;
/// The longest description, title or label, in characters.
pub const MAX_LINE: usize = 1_000;
/// The longest name of a column, in characters.
pub const MAX_COLUMN: usize = 255;
/// The longest instruction, in bytes of UTF-8. A model is trained on a sentence or
/// two; memory grows with the square of an instruction's tokens.
pub const MAX_INSTRUCTION_BYTES: usize = 8192;

/// A name that becomes a file's or a delimiter: `[a-z0-9_-]`, 1 to [`MAX_NAME`]
/// characters.
///
/// # Errors
/// Any other text.
pub fn word(key: &str, text: &str) -> Result<(), OutOfRange> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let fits = !text.is_empty() && text.len() <= MAX_NAME && text.chars().all(allowed);
    let expected = || format!("1 to {MAX_NAME} characters of a-z, 0-9, _ and -");
    refuse_unless(fits, key, expected, text)
}

/// A name for tables and reports: 1 to [`MAX_NAME`] visible characters, without blanks at its
/// ends.
///
/// # Errors
/// Any other text.
pub fn name(key: &str, text: &str) -> Result<(), OutOfRange> {
    let fits = text.trim() == text && is_line(text, MAX_NAME);
    let expected = || format!("a name: 1 to {MAX_NAME} characters that can be seen");
    refuse_unless(fits, key, expected, text)
}

/// The name of a column: 1 to [`MAX_COLUMN`] visible characters.
///
/// # Errors
/// Any other text.
pub fn column(key: &str, text: &str) -> Result<(), OutOfRange> {
    let fits = !text.is_empty() && is_line(text, MAX_COLUMN);
    let expected = || format!("a column name: 1 to {MAX_COLUMN} characters that can be seen");
    refuse_unless(fits, key, expected, text)
}

/// A description, title or label: one line of at most [`MAX_LINE`] visible characters.
///
/// # Errors
/// Any other text.
pub fn line(key: &str, text: &str) -> Result<(), OutOfRange> {
    let expected = || format!("one line of text, at most {MAX_LINE} characters that can be seen");
    refuse_unless(is_line(text, MAX_LINE), key, expected, text)
}

/// An instruction or an answer: not blank and at most [`MAX_INSTRUCTION_BYTES`] long.
///
/// # Errors
/// Any other text.
pub fn instruction(key: &str, text: &str) -> Result<(), OutOfRange> {
    let found = match text.trim().is_empty() {
        true => "an empty one".to_owned(),
        false if text.len() <= MAX_INSTRUCTION_BYTES => return Ok(()),
        false => format!("{} bytes, {}", text.len(), shown(text)),
    };
    Err(OutOfRange {
        key: key.to_owned(),
        expected: format!("a text of at most {MAX_INSTRUCTION_BYTES} bytes"),
        found,
    })
}

fn is_line(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(is_hidden)
}

fn refuse_unless(
    fits: bool,
    key: &str,
    expected: impl FnOnce() -> String,
    found: &str,
) -> Result<(), OutOfRange> {
    if fits {
        return Ok(());
    }
    Err(OutOfRange {
        key: key.to_owned(),
        expected: expected(),
        found: shown(found),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_characters_are_bounded() {
        let long = "a".repeat(70_000);
        for (text, is_word, is_name, is_line) in [
            ("dog_food", true, true, true),
            ("Dog food?", false, true, true),
            ("naïve – 犬", false, true, true),
            ("", false, false, false),
            (" ", false, false, false),
            (" a", false, false, true),
            ("a\nb", false, false, false),
            ("a\u{1b}[31m", false, false, false),
            ("a\u{202e}b", false, false, false),
            (&long[..64], true, true, true),
            (&long[..65], false, false, true),
            (&long, false, false, false),
        ] {
            assert_eq!(word("k", text).is_ok(), is_word, "{text:.20}");
            assert_eq!(name("k", text).is_ok(), is_name, "{text:.20}");
            assert_eq!(line("k", text).is_ok(), is_line, "{text:.20}");
        }
        let error = name("task", &long).unwrap_err().to_string();
        assert!(error.len() < 300 && error.contains("70000"), "{error}");
    }

    #[test]
    fn instructions_are_bounded_in_bytes() {
        let most = "ä".repeat(MAX_INSTRUCTION_BYTES / 2);
        assert!(instruction("i", &most).is_ok());
        let error = instruction("i", &format!("{most}!")).unwrap_err();
        assert!(error.found.starts_with("8193 bytes"), "{error}");
        assert!(instruction("i", " \n").is_err());
    }
}
