//! Embeds all users of a data set with a trained model: one row per user, one vector column per
//! instruction.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use instructue::model::{SoftPrompt, VectorKind};
use instructue::pipeline::{EmbedRequest, Watch, check_embed_out, embed_users};
use instructue_examples::{Console, Users, finish, instruction, parse, say};

/// Writes id + FixedSizeList<f32> as Parquet.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    users: Users,
    /// What the vectors should be about; several give several columns, none the general vector.
    #[arg(long, value_parser = instruction)]
    instruction: Vec<String>,
    /// A file of tune_users: a further column of vectors, and a score per class.
    #[arg(long)]
    tuned: Option<PathBuf>,
    /// unit: vectors of length 1, to compare by cosine with each other and with
    /// texts; state: vectors from which a model of your own learns more.
    #[arg(long, default_value = "unit")]
    vectors: VectorKind,
    /// A further column per instruction: the probability that it is answered yes.
    #[arg(long, requires = "instruction")]
    scores: bool,
    /// Embed though most users have no event in the windows before the reference time.
    #[arg(long)]
    allow_empty: bool,
    /// The Parquet file to write.
    #[arg(long)]
    out: PathBuf,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    // The path is checked before anything is read.
    check_embed_out(&arguments.out)?;
    let mut console = Console::new();
    let opened = arguments.users.open(&mut console)?;
    let tuned = arguments.tuned.as_ref();
    let tuned = tuned.map(|file| SoftPrompt::load(file, &opened.model));
    let tuned = tuned.transpose()?;
    let classes = tuned.as_ref().map(|tuned| tuned.classes().to_vec());
    let request = EmbedRequest {
        reference: opened.reference,
        instructions: arguments.instruction.clone(),
        tuned,
        scorer: match arguments.scores {
            true => Some(arguments.users.scorer(&opened)?),
            false => None,
        },
        kind: arguments.vectors,
        allow_empty: arguments.allow_empty,
    };
    let embedded = embed_users(
        &opened.model,
        &opened.ingested.store,
        &request,
        &arguments.out,
        &mut |stage| {
            console.progress(stage);
        },
    )?;
    console.done();
    say!(
        "wrote {}: {} users, {} column(s) of {} numbers",
        embedded.path.display(),
        embedded.users,
        embedded.columns.len(),
        embedded.width
    );
    for (name, text) in embedded.answers.iter().zip(&arguments.instruction) {
        say!("{name}: probability of a yes to {text:?}");
    }
    for (name, class) in embedded.scores.iter().zip(classes.iter().flatten()) {
        say!("{name}: probability of {class:?}");
    }
    if let Some(cache) = &embedded.event_cache {
        say!(
            "event texts: {} looked up, {:.1} % known, {} encoded",
            cache.hits + cache.misses,
            100.0 * cache.hit_rate().unwrap_or(1.0),
            cache.misses
        );
    }
    say!("next: read it with any Parquet reader; cosine compares users.");
    Ok(())
}

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    finish(parse(arguments).and_then(|arguments| run(&arguments)))
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
