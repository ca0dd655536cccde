//! Trains a user-embedding model on logs of events and evaluates it: the command `instructue train`.
//!
//! `cargo run --release --example train_userqa` uses the shopping logs of
//! `data/complete-journey`. `--data DIR` takes other Parquet files with their `schema.toml`.

use std::ffi::OsString;
use std::process::ExitCode;

use instructue_cli::commands::Train;

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    instructue_cli::example::<Train>(arguments)
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
