//! Printing with escaped text, so that no name, id or text of a file can control the terminal.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use instructue::schema::{printable, printable_lines};

/// The longest line of an error, in characters.
const LONGEST: usize = 2_000;

/// Prints a line to standard output like `println!`, with everything escaped that a terminal
/// would obey. A closed pipe is no error.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => {
        $crate::print_line(&::std::format!($($argument)*))
    };
}

pub(crate) use say;

/// Whether standard output is read by a machine.
static MACHINE: AtomicBool = AtomicBool::new(false);

/// Keeps standard output for one JSON object, if it is to be; people's lines go to standard error.
pub(crate) fn for_machines(yes: bool) {
    MACHINE.store(yes, Ordering::Relaxed);
}

/// Where people's lines go.
fn people() -> Box<dyn Write> {
    match MACHINE.load(Ordering::Relaxed) {
        true => Box::new(std::io::stderr()),
        false => Box::new(std::io::stdout()),
    }
}

/// Prints the text of [`say!`].
pub fn print_line(text: &str) {
    let _ = writeln!(people(), "{}", printable(text));
}

/// Prints a table or another text of several lines to standard output.
pub fn print_table(text: &str) {
    let _ = writeln!(people(), "{}", printable_lines(text));
}

/// Prints a part of a line to standard output and flushes it.
pub fn print_piece(text: &str) {
    let mut out = people();
    let _ = write!(out, "{}", printable_lines(text)).and_then(|()| out.flush());
}

/// Prints what a machine reads.
pub(crate) fn print_json(value: &serde_json::Value) {
    let _ = writeln!(std::io::stdout(), "{value}");
}

/// Prints a line to standard error.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", printable(text));
}

/// An error as one readable line: blanks are joined, control characters escaped, and a long text
/// is truncated.
pub fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let line = printable(&line);
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line() {
        assert_eq!(one_line("a\n  b\tc "), "a b c");
        assert_eq!(one_line("a\u{1b}]0;x\u{7}"), r"a\u{1b}]0;x\u{7}");
        assert!(one_line(&"x".repeat(70_000)).chars().count() <= LONGEST + 1);
    }
}
