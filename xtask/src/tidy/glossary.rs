//! Names keep to the glossary: the words that it rules out are in no name.

use proc_macro2::{TokenStream, TokenTree};

use super::violation::Violation;
use crate::run::Result;

/// The file that lists the words.
pub const LIST: &str = "docs/glossary.md";

/// A word, or several in a row, that no name has, and what is said instead.
#[derive(Debug, PartialEq)]
pub struct Retired {
    words: Vec<String>,
    instead: String,
}

/// What the glossary rules out: the table whose head is `not` and `but`.
///
/// # Errors
/// If there is no such table or it is empty.
pub fn retired(glossary: &str) -> Result<Vec<Retired>> {
    let rows = glossary.lines().skip_while(|line| *line != "| not | but |");
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let mut found = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [words, instead] = cells[..] else {
            return Err(format!("{LIST}: expected two columns, found `{row}`").into());
        };
        found.extend(words.split(',').map(|words| Retired {
            words: words.split_whitespace().map(str::to_owned).collect(),
            instead: instead.to_owned(),
        }));
    }
    match found.is_empty() {
        true => Err(format!("{LIST}: expected a table `| not | but |`, found none").into()),
        false => Ok(found),
    }
}

/// The names of a source file that have such a word.
///
/// # Errors
/// If it is no Rust.
pub fn violations(path: &str, text: &str, retired: &[Retired]) -> Result<Vec<Violation>> {
    let tokens: TokenStream = text.parse().map_err(|error| format!("{path}: {error}"))?;
    let mut found = Vec::new();
    visit(tokens, &mut |name, line| {
        let words = words(name);
        let has = |retired: &&Retired| {
            let mut runs = words.windows(retired.words.len());
            runs.any(|run| *run == retired.words[..])
        };
        if let Some(retired) = retired.iter().find(has) {
            let message = format!("`{name}`: the glossary says {}", retired.instead);
            found.push(Violation::at(path, line, message));
        }
    });
    Ok(found)
}

/// Calls `each` with every name and its line; comments and texts are none.
fn visit(tokens: TokenStream, each: &mut impl FnMut(&str, usize)) {
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => visit(group.stream(), each),
            TokenTree::Ident(name) => each(&name.to_string(), name.span().start().line),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// The words of a name: `ForeignEvents` and `foreign_events` are the same two.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut lower_before = false;
    for part in name.split('_').filter(|part| !part.is_empty()) {
        words.push(String::new());
        for letter in part.chars() {
            if letter.is_uppercase() && lower_before {
                words.push(String::new());
            }
            lower_before = letter.is_lowercase();
            let last = words.last_mut().expect("one was added");
            last.extend(letter.to_lowercase());
        }
        lower_before = false;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLOSSARY: &str = "| term |\n|---|\n| user |\n\n| not | but |\n|---|---|\n\
                            | begun, foreign events | other words |\n";

    #[test]
    fn a_word_that_the_glossary_rules_out_is_found_in_any_form() {
        let retired = retired(GLOSSARY).unwrap();
        let found = |text: &str| violations("x.rs", text, &retired).unwrap().len();
        assert_eq!(found("struct ForeignEvents;"), 1);
        assert_eq!(found("fn of_foreign_events_only() { let begun = 1; }"), 2);
        assert_eq!(found("const BEGUN: u8 = 1;"), 1);
        // Other words, a text and a remark are none.
        assert_eq!(
            found("fn begin(foreign: u8) { say(\"begun\"); } // begun"),
            0
        );
        assert_eq!(found("fn unbegun_events() {}"), 0);
    }

    #[test]
    fn a_glossary_without_the_table_is_refused() {
        assert!(retired("| term |\n").is_err());
        assert!(retired("| not | but |\n|---|---|\n").is_err());
    }
}
