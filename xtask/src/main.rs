//! Developer tasks of the workspace: `cargo xtask <task>`.
//!
//! `check` and `test` are what the continuous integration runs; `tidy` and
//! `deny` are parts of `check` that may be run alone; `bench` and `race` measure;
//! `evaluate` shows what a model is worth; `fuzz` tries the readers of binary
//! files; `fixtures` regenerates the golden files; `parity` compares real models
//! with their reference implementations.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

mod bench;
mod check;
mod deny;
mod evaluate;
mod fixtures;
mod fuzz;
mod markdown;
mod metadata;
mod models;
mod parity;
mod race;
mod run;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Formatting, lints, documentation, features, house rules and licences.
    Check(check::Options),
    /// Every test of the workspace, documentation tests included.
    Test(test::Options),
    /// The criterion benches: target/bench/summary.json and a table.
    Bench(bench::Options),
    /// The readers of binary files on damaged ones, for as long as one has time.
    Fuzz(fuzz::Options),
    /// Regenerate the golden files with the Python reference implementations.
    Fixtures(fixtures::Options),
    /// Real models from the registries beside their reference implementations.
    Parity(parity::Options),
    /// Real models at the same work here and in PyTorch, in turn: target/bench/race.json.
    Race(race::Options),
    /// Quality over folds, beside what one would use instead: target/suites/NAME.
    #[command(alias = "prove")]
    Evaluate(evaluate::Options),
    /// The house rules: crate graph, manifests, sources, files.
    Tidy(tidy::Options),
    /// Licences, banned crates, sources and known vulnerabilities of dependencies.
    Deny(deny::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Check(options) => check::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Fixtures(options) => fixtures::run(&options),
        Task::Parity(options) => parity::run(&options),
        Task::Race(options) => race::run(&options),
        Task::Evaluate(options) => evaluate::run(&options),
        Task::Tidy(options) => tidy::run(&options),
        Task::Deny(options) => deny::run(&options).map(|summary| println!("deny: {summary}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Cli, Task};

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_earlier_name_of_evaluate_still_works() {
        for name in ["evaluate", "prove"] {
            let cli = Cli::try_parse_from(["xtask", name, "--suite", "quick"]);
            assert!(matches!(cli.expect(name).task, Task::Evaluate(_)));
        }
    }
}
