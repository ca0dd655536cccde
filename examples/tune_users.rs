//! Tunes one question on a few labelled users: the command `instructue tune`.

use std::ffi::OsString;
use std::process::ExitCode;

use instructue_cli::commands::Tune;

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    instructue_cli::example::<Tune>(arguments)
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
