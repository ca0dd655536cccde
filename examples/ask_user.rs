//! Asks a trained model about one user: the answer in words, the nearest descriptions, and how
//! the instruction changed the vector.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use instructue::model::{AnswerOptions, Decoding};
use instructue::pipeline::{
    AskRequest, ask_user, known_answers, open_answers, score_user, statement,
};
use instructue::schema::Timestamp;
use instructue_examples::{Console, Users, finish, instruction, parse, print_piece, say};

/// The number of training answers that are compared, unless descriptions are given.
const KNOWN_ANSWERS: usize = 2_000;

/// Prints the answer as it is made.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    users: Users,
    /// The user's id.
    #[arg(long)]
    user: String,
    /// What to ask; without it the general vector is shown.
    #[arg(long, value_parser = instruction)]
    instruction: Option<String>,
    /// A text to compare the user with; several may be given. Default: the most
    /// frequent answers of the training set beside the model.
    #[arg(long)]
    description: Vec<String>,
    /// How many of the nearest descriptions to show.
    #[arg(long, default_value_t = 5)]
    nearest: usize,
    /// Draw each word among the likeliest that together reach this share (0 to 1)
    /// rather than take the likeliest.
    #[arg(long)]
    top_p: Option<f64>,
    /// Flattens (above 1) or sharpens (below 1) the draw; only with --top-p.
    #[arg(long, default_value_t = 1.0, requires = "top_p")]
    temperature: f64,
    /// Another seed gives another draw; only with --top-p.
    #[arg(long, default_value_t = 0, requires = "top_p")]
    seed: u64,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let decoding = arguments
        .top_p
        .map_or(Decoding::Greedy, |top_p| Decoding::Nucleus {
            top_p,
            temperature: arguments.temperature,
            seed: arguments.seed,
        });
    let mut request = AskRequest {
        user: arguments.user.clone(),
        reference: Timestamp(0),
        instruction: arguments.instruction.clone(),
        descriptions: arguments.description.clone(),
        nearest: arguments.nearest,
        options: AnswerOptions {
            decoding,
            ..AnswerOptions::default()
        },
    };
    // The request is checked before anything is read.
    request.validate()?;
    let mut console = Console::new();
    let opened = arguments.users.open(&mut console)?;
    console.done();
    request.reference = opened.reference;
    if request.descriptions.is_empty() {
        request.descriptions = known_answers(&arguments.users.model, KNOWN_ANSWERS)?;
    }
    let store = &opened.ingested.store;
    let scorer = open_answers(&arguments.users.model, store)?;
    if let Some((scorer, text)) = scorer.zip(request.instruction.as_deref()) {
        let score = score_user(&scorer, store, &request.user, request.reference, text)?;
        if let Some(answer) = statement(text, score >= 0.5) {
            say!("answer: {answer}");
        }
        say!("probability of a yes: {score:.3}");
    }
    let mut started = false;
    let asked = ask_user(
        &opened.model,
        &opened.ingested.store,
        &request,
        &mut |piece| {
            let start = if started { "" } else { "generated: " };
            let piece = if started { piece } else { piece.trim_start() };
            print_piece(&format!("{start}{piece}"));
            started = true;
        },
    )?;
    say!("{}", if asked.ended { "" } else { " … (cut)" });
    let events: Vec<String> = asked
        .events
        .iter()
        .map(|(source, count)| format!("{source} {count}"))
        .collect();
    say!("read: {}", events.join(", "));
    if !asked.has_events {
        let reference = opened.reference;
        say!("note: this user has no event in the windows before {reference}");
    }
    say!(
        "vector: state of length {:.2}; cosine with the general vector {:.3}",
        asked.state_norm,
        asked.cosine_to_general
    );
    if asked.nearest.is_empty() {
        say!("nearest: nothing to compare with (--description \"…\")");
    }
    for (text, cosine) in &asked.nearest {
        say!("  {cosine:+.3}  {text}");
    }
    Ok(())
}

/// The program with these arguments, the first being its name.
pub fn program(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    finish(parse(arguments).and_then(|arguments| run(&arguments)))
}

fn main() -> ExitCode {
    program(std::env::args_os())
}
