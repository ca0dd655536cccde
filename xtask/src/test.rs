//! `cargo xtask test`: every test, then one summary.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use clap::{Args, ValueEnum};

use crate::run::{Result, Steps, cargo, has_subcommand, shown};

/// The variable that names the device on which device tests run.
const DEVICE: &str = "INSTRUCTUE_DEVICE";

#[derive(Args)]
pub struct Options {
    /// Only these packages rather than the whole workspace.
    #[arg(short, long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// Features to enable; that of INSTRUCTUE_DEVICE is, if all packages are tested.
    #[arg(long, value_name = "LIST")]
    features: Option<String>,
    /// What runs the tests; documentation tests always run by cargo.
    #[arg(long, value_enum, default_value_t = Runner::Auto)]
    runner: Runner,
    /// Only tests whose name contains this.
    filter: Option<String>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Runner {
    /// cargo-nextest if it is installed, else cargo.
    Auto,
    Cargo,
    Nextest,
}

/// A device by the name that the facade gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Device {
    name: &'static str,
    /// The value of `BURN_DEVICE` that means the same.
    burn: &'static str,
}

/// The variable by which Burn chooses its default device.
const BURN_DEVICE: &str = "BURN_DEVICE";

impl Device {
    const CPU: Self = Self::new("cpu", "flex");
    const ALL: [Self; 4] = [
        Self::CPU,
        Self::new("ndarray", "ndarray"),
        Self::new("wgpu", "wgpu"),
        Self::new("cuda", "cuda"),
    ];

    const fn new(name: &'static str, burn: &'static str) -> Self {
        Self { name, burn }
    }

    fn named(name: &str) -> Result<Self> {
        let known = Self::ALL.map(|device| device.name).join(", ");
        let mut all = Self::ALL.into_iter();
        all.find(|device| device.name.eq_ignore_ascii_case(name))
            .ok_or_else(|| format!("{DEVICE}: expected one of {known}, found {name:?}").into())
    }

    /// The feature that compiles it in. The CPU is always there; with single
    /// packages the feature may not exist, so it is the caller's to name.
    fn feature(self, workspace: bool) -> Option<&'static str> {
        (workspace && self != Self::CPU).then_some(self.name)
    }
}

/// Runs the tests and prints how many passed.
pub fn run(options: &Options) -> Result<()> {
    let nextest = match options.runner {
        Runner::Auto => has_subcommand("nextest"),
        Runner::Nextest => true,
        Runner::Cargo => false,
    };
    let device = match std::env::var(DEVICE) {
        Ok(name) => Device::named(&name)?,
        Err(_) => Device::CPU,
    };
    println!("device: {} (set {DEVICE} for another)", device.name);
    let mut steps = Steps::default();
    let tests = if nextest {
        "nextest run --tests --no-fail-fast --no-tests pass"
    } else {
        "test --tests --no-fail-fast"
    };
    steps.step("unit and integration", || counted(tests, options, device));
    steps.step("documentation", || {
        counted("test --no-fail-fast --doc", options, device)
    });
    steps.finish()
}

/// Runs one cargo command, shows its output as it comes and counts the tests.
fn counted(arguments: &str, options: &Options, device: Device) -> Result<String> {
    let mut command = cargo(arguments.split_whitespace());
    // What `Device::default()` of Burn goes by, in the crates below the facade.
    command.env(BURN_DEVICE, device.burn);
    if options.packages.is_empty() {
        command.arg("--workspace");
    }
    for package in &options.packages {
        command.args(["--package", package]);
    }
    let features: Vec<&str> = device
        .feature(options.packages.is_empty())
        .into_iter()
        .chain(options.features.as_deref())
        .collect();
    if !features.is_empty() {
        command.args(["--features", &features.join(",")]);
    }
    command.args(&options.filter);

    let nextest = arguments.starts_with("nextest");
    let mut counts = Counts::default();
    let success = read_lines(&mut command, |line| counts.read(nextest, line))?;
    let summary = counts.to_string();
    if success {
        Ok(summary)
    } else {
        Err(format!("`{}`: {summary}", shown(&command)).into())
    }
}

/// Echoes standard output and hands each line on; nextest reports on standard
/// error, so both streams are read, each in its own thread.
fn read_lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (sender, lines) = std::sync::mpsc::channel();
    let streams: [Option<Box<dyn std::io::Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream)
                .split(b'\n')
                .map_while(std::result::Result::ok)
            {
                // The receiver lives as long as this process reads.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
    }
    drop(sender);
    for line in lines {
        println!("{line}");
        each(&line);
    }
    Ok(child.wait()?.success())
}

/// How many tests ended in which way.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Adds a summary line; other lines change nothing.
    fn read(&mut self, nextest: bool, line: &str) {
        let line = line.trim();
        let summary = if nextest {
            // What a failed test printed contains libtest's summary of it too.
            line.starts_with("Summary [") && line.contains(" run: ")
        } else {
            line.starts_with("test result: ")
        };
        if !summary {
            return;
        }
        let words: Vec<&str> = line
            .split(|character: char| !character.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        for pair in words.windows(2) {
            let Ok(count) = pair[0].parse::<u64>() else {
                continue;
            };
            match pair[1] {
                "passed" => self.passed += count,
                "failed" | "timed" => self.failed += count,
                "ignored" | "skipped" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} ignored",
            self.passed, self.failed, self.ignored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(nextest: bool, lines: &[&str]) -> (u64, u64, u64) {
        let mut counts = Counts::default();
        for line in lines {
            counts.read(nextest, line);
        }
        (counts.passed, counts.failed, counts.ignored)
    }

    #[test]
    fn libtest_summaries_add_up() {
        let lines = [
            "test a::b ... ok",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.51s",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.00s",
        ];
        assert_eq!(counts(false, &lines), (14, 3, 1));
    }

    #[test]
    fn nextest_summaries_are_read() {
        let lines = [
            "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 7 filtered out",
            "        PASS [   0.004s] (1/5) xtask a::b",
            "     Summary [   1.034s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 2 skipped",
        ];
        assert_eq!(counts(true, &lines), (3, 2, 2));
    }

    #[test]
    fn devices_are_known_by_the_facades_names() {
        let cuda = Device::named("CUDA").expect("known");
        assert_eq!((cuda.name, cuda.burn), ("cuda", "cuda"));
        assert_eq!(cuda.feature(true), Some("cuda"));
        assert_eq!(cuda.feature(false), None);
        let cpu = Device::named("cpu").expect("known");
        assert_eq!((cpu.burn, cpu.feature(true)), ("flex", None));
        let error = Device::named("tpu").expect_err("unknown").to_string();
        assert!(error.contains("wgpu") && error.contains("tpu"), "{error}");
    }

    #[test]
    fn both_streams_are_read_and_the_status_is_kept() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let success = read_lines(&mut command, |line| lines.push(line.to_owned())).expect("runs");
        lines.sort();
        assert_eq!(lines, ["err", "out"]);
        assert!(!success);
    }
}
