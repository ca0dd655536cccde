//! Generates users with known answers, ready for train_userqa: the command `instructue generate`.

use std::ffi::OsString;
use std::process::ExitCode;

use instructue_cli::commands::Generate;

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    instructue_cli::example::<Generate>(arguments)
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
