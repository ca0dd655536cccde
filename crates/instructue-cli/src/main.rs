//! The program `instructue`.

use std::process::ExitCode;

fn main() -> ExitCode {
    instructue_cli::program(std::env::args_os())
}
