//! Tunes one question on a few labelled users. The model does not change; the result is a file of
//! kilobytes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use instructue::model::SoftPrompt;
use instructue::pipeline::{TuneQuality, TuneRequest, Watch, tune_users};
use instructue::trainer::TuneConfig;
use instructue_examples::{Console, Users, finish, instruction, parse, say};

/// Learns tokens behind an instruction, and what reads its classes from the vector.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    users: Users,
    /// A Parquet file with a row per labelled user; 50 to 5,000 are enough.
    #[arg(long)]
    labels: PathBuf,
    /// Its column of user ids.
    #[arg(long)]
    user_column: String,
    /// Its column of labels: text, integers or booleans.
    #[arg(long)]
    label_column: String,
    /// The question that the labels answer.
    #[arg(long, value_parser = instruction)]
    instruction: String,
    /// Tune though most labelled users have no event in the windows before the reference time.
    #[arg(long)]
    allow_empty: bool,
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
    /// Most steps.
    #[arg(long, default_value_t = TuneConfig::default().steps)]
    steps: usize,
    /// Peak learning rate.
    #[arg(long, default_value_t = TuneConfig::default().learning_rate)]
    learning_rate: f64,
    /// Learned tokens.
    #[arg(long, default_value_t = TuneConfig::default().tokens)]
    tokens: usize,
    /// Decides the split and the order of users.
    #[arg(long, default_value_t = TuneConfig::default().seed)]
    seed: u64,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let config = TuneConfig {
        steps: arguments.steps,
        learning_rate: arguments.learning_rate,
        tokens: arguments.tokens,
        seed: arguments.seed,
        ..TuneConfig::default()
    };
    // The configuration is checked before anything is read.
    config.validate()?;
    SoftPrompt::check_replaceable(&arguments.out)?;
    let mut console = Console::new();
    let opened = arguments.users.open(&mut console)?;
    let request = TuneRequest {
        labels: arguments.labels.clone(),
        user_column: arguments.user_column.clone(),
        label_column: arguments.label_column.clone(),
        instruction: arguments.instruction.clone(),
        reference: opened.reference,
        allow_empty: arguments.allow_empty,
        config,
    };
    let store = &opened.ingested.store;
    let out = &arguments.out;
    let tuned = tune_users(&opened.model, store, &request, out, &mut |stage| {
        console.progress(stage);
    })?;
    console.done();
    let classes = tuned.classes.iter();
    let classes: Vec<String> = classes
        .map(|(name, users)| format!("{name} {users}"))
        .collect();
    say!("classes: {}", classes.join(", "));
    if tuned.unknown > 0 {
        say!("left out: {} users that are not in the data", tuned.unknown);
    }
    match tuned.tokens {
        0 if arguments.tokens > 0 => say!(
            "steps: {}, kept: the question as it was asked, because learned tokens told \
             held-out users no better",
            tuned.steps
        ),
        _ => say!(
            "steps: {}, kept: step {} of the lowest validation loss",
            tuned.steps,
            tuned.best_step
        ),
    }
    line("train", tuned.train);
    line("validation", tuned.validation);
    say!("wrote {}: {} bytes", tuned.path.display(), tuned.bytes);
    say!(
        "next: embed_users --model {} --data {} --tuned {} --out users.parquet",
        arguments.users.model.display(),
        arguments.users.data.display(),
        tuned.path.display()
    );
    Ok(())
}

fn line(name: &str, quality: TuneQuality) {
    let auc = quality.auc.map(|auc| format!(", AUC {auc:.3}"));
    say!(
        "{name}: {} users, loss {:.3}, accuracy {:.3}{}",
        quality.users,
        quality.loss,
        quality.accuracy,
        auc.unwrap_or_default()
    );
}

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    finish(parse(arguments).and_then(|arguments| run(&arguments)))
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
