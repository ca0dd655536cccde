//! Embeds all users of a data set with a trained model: one row per user, one vector column per
//! instruction.

use std::path::PathBuf;

use crate::say::say;
use crate::{Command, Console, Opened, Outcome, Users, instruction};
use clap::{Parser, ValueEnum};
use instructue::model::{SoftPrompt, VectorKind};
use instructue::pipeline::{
    AnswerVectorsRequest, EmbedRequest, Watch, check_embed_out, embed_answers, embed_users,
    open_answers,
};
use serde_json::json;

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

/// Writes vectors of all users as Parquet: an id, and a list of numbers for each instruction.
#[derive(Debug, Parser)]
pub struct Embed {
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

impl Command for Embed {
    const NAME: &'static str = "embed";
    const EXAMPLE: Option<&'static str> = Some("embed_users");

    fn run(&self) -> Outcome {
        let arguments = self;
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
        Ok(json!({
            "out": embedded.path,
            "users": embedded.users,
            "columns": embedded.columns,
            "width": embedded.width,
            "answers": embedded.answers,
            "scores": embedded.scores,
            "reference": opened.reference.to_string(),
        }))
    }
}

/// Vectors of the answer scorer.
fn answers(arguments: &Embed, opened: &Opened, mut console: Console) -> Outcome {
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
    Ok(json!({
        "out": written.users,
        "questions": written.questions,
        "users": written.count,
        "width": written.width,
        "reference": opened.reference.to_string(),
    }))
}
