//! Asks a trained model about one user: the answer in words, the nearest
//! descriptions, and what the instruction changed about the vector.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use instructue::model::{AnswerOptions, Decoding};
use instructue::pipeline::{AskRequest, ask_user, known_answers};
use instructue_examples::{Console, Users, finish, instruction, parse};

/// Training answers to compare with, unless descriptions are given.
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
    let mut console = Console::new();
    let opened = arguments.users.open(&mut console)?;
    console.done();
    let descriptions = if arguments.description.is_empty() {
        known_answers(&arguments.users.model, KNOWN_ANSWERS)?
    } else {
        arguments.description.clone()
    };
    let decoding = arguments
        .top_p
        .map_or(Decoding::Greedy, |top_p| Decoding::Nucleus {
            top_p,
            temperature: arguments.temperature,
            seed: arguments.seed,
        });
    let request = AskRequest {
        user: arguments.user.clone(),
        reference: opened.reference,
        instruction: arguments.instruction.clone(),
        descriptions,
        nearest: arguments.nearest,
        options: AnswerOptions {
            decoding,
            ..AnswerOptions::default()
        },
    };
    let mut out = std::io::stdout();
    let mut begun = false;
    let asked = ask_user(
        &opened.model,
        &opened.ingested.store,
        &request,
        &mut |piece| {
            // Whoever closed the pipe does not want the rest.
            let start = if begun { "" } else { "answer: " };
            let piece = if begun { piece } else { piece.trim_start() };
            let _ = write!(out, "{start}{piece}").and_then(|()| out.flush());
            begun = true;
        },
    )?;
    println!("{}", if asked.ended { "" } else { " … (cut)" });
    let events: Vec<String> = asked
        .events
        .iter()
        .map(|(source, count)| format!("{source} {count}"))
        .collect();
    println!("read: {}", events.join(", "));
    if !asked.has_events {
        let reference = opened.reference;
        println!("note: this user has no event in the windows before {reference}");
    }
    println!(
        "vector: state of length {:.2}; cosine with the general vector {:.3}",
        asked.state_norm, asked.cosine_to_general
    );
    if asked.nearest.is_empty() {
        println!("nearest: nothing to compare with (--description \"…\")");
    }
    for (text, cosine) in &asked.nearest {
        println!("  {cosine:+.3}  {text}");
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
