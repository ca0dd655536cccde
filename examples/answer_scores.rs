//! Answer scores: the probability of a yes to any question about a user, learned without labels.
//!
//! `cargo run --release --example answer_scores -- --data DIR --out DIR` learns them from a data
//! directory and says how well they answer questions that were kept from learning.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use instructue::eval::Evaluation;
use instructue::pipeline::{ANSWERS_DIR, FORECASTS_FILE, RunConfig, Watch, learn_answers};
use instructue_examples::{Console, finish, parse, print_table, say};

/// Learns to score answers and measures how well, on questions that learning never saw
#[derive(Debug, Parser)]
struct Arguments {
    /// A directory with Parquet files and schema.toml.
    #[arg(long, default_value = "data/complete-journey")]
    data: PathBuf,
    /// Where the scorer and its figures go.
    #[arg(long, default_value = "target/answers")]
    out: PathBuf,
    /// A file of keys that differ from the defaults, see docs/configuration.md.
    #[arg(long)]
    config: Option<PathBuf>,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let config = match &arguments.config {
        Some(path) => RunConfig::load(path)?,
        None => RunConfig::default(),
    };
    let mut console = Console::new();
    let (_, forecasts) = learn_answers(&arguments.data, &arguments.out, &config, &mut |step| {
        console.progress(step)
    })?;
    console.done();
    let evaluation = Evaluation {
        forecasts: Some(forecasts),
        ..Evaluation::default()
    };
    print_table(&evaluation.table());
    let out = arguments.out.display();
    say!("wrote {out}/{ANSWERS_DIR} and {out}/{FORECASTS_FILE}");
    Ok(())
}

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    finish(parse(arguments).and_then(|arguments| run(&arguments)))
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
