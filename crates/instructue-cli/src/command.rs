//! What a command is, and how the process was started.

use std::error::Error;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use serde_json::Value;

/// The program's command line.
static LINE: OnceLock<fn() -> clap::Command> = OnceLock::new();

/// Whether the process is a runnable example.
static EXAMPLE: AtomicBool = AtomicBool::new(false);

/// What a command found, for machines; null where there is nothing to say.
pub type Outcome = Result<Value, Box<dyn Error>>;

/// A command of the program.
pub trait Command: Parser {
    /// Its name.
    const NAME: &'static str;
    /// The runnable example that is this command, if there is one.
    const EXAMPLE: Option<&'static str> = None;

    /// Does it.
    ///
    /// # Errors
    /// Anything wrong with arguments, files and data, in one line.
    fn run(&self) -> Outcome;
}

/// How a command is called from where this one was.
pub fn call<C: Command>() -> String {
    match C::EXAMPLE.filter(|_| EXAMPLE.load(Ordering::Relaxed)) {
        Some(example) => format!("cargo run --release --example {example} --"),
        None => format!("instructue {}", C::NAME),
    }
}

/// Says that the process is a runnable example.
pub(crate) fn is_example() {
    EXAMPLE.store(true, Ordering::Relaxed);
}

/// Says what the program's command line is.
pub(crate) fn set_line(line: fn() -> clap::Command) {
    // A second call says the same.
    let _ = LINE.set(line);
}

/// The program's command line, for shells and manuals.
pub(crate) fn command_line() -> clap::Command {
    LINE.get()
        .map_or_else(|| clap::Command::new("instructue"), |line| line())
}
