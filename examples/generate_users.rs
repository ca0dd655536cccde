//! Generates users with known answers: six sources, ready for train_userqa.
//!
//! `cargo run --release --example generate_users -- --users 10000 --out target/users` writes
//! Parquet files, `schema.toml`, `tasks.toml` and the hidden traits. Results on generated users
//! show what a model can learn, not how good it is on people.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use instructue::generate::{
    GenerateConfig, LABELS_FILE, SCHEMA_FILE, TASKS_FILE, TRUTH_FILE, generate,
};
use instructue::pipeline::Watch;
use instructue::schema::Progress;
use instructue_examples::{Console, finish, parse, say};

/// Writes generated users: Parquet files, schema.toml and tasks.toml.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many users.
    #[arg(long, default_value_t = 10_000)]
    users: u64,
    /// Same seed, same users.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Expected events of an average user in 90 days, over all sources.
    #[arg(long, default_value_t = GenerateConfig::default().events_per_user)]
    events_per_user: f64,
    /// The directory to write.
    #[arg(long)]
    out: PathBuf,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let config = GenerateConfig {
        users: arguments.users,
        seed: arguments.seed,
        events_per_user: arguments.events_per_user,
        ..GenerateConfig::default()
    };
    let mut console = Console::new();
    console.progress(Progress::Stage {
        name: "generating users",
    });
    let report = generate(&config, &arguments.out, &mut |step| console.progress(step))?;
    console.done();
    for (name, rows) in &report.rows {
        say!("  {name}.parquet: {rows} rows");
    }
    let out = arguments.out.display();
    say!(
        "wrote {out}: {} users, {SCHEMA_FILE}, {TASKS_FILE}; the truth is in {LABELS_FILE} and \
         {TRUTH_FILE}",
        config.users
    );
    say!("next: train on them:");
    say!("  cargo run --release --example train_userqa -- --data {out} --out target/generated");
    Ok(())
}

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    finish(parse(arguments).and_then(|arguments| run(&arguments)))
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
