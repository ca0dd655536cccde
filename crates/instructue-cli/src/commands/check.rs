//! Reads a data directory and says what is in it.

use std::path::PathBuf;

use clap::Parser;
use instructue::fs::NewDirectory;
use instructue::pipeline::{DataReport, SourceSummary, Watch, check_data};
use serde_json::json;

use crate::commands::Train;
use crate::say::say;
use crate::{Command, Console, Outcome, call};

/// Reads everything in a data directory, checks it, and says what a model would be told.
#[derive(Debug, Parser)]
pub struct Check {
    /// Directory with Parquet files and schema.toml.
    data: PathBuf,
    /// Users whose newest events are shown.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(..=1000))]
    users: u16,
}

impl Command for Check {
    const NAME: &'static str = "check";

    fn run(&self) -> Outcome {
        let mut console = Console::new();
        let aside = std::env::temp_dir().join("instructue-check");
        // Nobody else can read it, and it goes with the program, also by a signal.
        let aside = NewDirectory::create_private(&aside)?;
        let store = aside.path().join("store");
        let report = check_data(&self.data, &store, usize::from(self.users), &mut |stage| {
            console.progress(stage)
        })?;
        console.done();
        print(&report);
        let data = self.data.display();
        say!("next: {} --data {data} --out target/mine", call::<Train>());
        Ok(json!(report))
    }
}

fn print(report: &DataReport) {
    say!(
        "{} users, windows end at {}",
        report.users,
        report.reference
    );
    for source in &report.sources {
        print_source(source);
    }
    for user in &report.shown {
        say!("user {}", user.id);
        for line in &user.lines {
            say!("  {line}");
        }
    }
}

fn print_source(source: &SourceSummary) {
    let times = source.times.as_ref();
    let times = times.map(|[first, last]| format!(", {first} to {last}"));
    say!(
        "{} ({}): {} of {} rows kept, {} users{}",
        source.name,
        source.kind,
        source.kept,
        source.rows,
        source.users,
        times.unwrap_or_default()
    );
    for (reason, rows) in &source.skipped {
        say!("  left out: {rows} rows: {reason}");
    }
    let [median, most, all] = source.per_user;
    if let Some(empty) = source.window_empty {
        say!(
            "  rows of a user: {median} (median), {most} (nine of ten have fewer), {all} (most); \
             {:.1} % of the users have none in the window",
            100.0 * empty
        );
    }
    for field in &source.fields {
        let distinct = field
            .distinct
            .map(|distinct| format!(", {distinct} values"));
        say!(
            "  {} ({}{}): {:.1} % missing",
            field.name,
            field.role,
            distinct.unwrap_or_default(),
            100.0 * field.missing
        );
    }
}
