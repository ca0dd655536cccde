//! Running commands and timed steps.

use std::ffi::OsStr;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Any failure, as text for the developer.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The root of the workspace.
pub fn root() -> PathBuf {
    // `cargo run` sets the variable; a binary that was started by hand falls
    // back on the directory in which it was compiled.
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or(xtask.clone(), PathBuf::from)
}

/// `cargo` with these arguments, in the root of the workspace.
pub fn cargo<I, S>(arguments: I) -> Command
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    // What `cargo run` sets for this process would make the crates' build
    // scripts see another package's variables, and Cargo rebuild them.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command that prints for itself; an error names it.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .map_err(|error| format!("`{}` could not be started: {error}", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed ({status})", shown(command)).into())
    }
}

/// Runs a command and returns what it wrote to standard output.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .output()
        .map_err(|error| format!("`{}` could not be started: {error}", shown(command)))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "`{}` failed ({})\n{}",
            shown(command),
            output.status,
            stderr.trim()
        )
        .into())
    }
}

/// Whether `cargo NAME` is installed.
pub fn has_subcommand(name: &str) -> bool {
    cargo([name, "--version"])
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The command line, for messages.
pub fn shown(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let mut line = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

/// A duration as a person reads it: `0.42 s`, `3 min 07 s`.
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        let whole = duration.as_secs();
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

/// How a step ended.
enum Outcome {
    Passed(String),
    Failed(String),
}

/// A list of steps; a failed one does not keep the next from running, so that
/// one run shows everything that is wrong.
#[derive(Default)]
pub struct Steps {
    done: Vec<(&'static str, Duration, Outcome)>,
}

impl Steps {
    /// Runs one step. What it returns (may be empty) stands in the summary.
    pub fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<String>) {
        println!("==> {name}");
        let start = Instant::now();
        let outcome = match work() {
            Ok(note) => Outcome::Passed(note),
            Err(error) => Outcome::Failed(error.to_string()),
        };
        let time = start.elapsed();
        match &outcome {
            Outcome::Passed(note) if note.is_empty() => println!("    ok ({})", human(time)),
            Outcome::Passed(note) => println!("    ok ({}): {note}", human(time)),
            Outcome::Failed(error) => println!("    FAILED ({}): {error}", human(time)),
        }
        self.done.push((name, time, outcome));
    }

    /// Prints the summary; an error if any step failed.
    pub fn finish(self) -> Result<()> {
        println!("\n{self}");
        let failed: Vec<&str> = self
            .done
            .iter()
            .filter(|(_, _, outcome)| matches!(outcome, Outcome::Failed(_)))
            .map(|(name, _, _)| *name)
            .collect();
        if failed.is_empty() {
            Ok(())
        } else {
            Err(format!(
                "{} of {} steps failed: {}",
                failed.len(),
                self.done.len(),
                failed.join(", ")
            )
            .into())
        }
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total: Duration = self.done.iter().map(|(_, time, _)| *time).sum();
        for (name, time, outcome) in &self.done {
            let (word, note) = match outcome {
                Outcome::Passed(note) => ("ok", note.as_str()),
                Outcome::Failed(_) => ("FAILED", ""),
            };
            let line = format!("{name:<24} {:>12}  {word:<6}  {note}", human(*time));
            writeln!(f, "{}", line.trim_end())?;
        }
        write!(f, "{:<24} {:>12}", "total", human(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_step_fails_the_run_but_not_the_next_step() {
        let mut steps = Steps::default();
        let mut ran = false;
        steps.step("first", || Err("broken".into()));
        steps.step("second", || {
            ran = true;
            Ok("fine".into())
        });
        assert!(ran);
        let shown = steps.to_string();
        assert!(
            shown.contains("FAILED") && shown.contains("fine"),
            "{shown}"
        );
        let error = steps.finish().expect_err("a step failed").to_string();
        assert_eq!(error, "1 of 2 steps failed: first");
    }

    #[test]
    fn steps_that_pass_pass() {
        let mut steps = Steps::default();
        steps.step("only", || Ok(String::new()));
        assert!(steps.finish().is_ok());
    }

    #[test]
    fn a_failing_command_is_named_with_its_arguments() {
        let error = succeed(&mut cargo(["no-such-subcommand-at-all"])).expect_err("fails");
        assert!(
            error.to_string().contains("no-such-subcommand-at-all"),
            "{error}"
        );
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(human(Duration::from_millis(420)), "0.4 s");
        assert_eq!(human(Duration::from_secs(187)), "3 min 07 s");
    }
}
