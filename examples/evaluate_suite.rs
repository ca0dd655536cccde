//! Evaluates a model over folds, compared with baselines: the command `instructue evaluate`.
//!
//! `cargo xtask evaluate --suite NAME` runs this program and finds the baselines' Python.

use std::ffi::OsString;
use std::process::ExitCode;

use instructue_cli::commands::Evaluate;

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    instructue_cli::example::<Evaluate>(arguments)
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
