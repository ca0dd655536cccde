//! Embeds all users of a data set with a trained model, one row per user and one vector column per
//! instruction: the command `instructue embed`.

use std::ffi::OsString;
use std::process::ExitCode;

use instructue_cli::commands::Embed;

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    instructue_cli::example::<Embed>(arguments)
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
