//! `cargo xtask bench`: runs the criterion benches and collects what they left
//! in `target/criterion` into one file and one table.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::markdown::aligned;
use crate::metadata::target_directory;
use crate::run::{Result, cargo, output, root, succeed};

#[derive(Args)]
pub struct Options {
    /// Only this bench file, such as `rendering`.
    #[arg(long, value_name = "NAME")]
    bench: Option<String>,
    /// Features to enable, such as `cuda` for INSTRUCTUE_DEVICE=cuda.
    #[arg(long, value_name = "LIST")]
    features: Option<String>,
    /// Report what earlier runs left rather than run anything.
    #[arg(long)]
    no_run: bool,
    /// Fewer samples: a first look, nothing to quote.
    #[arg(long)]
    quick: bool,
    /// Only benches whose name contains this.
    filter: Option<String>,
}

/// `target/bench/summary.json`.
#[derive(Serialize)]
struct Summary {
    machine: Machine,
    benches: Vec<Bench>,
}

/// Where the figures were measured: without it they mean nothing.
#[derive(Serialize)]
pub struct Machine {
    pub processor: String,
    threads: usize,
    rustc: String,
    commit: String,
}

/// One bench: times of one iteration in nanoseconds.
#[derive(Debug, PartialEq, Serialize)]
struct Bench {
    name: String,
    median_ns: f64,
    /// Bounds of the median's confidence interval and its level.
    lower_ns: f64,
    upper_ns: f64,
    confidence: f64,
    /// What one iteration handles, and what that makes per second.
    throughput: Option<Rate>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Rate {
    per_iteration: f64,
    per_second: f64,
    unit: &'static str,
}

/// `estimates.json` of criterion.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    confidence_level: f64,
    lower_bound: f64,
    upper_bound: f64,
}

/// `benchmark.json` of criterion.
#[derive(Deserialize)]
struct Identity {
    full_id: String,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
enum Throughput {
    Bits(u64),
    Bytes(u64),
    BytesDecimal(u64),
    Elements(u64),
    ElementsAndBytes { elements: u64, bytes: u64 },
}

/// Runs the benches, writes the summary and prints the table.
pub fn run(options: &Options) -> Result<()> {
    let target = target_directory()?;
    let start = SystemTime::now();
    if !options.no_run {
        let mut command = cargo(["bench", "--package", "instructue-benches"]);
        if let Some(name) = &options.bench {
            command.args(["--bench", name]);
        }
        if let Some(features) = &options.features {
            command.args(["--features", features]);
        }
        command.arg("--").args(&options.filter);
        if options.quick {
            command.arg("--quick");
        }
        succeed(&mut command)?;
    }
    // What an earlier run left of a bench that is gone is no result of this one.
    let since = if options.no_run {
        SystemTime::UNIX_EPOCH
    } else {
        start
    };
    let mut benches = collect(&target.join("criterion"), since)?;
    if let Some(filter) = &options.filter {
        benches.retain(|bench| bench.name.contains(filter));
    }
    if benches.is_empty() {
        return Err("no bench left any result in target/criterion".into());
    }
    benches.sort_by(|a, b| a.name.cmp(&b.name));
    let summary = Summary {
        machine: machine(),
        benches,
    };
    let path = target.join("bench/summary.json");
    std::fs::create_dir_all(target.join("bench"))?;
    std::fs::write(&path, serde_json::to_string_pretty(&summary)? + "\n")?;
    let machine = &summary.machine;
    println!(
        "\n{}, {} threads, {}",
        machine.processor, machine.threads, machine.rustc
    );
    print!("{}", table(&summary.benches));
    println!("written to {}", path.display());
    Ok(())
}

/// Every `new/estimates.json` below a directory that is at least this new.
fn collect(directory: &Path, since: SystemTime) -> Result<Vec<Bench>> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Ok(found);
    };
    for entry in entries {
        let path = entry?.path();
        let estimates = path.join("estimates.json");
        if path.file_name().is_some_and(|name| name == "new") && estimates.is_file() {
            if estimates.metadata()?.modified()? >= since {
                found.push(read(&estimates, &path.join("benchmark.json"))?);
            }
        } else if path.is_dir() {
            found.extend(collect(&path, since)?);
        }
    }
    Ok(found)
}

fn read(estimates: &Path, identity: &Path) -> Result<Bench> {
    let text = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let named = |path: &Path, error: serde_json::Error| format!("{}: {error}", path.display());
    let median = serde_json::from_str::<Estimates>(&text(estimates)?)
        .map_err(|error| named(estimates, error))?
        .median;
    let identity_of = serde_json::from_str::<Identity>(&text(identity)?)
        .map_err(|error| named(identity, error))?;
    let rate = |amount: u64, unit| Rate {
        per_iteration: amount as f64,
        per_second: amount as f64 / (median.point_estimate * 1e-9),
        unit,
    };
    let throughput = identity_of.throughput.map(|throughput| match throughput {
        Throughput::Bits(bits) => rate(bits, "bit"),
        Throughput::Bytes(bytes) | Throughput::BytesDecimal(bytes) => rate(bytes, "B"),
        Throughput::Elements(elements) => rate(elements, "elem"),
        Throughput::ElementsAndBytes { elements: 0, bytes } => rate(bytes, "B"),
        Throughput::ElementsAndBytes { elements, .. } => rate(elements, "elem"),
    });
    Ok(Bench {
        name: identity_of.full_id,
        median_ns: median.point_estimate,
        lower_ns: median.confidence_interval.lower_bound,
        upper_ns: median.confidence_interval.upper_bound,
        confidence: median.confidence_interval.confidence_level,
        throughput,
    })
}

fn table(benches: &[Bench]) -> String {
    let mut rows = vec![
        ["bench", "median", "interval", "throughput"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for bench in benches {
        let rate = |rate: &Rate| scaled(rate.per_second, rate.unit);
        rows.push(vec![
            bench.name.clone(),
            time(bench.median_ns),
            format!("{} … {}", time(bench.lower_ns), time(bench.upper_ns)),
            bench.throughput.as_ref().map_or(String::new(), rate),
        ]);
    }
    aligned(&rows)
}

fn time(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns")];
    let (size, unit) = units
        .into_iter()
        .find(|(size, _)| nanoseconds >= *size)
        .unwrap_or((1.0, "ns"));
    format!("{:.2} {unit}", nanoseconds / size)
}

fn scaled(value: f64, unit: &str) -> String {
    let prefixes = [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];
    let (size, prefix) = prefixes
        .into_iter()
        .find(|(size, _)| value >= *size)
        .unwrap_or((1.0, ""));
    format!("{:.2} {prefix}{unit}/s", value / size)
}

/// The machine at hand.
pub fn machine() -> Machine {
    let line = |program: &str, arguments: &[&str]| {
        let output = output(Command::new(program).args(arguments).current_dir(root()));
        output.map_or_else(
            |_| "unknown".into(),
            |bytes| String::from_utf8_lossy(&bytes).trim().to_owned(),
        )
    };
    let processor = std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
    Machine {
        processor: processor.unwrap_or_else(|| std::env::consts::ARCH.into()),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        rustc: line("rustc", &["--version"]),
        commit: line("git", &["describe", "--always", "--dirty"]),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A directory as criterion leaves it, in a place of its own.
    fn criterion(name: &str, identity: &str) -> PathBuf {
        let directory =
            std::env::temp_dir().join(format!("xtask-bench-{name}-{}", std::process::id()));
        let new = directory.join("group/bench/new");
        std::fs::create_dir_all(&new).expect("a directory");
        let interval = r#"{"confidence_level":0.95,"lower_bound":900.0,"upper_bound":1200.0}"#;
        let estimates = format!(
            r#"{{"mean":{{}},"median":{{"confidence_interval":{interval},"point_estimate":1000.0,"standard_error":1.0}}}}"#
        );
        std::fs::write(new.join("estimates.json"), estimates).expect("written");
        std::fs::write(new.join("benchmark.json"), identity).expect("written");
        std::fs::create_dir_all(directory.join("group/bench/base")).expect("a directory");
        directory
    }

    #[test]
    fn medians_and_rates_are_read() {
        let identity =
            r#"{"group_id":"group","full_id":"group/bench","throughput":{"Elements":50}}"#;
        let directory = criterion("rates", identity);
        let found = collect(&directory, SystemTime::UNIX_EPOCH);
        std::fs::remove_dir_all(&directory).expect("removed");
        let found = found.expect("read");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].median_ns, found[0].lower_ns, found[0].upper_ns),
            (1000.0, 900.0, 1200.0)
        );
        let rate = found[0].throughput.as_ref().expect("a rate");
        assert!((rate.per_second - 5e7).abs() < 1.0, "{rate:?}");
        let table = table(&found);
        assert!(
            table.contains("group/bench")
                && table.contains("1.00 µs")
                && table.contains("50.00 Melem/s"),
            "{table}"
        );
    }

    #[test]
    fn results_of_earlier_runs_are_left_out() {
        let directory = criterion("old", r#"{"full_id":"a","throughput":null}"#);
        let later = SystemTime::now() + std::time::Duration::from_secs(3600);
        let found = collect(&directory, later);
        std::fs::remove_dir_all(&directory).expect("removed");
        assert!(found.expect("read").is_empty());
    }

    #[test]
    fn a_broken_file_is_named() {
        let directory = criterion("broken", "{");
        let error = collect(&directory, SystemTime::UNIX_EPOCH);
        std::fs::remove_dir_all(&directory).expect("removed");
        let error = error.expect_err("broken").to_string();
        assert!(error.contains("benchmark.json"), "{error}");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(time(12.3), "12.30 ns");
        assert_eq!(time(4.5e6), "4.50 ms");
        assert_eq!(scaled(0.5, "elem"), "0.50 elem/s");
        assert_eq!(scaled(12_345.0, "B"), "12.35 kB/s");
    }
}
