//! Parsing of a program's arguments.

use std::error::Error;
use std::ffi::OsString;

use clap::Parser;
use instructue::pipeline::{self, check_instruction};

/// Parses the arguments. An invalid one is an error of one line, like every other error of the
/// examples. `--help` prints and ends the program.
///
/// # Errors
/// An argument is unknown, missing or malformed.
pub fn parse<A: Parser>(arguments: impl Iterator<Item = OsString>) -> Result<A, Box<dyn Error>> {
    A::try_parse_from(arguments).map_err(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        let text = error.to_string();
        // The usage and a hint follow the first empty line.
        let first = text.split("\n\n").next().unwrap_or(&text);
        let first = first.strip_prefix("error: ").unwrap_or(first);
        let tips = text.lines().map(str::trim);
        let tip = tips.into_iter().find(|line| line.starts_with("tip: "));
        let tip = tip.unwrap_or("--help shows the arguments");
        format!("{first} ({tip})").into()
    })
}

/// A `value_parser` for an instruction. An invalid one is refused before data are read.
///
/// # Errors
/// As [`check_instruction`].
pub fn instruction(text: &str) -> Result<String, pipeline::Error> {
    check_instruction(text)?;
    Ok(text.into())
}
