//! Generates users with known answers: six sources, ready for train_userqa.
//!
//! `cargo run --release --example generate_users -- --users 10000 --out target/users` writes
//! Parquet files, `schema.toml`, `tasks.toml` and the hidden traits. Results on generated users
//! show what a model can learn, not how good it is on people.

use std::path::PathBuf;

use crate::commands::Train;
use crate::say::say;
use crate::{Command, Console, Outcome, call};
use clap::Parser;
use instructue::generate::{
    GenerateConfig, LABELS_FILE, SCHEMA_FILE, TASKS_FILE, TRUTH_FILE, generate,
};
use instructue::pipeline::Watch;
use instructue::schema::Progress;
use serde_json::json;

/// Writes generated users: Parquet files, schema.toml and tasks.toml.
#[derive(Debug, Parser)]
pub struct Generate {
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

impl Command for Generate {
    const NAME: &'static str = "generate";
    const EXAMPLE: Option<&'static str> = Some("generate_users");

    fn run(&self) -> Outcome {
        let arguments = self;
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
        say!("  {} --data {out} --out target/generated", call::<Train>());
        Ok(json!({ "out": arguments.out, "users": config.users, "rows": report.rows }))
    }
}
