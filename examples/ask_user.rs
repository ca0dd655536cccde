//! Asks a trained model about one user: the command `instructue ask`.

use std::ffi::OsString;
use std::process::ExitCode;

use instructue_cli::commands::Ask;

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    instructue_cli::example::<Ask>(arguments)
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
