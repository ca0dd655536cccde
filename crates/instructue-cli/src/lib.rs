//! The program `instructue`, and what its commands share with the runnable examples: arguments,
//! errors of one line, and progress as bars on a terminal and as plain lines elsewhere.
//!
//! Each command is a thin layer over `instructue::pipeline`; a program of one's own calls that.
//!
//! # Exit codes
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | an error, in one line on standard error: arguments, files, data |
//! | 130 | a signal ended it; training leaves a checkpoint that `--resume` goes on from |

mod arguments;
mod command;
pub mod commands;
#[cfg(feature = "tui")]
mod dashboard;
mod say;
mod users;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use arguments::{instruction, parse};
pub use command::{Command, Outcome, call};
#[cfg(feature = "tui")]
pub use dashboard::Dashboard;
pub use say::{one_line, print_line, print_piece, print_table, tell};
pub use users::{Opened, Users};
pub use watch::{Console, finish};

/// Keeps the memory that one operation frees for the next.
#[global_allocator]
static ALLOCATOR: instructue_alloc::KeepingAllocator = instructue_alloc::KeepingAllocator;

/// A process that is one command: a runnable example.
pub fn example<C: Command>(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    command::is_example();
    finish(parse::<C>(arguments).and_then(|command| command.run().map(drop)))
}

/// Vectors of users from logs of what they did, and answers to questions about them.
#[derive(Debug, Parser)]
#[command(
    name = "instructue",
    version,
    after_help = "Exit codes: 0 done, 1 an error (one line on standard error), 130 a signal."
)]
pub struct Program {
    /// Print one JSON object on standard output, and everything else on standard error.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Commands,
}

#[derive(Debug, Subcommand)]
enum Commands {
    Init(commands::Init),
    Check(commands::Check),
    Train(commands::Train),
    Evaluate(commands::Evaluate),
    Embed(commands::Embed),
    Ask(commands::Ask),
    Tune(commands::Tune),
    Search(commands::Search),
    Nearest(commands::Nearest),
    Explain(commands::Explain),
    Generate(commands::Generate),
    Devices(commands::Devices),
    Completions(commands::Completions),
    Man(commands::Man),
}

impl Commands {
    fn run(&self) -> Outcome {
        match self {
            Self::Init(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Train(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Embed(command) => command.run(),
            Self::Ask(command) => command.run(),
            Self::Tune(command) => command.run(),
            Self::Search(command) => command.run(),
            Self::Nearest(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Generate(command) => command.run(),
            Self::Devices(command) => command.run(),
            Self::Completions(command) => command.run(),
            Self::Man(command) => command.run(),
        }
    }
}

/// The program `instructue` with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    command::set_line(Program::command);
    finish(parse::<Program>(arguments).and_then(|program| {
        say::for_machines(program.json);
        let found = program.command.run()?;
        if program.json {
            say::print_json(&found);
        }
        Ok(())
    }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        super::Program::command().debug_assert();
    }
}
