//! Tunes one question on a few labelled users. The model does not change; the result is a file of
//! kilobytes.

use std::path::PathBuf;

use crate::commands::Embed;
use crate::say::say;
use crate::{Command, Console, Outcome, Users, call, instruction};
use clap::Parser;
use instructue::model::SoftPrompt;
use instructue::pipeline::{TuneQuality, TuneRequest, Watch, tune_users};
use instructue::trainer::TuneConfig;
use serde_json::{Value, json};

/// Learns tokens behind an instruction, and what reads its classes from the vector.
#[derive(Debug, Parser)]
pub struct Tune {
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

impl Command for Tune {
    const NAME: &'static str = "tune";
    const EXAMPLE: Option<&'static str> = Some("tune_users");

    fn run(&self) -> Outcome {
        let arguments = self;
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
            "next: {} --model {} --data {} --tuned {} --out users.parquet",
            call::<Embed>(),
            arguments.users.model.display(),
            arguments.users.data.display(),
            tuned.path.display()
        );
        Ok(json!({
            "out": tuned.path,
            "steps": tuned.steps,
            "best_step": tuned.best_step,
            "tokens": tuned.tokens,
            "classes": tuned.classes,
            "unknown": tuned.unknown,
            "train": quality(tuned.train),
            "validation": quality(tuned.validation),
        }))
    }
}

/// For machines.
fn quality(quality: TuneQuality) -> Value {
    json!({
        "users": quality.users,
        "loss": quality.loss,
        "accuracy": quality.accuracy,
        "auc": quality.auc,
    })
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
