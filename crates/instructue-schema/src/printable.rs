//! Escaping of text before it is shown. It is needed wherever text of data or of a caller reaches
//! a terminal or an error.

use std::borrow::Cow;
use std::fmt::Write;

/// The longest text that an error quotes, in characters.
const QUOTED: usize = 60;

/// The text with every character escaped that a terminal would obey or not show: control
/// characters (also line feed and tab), marks of writing direction, characters without width,
/// line separators. Text that is data, or was made from data, must go through this function
/// before it reaches a terminal.
///
/// ```
/// use instructue_schema::printable;
///
/// assert_eq!(printable("naïve 犬"), "naïve 犬");
/// assert_eq!(printable("\u{1b}[2Ja\n"), r"\u{1b}[2Ja\n");
/// assert_eq!(printable("a\u{202e}b"), r"a\u{202e}b");
/// ```
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// Like [`printable`], but line feeds and tabs stay: for tables and texts of several lines.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| {
        is_hidden(character) && !matches!(character, '\n' | '\t')
    })
}

/// The text in quotes, printable and shortened for an error.
///
/// ```
/// use instructue_schema::shown;
///
/// assert_eq!(shown("a\u{7}b"), r#""a\u{7}b""#);
/// assert!(shown(&"a".repeat(70_000)).ends_with("…\" (70000 characters)"));
/// ```
pub fn shown(text: &str) -> String {
    let begin: String = text.chars().take(QUOTED).collect();
    let cut = begin.len() < text.len();
    let begin = printable(&begin).replace('"', "\\\"");
    match cut {
        false => format!("\"{begin}\""),
        true => format!("\"{begin}…\" ({} characters)", text.chars().count()),
    }
}

/// Whether a character controls a terminal or cannot be seen.
pub(crate) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Soft hyphen, marks and overrides of writing direction, joiners and other characters
            // without width, separators, and tags.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

fn escaped(text: &str, escapes: impl Fn(char) -> bool) -> Cow<'_, str> {
    let Some(first) = text.find(&escapes) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for character in text[first..].chars() {
        match character {
            _ if !escapes(character) => out.push(character),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ => {
                // Writing into a string does not fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = format!("a{character}b");
            let shown = printable(&text);
            assert!(!shown.chars().any(char::is_control), "{character:?}");
            let lines = printable_lines(&text);
            let kept = matches!(character, '\n' | '\t');
            assert_eq!(lines.contains(character), kept || !is_hidden(character));
        }
        for hidden in [
            '\u{1b}', '\u{7f}', '\u{9b}', '\u{202d}', '\u{2066}', '\u{200b}', '\u{2028}',
        ] {
            assert!(!printable(&hidden.to_string()).contains(hidden));
        }
    }

    #[test]
    fn what_can_be_seen_stays_and_is_not_copied() {
        let text = "Straße, 犬 \u{1f980} «a» \u{301}e";
        assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        assert!(matches!(printable_lines("a\n\tb"), Cow::Borrowed(_)));
    }

    #[test]
    fn quotes_are_cut() {
        assert_eq!(shown("a \"b\""), r#""a \"b\"""#);
        assert!(shown(&"\u{1b}".repeat(1000)).len() < 500);
    }
}
