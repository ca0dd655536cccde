//! Evaluates a model over folds, compared with baselines; see `suites/`.
//!
//! `cargo xtask evaluate --suite NAME` runs this program and finds the baselines' Python.

use std::path::{Path, PathBuf};
use std::process::Command as Process;

use crate::say::say;
use crate::{Command, Console, Outcome, print_table};
use clap::Parser;
use instructue::DeviceName;
use instructue::pipeline::suite::{RunBaselines, SUITE_REPORT, Suite, SuiteRun, evaluate_suite};
use instructue::pipeline::wide::{RunForecasts, WideRun, WideSuite, evaluate_wide};
use serde_json::json;

/// Trains a model per fold, measures it and the baselines, and writes the evaluation.
#[derive(Debug, Parser)]
pub struct Evaluate {
    /// A suite's file, such as suites/complete-journey.toml.
    suite: PathBuf,
    /// Where everything goes; default: target/suites/NAME. What is finished there is kept.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Also train the models with one thing changed.
    #[arg(long)]
    variants: bool,
    /// An interpreter with the packages of scripts/requirements.txt: runs the baselines.
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// A sentence-transformers directory for the baseline of frozen text embeddings.
    #[arg(long, value_name = "DIR", requires = "python")]
    encoder: Option<PathBuf>,
}

/// The baselines' program, from the root of the repository.
const BASELINES: &str = "scripts/baselines/run.py";
/// That of a wide suite.
const FORECASTS: &str = "scripts/baselines/forecasts.py";

/// Runs a program of the baselines in a directory.
fn python(
    arguments: &Evaluate,
    python: &Path,
    program: &str,
    exchange: &Path,
) -> instructue::pipeline::Result<()> {
    let mut command = Process::new(python);
    command.arg(program).arg(exchange);
    if let Some(encoder) = arguments.encoder.as_ref().filter(|_| program == BASELINES) {
        command.arg("--encoder").arg(encoder);
    }
    let failed = |found: String| instructue::pipeline::Error::Argument {
        what: format!("{} {program}", python.display()),
        expected: "a program that ends well".into(),
        found,
    };
    let status = command
        .status()
        .map_err(|error| failed(error.to_string()))?;
    match status.success() {
        true => Ok(()),
        false => Err(failed(status.to_string())),
    }
}

/// What the machine is.
fn facts() -> Vec<(String, String)> {
    let processors = std::thread::available_parallelism().map_or(1, |n| n.get());
    vec![("processors".into(), processors.to_string())]
}

impl Command for Evaluate {
    const NAME: &'static str = "evaluate";
    const EXAMPLE: Option<&'static str> = Some("evaluate_suite");

    fn run(&self) -> Outcome {
        let arguments = self;
        if WideSuite::is_one(&arguments.suite) {
            return run_wide(arguments);
        }
        let suite = Suite::load(&arguments.suite)?;
        let out = arguments.out.clone();
        let out = out.unwrap_or_else(|| Path::new("target/suites").join(&suite.name));
        let mut command = arguments
            .python
            .as_ref()
            .map(|found| move |exchange: &Path| python(arguments, found, BASELINES, exchange));
        let config = suite.config()?;
        let compute = config
            .device
            .parse::<DeviceName>()?
            .compute(config.replicas)?;
        let mut console = Console::new();
        let mut run = SuiteRun {
            compute: &compute,
            out: &out,
            variants: arguments.variants,
            baselines: command
                .as_mut()
                .map(|command| command as &mut RunBaselines<'_>),
            facts: facts(),
        };
        let evaluation = evaluate_suite(&suite, &mut run, &mut console)?;
        console.done();
        print_table(&evaluation.table());
        let shown = out.display();
        say!("wrote {shown}/evaluation.json, {shown}/{SUITE_REPORT}");
        say!("next: open {shown}/{SUITE_REPORT}");
        if !arguments.variants && !suite.variants.is_empty() {
            say!("  with --variants also what each part of the model is worth");
        }
        Ok(json!({ "out": out, "evaluation": evaluation }))
    }
}

/// Questions that no method has learned, on several data sets.
fn run_wide(arguments: &Evaluate) -> Outcome {
    let suite = WideSuite::load(&arguments.suite)?;
    if arguments.variants {
        return Err("--variants: expected a suite with models to vary, found a wide one".into());
    }
    let out = arguments.out.clone();
    let out = out.unwrap_or_else(|| Path::new("target/suites").join(&suite.name));
    let mut command = arguments.python.as_ref().map(|found| {
        move |exchange: &Path| match exchange.join("lightgbm.parquet").is_file() {
            true => Ok(()),
            false => python(arguments, found, FORECASTS, exchange),
        }
    });
    let compute = DeviceName::from_env()?.compute(0)?;
    let mut console = Console::new();
    let mut run = WideRun {
        out: &out,
        compute: &compute,
        baselines: command
            .as_mut()
            .map(|command| command as &mut RunForecasts<'_>),
        facts: facts(),
    };
    let results = evaluate_wide(&suite, &mut run, &mut console)?;
    console.done();
    for result in &results {
        say!("{}", result.name);
        print_table(&result.evaluation.table());
    }
    for result in &results {
        let path = out.join(&result.name);
        say!("wrote {0}.json, {0}.html", path.display());
    }
    say!("next: open a page");
    let each = results
        .iter()
        .map(|result| (result.name.clone(), json!(result.evaluation)));
    Ok(json!({ "out": out, "evaluations": each.collect::<serde_json::Map<_, _>>() }))
}
