//! `cargo xtask race`: real weights at the same work here and in PyTorch, in
//! turn on this machine; `target/bench/race.json` and a table of ratios.
//!
//! Weights come from the packages of `cargo xtask parity`; both sides load the
//! same safetensors, which for decoders `scripts/bench/real_model.py` makes of
//! the GGUF files.
//! A race counts only if both sides computed the same.

mod events;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::bench::{Machine, machine};
use crate::fixtures::interpreter;
use crate::markdown::aligned;
use crate::metadata::target_directory;
use crate::models::{DECODERS, ENCODERS, Model, fetched};
use crate::run::{Result, cargo, output, root, succeed};

/// The models, and what is raced with each, by the names that both programs know.
fn entrants() -> [(&'static Model, &'static [&'static str]); 3] {
    const DECODER: &[&str] = &["forward", "train", "users", "cold"];
    let [smollm2, qwen] = &DECODERS;
    [
        (smollm2, DECODER),
        (qwen, DECODER),
        (&ENCODERS[0], &["encode"]),
    ]
}

/// Largest difference of what both sides computed, of its largest value.
const BOUND: f64 = 1e-3;

#[derive(Args)]
pub struct Options {
    /// The interpreter with torch, transformers, peft, sentence-transformers and gguf; without it INSTRUCTUE_PYTHON, else python3.
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// Only this model: smollm2, qwen2.5-coder or minilm.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Turns of each side; each has timed repetitions of its own.
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// Timed repetitions of a turn, after one that is not timed.
    #[arg(long, default_value_t = 1)]
    repetitions: usize,
    /// Threads of each side.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Only these: forward, train, users, cold, encode.
    works: Vec<String>,
}

/// A line of either program.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Line {
    Time { seconds: f64 },
    Products { products_seconds: f64 },
    Peak { peak_bytes: u64 },
    Result { values: Vec<f64> },
}

/// What one side did in one work.
#[derive(Debug, Default, Serialize)]
struct Side {
    seconds: Vec<f64>,
    /// From starting a process to its end, in `cold`.
    process_seconds: Vec<f64>,
    /// What the matrix products take by themselves, in `forward` here.
    products_seconds: Vec<f64>,
    /// The most memory that a process held.
    peak_bytes: u64,
    #[serde(skip)]
    values: Vec<f64>,
}

#[derive(Serialize)]
struct Race {
    model: String,
    work: String,
    ours: Side,
    reference: Side,
    /// The reference's median time by ours: above 1, ours is quicker.
    ratio: f64,
    /// The same of whole processes, in `cold`.
    process_ratio: Option<f64>,
    /// What the matrix products take by themselves, of our time: 1 is the limit.
    share_of_limit: Option<f64>,
    /// Of what was computed, see [`BOUND`].
    difference: f64,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    threads: usize,
    reference: String,
    races: Vec<Race>,
}

/// Runs the races, writes the report and prints the table.
pub fn run(options: &Options) -> Result<()> {
    let models = entrants().map(|(model, _)| model.name);
    let works: Vec<&str> = entrants()
        .into_iter()
        .flat_map(|(_, works)| works)
        .copied()
        .collect();
    for (given, known) in [
        (options.works.iter().collect::<Vec<_>>(), &works[..]),
        (options.model.iter().collect(), &models),
    ] {
        if let Some(unknown) = given.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("no race `{unknown}`; there are: {}", known.join(", ")).into());
        }
    }
    if options.turns == 0 || options.repetitions == 0 {
        return Err("a race has at least one turn of one repetition".into());
    }
    let python = interpreter(options.against.as_deref());
    let target = target_directory()?;
    // With the features of the whole workspace, as the benches are built.
    succeed(&mut cargo([
        "build",
        "--release",
        "--workspace",
        "--bin",
        "race",
    ]))?;
    let program = target.join("release/race");
    let mut races = Vec::new();
    for (model, works) in entrants() {
        if options
            .model
            .as_ref()
            .is_some_and(|name| name != model.name)
        {
            continue;
        }
        let wanted =
            |work: &&str| options.works.is_empty() || options.works.iter().any(|name| name == work);
        let mut works = works.iter().copied().filter(wanted).peekable();
        if works.peek().is_none() {
            continue;
        }
        let inputs = prepared(model, &target.join("bench"), &python)?;
        for work in works {
            println!("{}: {work}", model.name);
            if work == "cold" {
                warm(&inputs)?;
            }
            races.push(race(
                options,
                &program,
                &python,
                (model.name, work),
                &inputs,
            )?);
        }
    }
    let report = Report {
        machine: machine(),
        threads: options.threads,
        reference: versions(&python)?,
        races,
    };
    let path = target.join("bench/race.json");
    std::fs::write(&path, serde_json::to_string_pretty(&report)? + "\n")?;
    println!(
        "\n{}, {} threads, against {}",
        report.machine.processor, report.threads, report.reference
    );
    print!("{}", table(&report.races));
    println!("written to {}", path.display());
    match report.races.iter().find(|race| race.difference > BOUND) {
        None => Ok(()),
        Some(race) => Err(format!(
            "{} {}: both sides differ by {:.1e}, expected at most {BOUND:.0e}",
            race.model, race.work, race.difference
        )
        .into()),
    }
}

/// What both sides are told to load.
fn prepared(model: &Model, bench: &Path, python: &Path) -> Result<Vec<PathBuf>> {
    let directory = bench.join(model.name);
    if !directory.join("adapter/adapter_config.json").is_file() {
        let fetched = fetched(model, python)?;
        if fetched.is_dir() {
            let events = bench.join("events.txt");
            std::fs::create_dir_all(bench)?;
            std::fs::write(&events, events::texts())?;
            return Ok(vec!["--model".into(), fetched, "--events".into(), events]);
        }
        let mut convert = Command::new(python);
        convert
            .arg("scripts/bench/real_model.py")
            .arg("--gguf")
            .arg(fetched)
            .arg("--out")
            .arg(&directory)
            .current_dir(root());
        succeed(&mut convert)?;
    }
    Ok(vec!["--model".into(), directory])
}

/// Reads the weights once, so that neither side waits for the disk.
fn warm(inputs: &[PathBuf]) -> Result<()> {
    for directory in inputs.iter().filter(|input| input.is_dir()) {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_file() {
                std::io::copy(&mut File::open(path)?, &mut std::io::sink())?;
            }
        }
    }
    Ok(())
}

/// Ours, theirs, ours, theirs, …: what else the machine does meets both.
fn race(
    options: &Options,
    program: &Path,
    python: &Path,
    (model, work): (&str, &str),
    inputs: &[PathBuf],
) -> Result<Race> {
    let threads = options.threads.to_string();
    let repetitions = options.repetitions.to_string();
    let common = |command: &mut Command| {
        command
            .arg(work)
            .args(inputs)
            .args(["--repetitions", &repetitions])
            .current_dir(root());
    };
    let (mut ours, mut reference) = (Side::default(), Side::default());
    for _ in 0..options.turns {
        let mut command = Command::new(program);
        common(&mut command);
        command.env("RAYON_NUM_THREADS", &threads);
        turn(&mut command, &mut ours, work == "cold")?;
        let mut command = Command::new(python);
        command.arg("scripts/bench/torch_real.py");
        common(&mut command);
        command.args(["--threads", &threads]);
        turn(&mut command, &mut reference, work == "cold")?;
    }
    let ratio = |reference: &[f64], ours: &[f64]| Some(median(reference)? / median(ours)?);
    Ok(Race {
        model: model.into(),
        work: work.into(),
        ratio: ratio(&reference.seconds, &ours.seconds).ok_or("no repetition was timed")?,
        process_ratio: ratio(&reference.process_seconds, &ours.process_seconds),
        share_of_limit: ratio(&ours.products_seconds, &ours.seconds),
        difference: difference(&ours.values, &reference.values)?,
        ours,
        reference,
    })
}

fn turn(command: &mut Command, side: &mut Side, whole: bool) -> Result<()> {
    let start = Instant::now();
    let said = output(command)?;
    if whole {
        side.process_seconds.push(start.elapsed().as_secs_f64());
    }
    for line in String::from_utf8_lossy(&said).lines() {
        match serde_json::from_str(line).map_err(|error| format!("`{line:.80}`: {error}"))? {
            Line::Time { seconds } => side.seconds.push(seconds),
            Line::Products { products_seconds } => side.products_seconds.push(products_seconds),
            Line::Peak { peak_bytes } => side.peak_bytes = side.peak_bytes.max(peak_bytes),
            Line::Result { values } => side.values = values,
        }
    }
    Ok(())
}

/// The largest difference, of the largest value.
fn difference(ours: &[f64], reference: &[f64]) -> Result<f64> {
    if ours.len() != reference.len() || ours.is_empty() {
        let (ours, reference) = (ours.len(), reference.len());
        return Err(format!("ours gave {ours} values, the reference {reference}").into());
    }
    let largest = |values: &mut dyn Iterator<Item = f64>| {
        // NaN is no small difference.
        values
            .map(f64::abs)
            .fold(0.0, |a, b| if b > a || b.is_nan() { b } else { a })
    };
    let size = largest(&mut reference.iter().copied());
    let apart = largest(&mut ours.iter().zip(reference).map(|(a, b)| a - b));
    let relative = apart / size.max(f64::MIN_POSITIVE);
    Ok(if relative.is_nan() {
        f64::INFINITY
    } else {
        relative
    })
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n.is_multiple_of(2) => Some((sorted[middle - 1] + sorted[middle]) / 2.0),
        _ => Some(sorted[middle]),
    }
}

fn versions(python: &Path) -> Result<String> {
    let text = "from importlib.metadata import version; \
                names = 'torch', 'transformers', 'peft', 'sentence-transformers'; \
                print(', '.join(f'{name} {version(name)}' for name in names))";
    let said = output(Command::new(python).args(["-c", text]))?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

fn table(races: &[Race]) -> String {
    let head = [
        "model",
        "work",
        "ours",
        "reference",
        "ratio",
        "of the limit",
        "GB",
        "reference GB",
        "difference",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let seconds = |values: &[f64]| {
        let spread = values.iter().copied();
        let (least, most) = (
            spread.clone().fold(f64::INFINITY, f64::min),
            spread.fold(0.0, f64::max),
        );
        format!(
            "{:.2} s ({least:.2} … {most:.2})",
            median(values).unwrap_or(f64::NAN)
        )
    };
    let gigabytes = |side: &Side| format!("{:.2}", side.peak_bytes as f64 / 1e9);
    for race in races {
        let mut row = |work: String, ours: &[f64], reference: &[f64], ratio: f64| {
            rows.push(vec![
                race.model.clone(),
                work,
                seconds(ours),
                seconds(reference),
                format!("{ratio:.2}"),
                race.share_of_limit
                    .map_or_else(|| "–".into(), |share| format!("{share:.2}")),
                gigabytes(&race.ours),
                gigabytes(&race.reference),
                format!("{:.0e}", race.difference),
            ]);
        };
        let (ours, reference) = (&race.ours, &race.reference);
        row(
            race.work.clone(),
            &ours.seconds,
            &reference.seconds,
            race.ratio,
        );
        if let Some(ratio) = race.process_ratio {
            let work = format!("{}, whole process", race.work);
            row(
                work,
                &ours.process_seconds,
                &reference.process_seconds,
                ratio,
            );
        }
    }
    aligned(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_sorted_values() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn differences_are_relative_and_never_missed() {
        let close = difference(&[1.0, -10.0], &[1.001, -10.0]).expect("a difference");
        assert!((close - 1e-4).abs() < 1e-9, "{close}");
        let broken = difference(&[f64::NAN, 1.0], &[1.0, 1.0]).expect("a difference");
        assert!(broken > BOUND);
        let broken = difference(&[1.0, f64::NAN], &[1.0, 1.0]).expect("a difference");
        assert!(broken > BOUND);
        assert!(difference(&[1.0], &[1.0, 2.0]).is_err());
        assert!(difference(&[], &[]).is_err());
    }

    #[test]
    fn both_kinds_of_lines_are_read() {
        let read = |line| serde_json::from_str::<Line>(line).expect("a line");
        assert_eq!(read(r#"{"seconds": 1.5}"#), Line::Time { seconds: 1.5 });
        let values = vec![1.0, -2e-3];
        assert_eq!(read(r#"{"values": [1, -2e-3]}"#), Line::Result { values });
        let peak_bytes = 7;
        assert_eq!(read(r#"{"peak_bytes": 7}"#), Line::Peak { peak_bytes });
        let products_seconds = 2.5;
        assert_eq!(
            read(r#"{"products_seconds": 2.5}"#),
            Line::Products { products_seconds }
        );
    }

    #[test]
    fn an_unknown_race_is_refused_with_the_choices() {
        let options = Options {
            against: None,
            model: None,
            turns: 1,
            repetitions: 1,
            threads: 1,
            works: vec!["sprint".into()],
        };
        let error = run(&options).expect_err("unknown").to_string();
        assert!(
            error.contains("sprint") && error.contains("forward"),
            "{error}"
        );
    }
}
