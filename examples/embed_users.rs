//! Embeds all users of a data set with a trained model: one row per user, one vector column per
//! instruction.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use instructue::model::{SoftPrompt, VectorKind};
use instructue::pipeline::{
    AnswerVectorsRequest, EmbedRequest, Watch, check_embed_out, embed_answers, embed_users,
    open_answers,
};
use instructue_examples::{Console, Opened, Users, finish, instruction, parse, say};

/// Which vectors of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Vectors {
    /// Vectors of length 1, to compare by cosine with each other and with texts.
    Unit,
    /// Vectors from which a model of your own learns more.
    State,
    /// Vectors for a vector store: by cosine with an instruction's, which go to a file beside
    /// them, users are found who answer yes to it.
    Answers,
}

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
    /// Which vectors.
    #[arg(long, value_enum, default_value = "unit")]
    vectors: Vectors,
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
    if arguments.vectors == Vectors::Answers {
        return answers(arguments, &opened, console);
    }
    let tuned = arguments.tuned.as_ref();
    let tuned = tuned.map(|file| SoftPrompt::load(file, &opened.model));
    let tuned = tuned.transpose()?;
    let classes = tuned.as_ref().map(|tuned| tuned.classes().to_vec());
    let request = EmbedRequest {
        reference: opened.reference,
        instructions: arguments.instruction.clone(),
        tuned,
        scorer: match (arguments.scores, arguments.vectors) {
            (true, _) => Some(arguments.users.scorer(&opened)?),
            (false, Vectors::State) => {
                open_answers(&arguments.users.model, &opened.ingested.store)?
            }
            (false, _) => None,
        },
        scores: arguments.scores,
        kind: match arguments.vectors {
            Vectors::State => VectorKind::State,
            _ => VectorKind::Unit,
        },
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

/// Vectors of the answer scorer.
fn answers(
    arguments: &Arguments,
    opened: &Opened,
    mut console: Console,
) -> Result<(), Box<dyn std::error::Error>> {
    if arguments.tuned.is_some() || arguments.scores {
        return Err("--vectors answers: expected neither --tuned nor --scores beside it".into());
    }
    let scorer = arguments.users.scorer(opened)?;
    let request = AnswerVectorsRequest {
        reference: opened.reference,
        instructions: arguments.instruction.clone(),
        allow_empty: arguments.allow_empty,
    };
    let store = &opened.ingested.store;
    let out = &arguments.out;
    let written = embed_answers(&scorer, store, &request, out, &mut |stage| {
        console.progress(stage);
    })?;
    console.done();
    say!(
        "wrote {}: {} users, 1 column of {} numbers",
        written.users.display(),
        written.count,
        written.width
    );
    if let Some(questions) = &written.questions {
        say!("wrote {}: their instructions", questions.display());
    }
    say!("next: the users of greatest cosine with an instruction are likeliest to answer yes.");
    Ok(())
}

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    finish(parse(arguments).and_then(|arguments| run(&arguments)))
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
