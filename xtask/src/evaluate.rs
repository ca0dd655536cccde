//! `cargo xtask evaluate`: runs a suite of `suites/` with the baselines of
//! `scripts/baselines`.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::fixtures::interpreter;
use crate::run::{Result, cargo, root, succeed};

#[derive(Args)]
pub struct Options {
    /// A suite by the name of its file in suites/, such as quick or complete-journey.
    #[arg(long, value_name = "NAME")]
    suite: String,
    /// The interpreter with the packages of scripts/requirements.txt; without it INSTRUCTUE_PYTHON, else python3.
    #[arg(long, value_name = "PATH")]
    against: Option<PathBuf>,
    /// A sentence-transformers directory for the baseline of frozen text embeddings.
    #[arg(long, value_name = "DIR")]
    encoder: Option<PathBuf>,
    /// No baselines but counts, and no Python.
    #[arg(long)]
    alone: bool,
    /// Also train the models with one thing changed.
    #[arg(long)]
    variants: bool,
    /// Where everything goes; default: target/suites/NAME.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Features of the build, such as `vulkan` for INSTRUCTUE_DEVICE=wgpu.
    #[arg(long, value_name = "LIST")]
    features: Option<String>,
}

/// What the baselines need to be there.
const PACKAGES: &str = "import lightgbm, polars, pyarrow, sklearn, torch";

pub fn run(options: &Options) -> Result<()> {
    let suite = root()
        .join("suites")
        .join(format!("{}.toml", options.suite));
    if !suite.is_file() {
        let known = known()?.join(", ");
        return Err(format!("no suite `{}`; there are: {known}", options.suite).into());
    }
    let python = interpreter(options.against.as_deref());
    if !options.alone {
        let found = Command::new(&python).args(["-c", PACKAGES]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            return Err(format!(
                "{} lacks a package of scripts/requirements.txt; install them, name another \
                 interpreter (--against), or leave the baselines out (--alone)",
                python.display()
            )
            .into());
        }
    }
    let mut command = cargo(["run", "--release", "--package", "instructue-examples"]);
    if let Some(features) = &options.features {
        command.args(["--features", features]);
    }
    command
        .args(["--example", "evaluate_suite", "--"])
        .arg(&suite);
    if !options.alone {
        command.arg("--python").arg(&python);
        if let Some(encoder) = &options.encoder {
            command.arg("--encoder").arg(encoder);
        }
    }
    if options.variants {
        command.arg("--variants");
    }
    if let Some(out) = &options.out {
        command.arg("--out").arg(out);
    }
    succeed(&mut command)
}

/// Names of the suites that are there.
fn known() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root().join("suites"))? {
        let path = entry?.path();
        if let (Some(stem), Some("toml")) = (
            path.file_stem().and_then(|stem| stem.to_str()),
            path.extension().and_then(|extension| extension.to_str()),
        ) {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
