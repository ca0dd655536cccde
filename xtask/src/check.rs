//! `cargo xtask check`: everything short of running the tests.

use clap::Args;

use crate::run::{Result, Steps, cargo, succeed};
use crate::{deny, tidy};

#[derive(Args)]
pub struct Options {
    /// Also type-check the wgpu and cuda backends, which are slow to build.
    #[arg(long)]
    backends: bool,
    #[command(flatten)]
    dependencies: deny::Options,
}

/// Runs every step, also behind one that fails, and prints the times.
pub fn run(options: &Options) -> Result<()> {
    let mut steps = Steps::default();
    steps.step("format", || quietly("fmt --all --check"));
    steps.step("tidy", tidy::check);
    steps.step("dependencies", || deny::run(&options.dependencies));
    steps.step("clippy", || {
        quietly("clippy --workspace --all-targets -- -D warnings")
    });
    steps.step("documentation", documentation);
    steps.step("feature ndarray", || feature("ndarray"));
    if options.backends {
        steps.step("feature wgpu", || feature("wgpu,fusion,autotune"));
        steps.step("feature cuda", || feature("cuda,fusion,autotune"));
    }
    steps.finish()
}

fn quietly(arguments: &str) -> Result<String> {
    succeed(&mut cargo(arguments.split_whitespace()))?;
    Ok(String::new())
}

/// The documentation of the crates, with broken links as errors.
fn documentation() -> Result<String> {
    let mut command = cargo(["doc", "--workspace", "--no-deps"]);
    succeed(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(String::new())
}

/// The facade with one backend, and what speeds it up, instead of the default one.
fn feature(name: &str) -> Result<String> {
    let arguments = [
        "check",
        "--package",
        "instructue",
        "--no-default-features",
        "--features",
        name,
    ];
    succeed(&mut cargo(arguments))?;
    Ok(String::new())
}
